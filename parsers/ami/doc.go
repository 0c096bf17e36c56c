// Package ami reads the manager interface: log-ins and our responses.
// Package sensor calls it. It takes bytes, keeps nothing, and never panics: for bytes
// that it cannot read it says so.
package ami
