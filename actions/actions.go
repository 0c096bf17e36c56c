// Package actions puts bans into the kernel. The daemon builds an Enforcer with
// Open and the warden drives it. It must never see log text: a prefix and a
// duration are all that crosses into it, and the one program it starts
// (iptables, through go-iptables, never per ban where ipset is there) gets a
// fixed argument list. It never decides: whom to spare is settled before.
package actions

import (
	"net/netip"
	"time"
)

// Options of every enforcer. The zero value is the default.
type Options struct {
	// Chain is our chain and the stem of our sets; "" is "pbxjail". Whatever
	// else stands in it is taken for a leftover of ours and removed. On FreePBX
	// with the filter hook it has to contain "f2b", or its firewall flushes it.
	Chain string
	// Hook is "raw" (PREROUTING; the default) or "filter" (INPUT). raw is before
	// conntrack, so a ban ends established UDP flows too. In filter we go in at
	// position 1, but a rule put before us later that accepts ESTABLISHED keeps
	// such a flow alive: conntrack entries are not deleted here.
	Hook string
	// MaxElem is how many members each family holds; 0 is 262144. Plain rules
	// are walked one by one for every packet and stop at 4096 whatever it says.
	MaxElem uint32
}

// MaxTimeout is the longest ban that an ipset can hold: its timeout is kept in
// milliseconds in 31 bits (ipset(8) timeout). Ban cuts to it, and whoever wants
// longer calls Ban again before it is over.
const MaxTimeout = 2147483 * time.Second

// Enforcer drops packets. All methods may be called from any goroutine.
type Enforcer interface {
	// Name says what it is and where it hooks: for people, such as "ipset, raw PREROUTING, v4 and v6".
	Name() string
	// Setup makes chain, sets and hooks, or repairs what is missing of them. It
	// leaves members that are there in place, and may be called again at any time.
	// degraded says, for the operator, what could not be had (such as IPv6); err means nothing is enforced.
	Setup() (degraded []string, err error)
	// Ban drops all packets from p for d, rounded up to whole seconds and cut to
	// MaxTimeout; 0 is for ever. A ban that is there is replaced by the new time,
	// and its counters start again. p is masked, and IPv4 in IPv6 is IPv4. A /0
	// is refused, and so is a family that is not enforced.
	Ban(p netip.Prefix, d time.Duration) error
	// Unban lets p through at once, but not what a wider ban holds. A prefix that is not banned is no error.
	Unban(p netip.Prefix) error
	// Each calls yield for every member the kernel holds, in no order, with the time left
	// (0: for ever) and what it has dropped. yield must not call the enforcer.
	Each(yield func(p netip.Prefix, left time.Duration, packets, bytes uint64)) error
	// Teardown removes what is ours and nothing else. Bans end with it.
	Teardown() error
	// Close gives up sockets; members stay in the kernel. It is the last call.
	Close() error
}

// Expirer is an Enforcer whose kernel does not end bans by itself. The daemon
// calls Expire every second; while nobody does, bans outlive their time.
type Expirer interface {
	Expire(now time.Time) error
}
