// Package home knows which accounts are at home at which address: an account is at home
// where it logged in with a password. A failure of an account at home leads to no ban
// there. A log-in after many failures is an alarm. When many accounts fail at the same
// time, something on the PBX is broken.
//
// The judge asks it about each offence and reports each log-in to it; the warden keeps in
// the ledger what it learned. Homes is pure, bounded, and not safe for concurrent use. It
// must never decide on a ban, and never make a home of what is not a log-in with a password.
package home
