// Package warden keeps the bans of a running daemon: it asks a jails.Judge about
// each event, puts what was decided into the kernel, and then into the ledger.
//
// The daemon calls it. A judge has no lock, no log and no goroutine: the warden adds
// them. It knows the firewall and the ledger only by the interfaces it declares. The
// clock is an argument; only Run reads it.
//
// It must never enforce a ban that neither the judge decided nor a person ordered,
// and never wait for a disk or a log between an event and its ban.
package warden
