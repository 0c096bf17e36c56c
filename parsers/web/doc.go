// Package web reads HTTP of Asterisk's own server: path, log-in and status.
// Package sensor calls it. It takes bytes, keeps nothing, and never panics: for bytes
// that it cannot read it says so.
package web
