// Package iax reads IAX2 frames: registration, authentication and new calls.
// Package sensor calls it. It takes bytes, keeps nothing, and never panics: for bytes
// that it cannot read it says so.
package iax
