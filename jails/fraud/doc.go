// Package fraud sees what single attempts do not show: many accounts from one address, one
// account from many addresses, one number dialled with many prefixes, calls abroad without
// an account, challenges that are never answered. Package jails calls it for each offence
// and each challenge, and changes the points of the attempt by the result.
//
// One attempt is reported by several logs, and by some of them twice, so every rule
// counts distinct things and never lines. Whatever is remembered has a fixed size
// and is bounded in number; the key that was quiet the longest makes room, and what
// is lost that way is counted. Hashes have seeds of their own in each Sense, so
// that an attacker cannot aim at a collision.
//
// It must never decide: it bans no address, reads no clock and starts nothing. No text
// of a log leaves it: a Finding is a static name and numbers.
package fraud
