// Package jails applies jail files: it weighs events, decides on bans, and gives the
// reasons. The warden calls it for the daemon, with an enforcer and a ledger; a replay
// needs this package only.
//
// A Judge is pure: events and a clock in, verdicts out; it has no lock, no log, no kernel
// and no disk. It asks packages that decide nothing: jails/witness whether packets confirm
// a record, jails/tally what an address did, jails/home which accounts are at home there,
// jails/fraud what attempts have in common, jails/book what was banned before. Everything
// whose number an attacker can choose is bounded, here and there.
//
// Callers can write parts of the logs. A record is forged when its address sent no packet.
// The wire is also one more witness of each attempt.
//
// It must never ban an address that the Guard protects, and must never pass text to an
// enforcer.
package jails
