// Package iax reads IAX2 frames: registration, authentication and new calls.
// Package sensor calls it. It takes bytes, keeps nothing, and never fails loudly:
// what it cannot read it says so.
package iax
