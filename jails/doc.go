// Package jails gives jail files their meaning: it weighs events, decides on bans, and
// says why. The warden calls it for the daemon, with an enforcer and a ledger; a replay
// needs it alone.
//
// A Judge is pure: events and a clock in, verdicts out; it has no lock, no log, no kernel
// and no disk. What it decides by it asks of rooms that decide nothing: jails/witness what
// packets say of a record, jails/tally what an address did, jails/home who is at home
// there, jails/fraud what attempts have in common, jails/book what was banned before.
// Whatever an attacker can choose the number of is bounded here and there.
//
// Logs are text that callers help to write. A record whose address sent nothing is forged,
// whatever it says, and the wire is itself one more witness of each attempt.
//
// It must never ban an address that the Guard protects, and nothing that it hands to an
// enforcer is text.
package jails
