// Package actions puts bans into the kernel. The daemon builds an Enforcer and
// the warden drives it. It must never see log text: a prefix and a duration are
// all that crosses into it, and a program it starts gets a fixed argument list.
package actions

import (
	"net/netip"
	"time"
)

// Options of every enforcer. The zero value is the default.
type Options struct {
	Chain   string // our chain and the stem of our sets; "" is "pbxjail"
	Hook    string // "raw" (PREROUTING, before conntrack; the default) or "filter" (INPUT)
	MaxElem uint32 // members a set can hold; 0 is 262144
}

// Enforcer drops packets. All methods may be called from any goroutine.
type Enforcer interface {
	// Name says what it is and where it hooks: for people, such as "ipset, raw PREROUTING, v4 and v6".
	Name() string
	// Setup makes chain, sets and hooks, or repairs what is missing of them. It
	// leaves members that are there in place, and may be called again at any time.
	// degraded says, for the operator, what could not be had (such as IPv6); err means nothing is enforced.
	Setup() (degraded []string, err error)
	// Ban drops all packets from p for d, at least a second; a ban that is there is replaced by the new time.
	Ban(p netip.Prefix, d time.Duration) error
	// Unban lets p through at once. A prefix that is not banned is no error.
	Unban(p netip.Prefix) error
	// Each calls yield for every member the kernel holds, with the time left (0: for ever) and what it has dropped.
	Each(yield func(p netip.Prefix, left time.Duration, packets, bytes uint64)) error
	// Teardown removes what is ours and nothing else. Bans end with it.
	Teardown() error
	// Close gives up sockets; members stay in the kernel.
	Close() error
}
