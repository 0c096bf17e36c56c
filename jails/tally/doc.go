// Package tally adds up what addresses, their customers and their networks did, for each
// jail, and decides what counts: one attempt that several witnesses report counts once.
//
// The judge alone calls it. A Table is pure, not safe for concurrent use, and bounded: the
// attacker chooses the number of addresses, so the one that was quiet for the longest time
// is removed. It must never decide: how much is enough is for the jail to say.
package tally
