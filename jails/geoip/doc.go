// Package geoip says where an address is: its country, the network that announces
// it, and whose that is. It reads MaxMind DB files of three makes (MaxMind, DB-IP,
// ip-location-db), several at once, and has one embedded, so that countries are
// known without any configuration. The daemon and jailctl call it.
//
// Files are read into memory, not mapped: to truncate a mapped file that is in use ends the
// process with SIGBUS, and cp(1) over an old file does that. The price is that a file's
// size is held in memory, once more while it is replaced.
//
// A file that cannot be used never removes data: the one before stays in use, and Problems
// reports it. Only Update, which an operator calls, may use the network. Nothing may delay
// Place: it is called between a line and its ban.
package geoip
