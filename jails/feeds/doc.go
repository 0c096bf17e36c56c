// Package feeds keeps the lists of bad addresses that others publish: it fetches
// and reads them, answers which of them list an address, and hands those that ban
// by themselves to an enforcer. The daemon runs a Feeds; jailctl calls Parse.
//
// What a feed says is hearsay. It must never name an address that is protected, or
// that no packet from elsewhere can carry, and it must never grow without a limit.
// A feed that breaks leaves the last good copy in place: in memory, and on disk for
// the next start. Nothing waits for the network but Run.
package feeds
