// Package book keeps what was decided: bans with the records that led to them, strikes of
// bans that are over, what an operator allows, and whether pbxjail is off.
//
// The judge writes bans and reads how often a prefix was banned before. The warden brings
// a Book into line with the kernel, and the ledger stores what is in it. A Book is pure and
// bounded, and none of its types is safe for concurrent use. It must never decide who is
// banned, and no text of a log is in the reason of a ban.
package book
