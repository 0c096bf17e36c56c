// Package configs reads the main file and the jail files into plain structs,
// and checks them. The daemon and jailctl call it.
//
// A file is either used as a whole or refused. Then every fault is reported, with file,
// line and what to do. Everything has an embedded default, so no file need exist. All
// functions may be called from any goroutine; they keep no state.
//
// It must never guess: an unknown key, a wrong unit or an address that is a name
// is an error. It compiles no patterns and knows no events: package jails does,
// and finds the line for its errors in Match.Line and Sample.Line.
package configs
