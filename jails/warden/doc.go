// Package warden keeps the bans of a running daemon: it asks a jails.Judge about
// each event, puts what was decided into the kernel, and then into the ledger.
//
// The daemon calls it. It has the lock, the log and the goroutine that a judge has
// not, and knows a firewall and a ledger only by the interfaces it declares. The
// clock is an argument; only Run, at the rim, reads it.
//
// It must never enforce what the judge did not decide or a person did not order,
// and never wait for a disk or a log between an event and its ban.
package warden
