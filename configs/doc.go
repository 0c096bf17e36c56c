// Package configs reads the main file and the jail files into plain structs,
// and checks them. The daemon and jailctl call it.
//
// A file is either taken whole or refused with every fault it has, each with
// file, line and what to do. Everything has an embedded default, so no file need
// exist. All functions may be called from any goroutine; they keep nothing.
//
// It must never guess: an unknown key, a wrong unit or an address that is a name
// is an error. It compiles no patterns and knows no events: package jails does,
// and finds the line to complain about in Match.Line and Sample.Line.
package configs
