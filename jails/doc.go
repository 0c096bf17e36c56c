// Package jails gives jail files their meaning: it weighs events, sums them up
// for each address within a jail's findtime, decides on bans, and keeps them.
//
// A Judge is pure: events and a clock in, bans out; it has no lock, no log, no
// kernel and no disk. Package jails/warden puts a Judge, an enforcer and a ledger
// together for the daemon; jailctl's replay needs the Judge alone. Whatever an
// attacker can choose the number of is bounded here.
//
// Logs are text that callers help to write. Witnesses of packets (Heard, Wire) stand
// beside them: a record whose address sent nothing is forged, whatever it says, and
// the wire is itself one more witness of each attempt.
//
// It must never ban an address that the Guard protects, and nothing that it
// hands to an enforcer is text.
package jails
