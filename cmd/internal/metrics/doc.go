// Package metrics serves the daemon's counters to Prometheus, over HTTP on a loopback address
// or a Unix socket. The daemon gives it figures and runs it.
//
// It must never harm the daemon: it serves a bounded number of connections, each for a bounded
// time, and takes figures at most once a second, so that many scrapes cost no more than one.
// It must never have an address, an account or another text that an attacker chooses in a
// label: the number of series is bounded, by tests too.
package metrics
