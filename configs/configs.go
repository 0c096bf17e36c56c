// Package configs reads the main file and the jail files into plain structs,
// and checks them. The daemon and jailctl call it. It must never guess: an
// unknown key, a wrong unit or an address that is a name is an error with file,
// line and what to do. It compiles no patterns and knows no events: jails does.
package configs
