// Package history keeps what is over: each ban and each alarm about a password, with the
// accounts and numbers that were tried, in a file beside the ledger. The daemon copies it out
// of the ledger, asks it for jailctl history, and removes what is old.
//
// It is a file of its own because it can be large: ten million entries must delay neither the
// start, which reads the whole ledger, nor a write to the ledger. The ledger holds what is
// still to be copied, so a crash loses nothing. Questions have connections of their own, and
// wait for no writer.
//
// It must never decide, and nothing may wait for it: without a history pbxjail bans as
// before. Names that were tried are bytes of strangers; a reader must escape them.
package history
