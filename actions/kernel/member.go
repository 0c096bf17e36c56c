package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"pbxjail/configs/hint"
	"pbxjail/configs/prefix"
)

// NotCounted is what Check gives for the number of members when nobody but us
// changed any, and to count them is dear.
const NotCounted = -1

// MaxTimeout is the longest ban that an ipset can hold: its timeout is kept in
// milliseconds in 31 bits (ipset(8) timeout). Ban cuts to it, and whoever wants
// longer calls Ban again before it is over.
const MaxTimeout = 2147483 * time.Second

// Options of every enforcer. The zero value is the default.
type Options struct {
	// Chain is our chain and the stem of our sets; "" is "pbxjail". Whatever
	// else stands in it is taken for a leftover of ours and removed. On FreePBX
	// with the filter hook it has to contain "f2b", or its firewall flushes it.
	Chain string
	// Hook is "raw" (PREROUTING; the default) or "filter" (INPUT). raw is before
	// conntrack, so a ban ends established UDP flows too. In filter we go in at
	// position 1, and the conntrack entries of who is banned are deleted, for a rule
	// put before us later that accepts ESTABLISHED.
	Hook string
	// MaxElem is how many members each family holds at most; 0 is 1048576. Plain rules
	// are walked one by one for every packet and stop at 4096 whatever it says.
	MaxElem uint32
	// EndTCP ends the TCP connections of who is banned on our own side too, with either
	// hook: their sockets are aborted and the peer is sent a reset. Without it they stay
	// open until they time out. It takes CONFIG_INET_DIAG_DESTROY (Linux 4.5); a kernel
	// without is reported as degraded. Connections of who is in a list alone go on.
	EndTCP bool
	// Groups are the ports that bans may close apart from all others, by their Service:
	// see Enforcer.Split, which changes them.
	Groups []Port
	// Reject answers the packets of who is banned, or in a list, with "port unreachable" in
	// place of dropping them. It takes the hook "filter": before it nothing can be answered.
	Reject bool
}

// Missing says that this host lacks what a kind of enforcer needs, such as a program or
// a part of the kernel: an enforcer of another kind may still work.
type Missing string

func (m Missing) Error() string { return string(m) }

// Member is what a set holds: a prefix, and what the kernel keeps with it.
type Member struct {
	Prefix         netip.Prefix
	Seconds        uint32 // left; 0 is for ever
	Static         bool   // of a set without timeouts
	Packets, Bytes uint64
}

// ErrClosed is the answer of an enforcer after Close.
var ErrClosed = errors.New("enforcer is closed")

// Canonical is p as every enforcer holds it: masked, without a zone, IPv4 in IPv6
// as IPv4. It is never wider than p.
func Canonical(p netip.Prefix) (netip.Prefix, error) {
	if !p.IsValid() {
		return netip.Prefix{}, fmt.Errorf("prefix %s is not valid", p)
	}
	if prefix.Mixed(p) || prefix.Unmap(p).Bits() == 0 {
		return netip.Prefix{}, hint.Errorf("ban smaller prefixes; to close the PBX to a whole family is the firewall's work", "refuse to ban %s: it is everybody", p)
	}
	return prefix.Unmap(p), nil
}

// Seconds rounds a bantime up, so that a ban is never shorter than asked, save
// for the kernel's limit. 0 stays 0: for ever.
func Seconds(d time.Duration) (uint32, error) {
	if d < 0 {
		return 0, fmt.Errorf("bantime %s is negative", d)
	}
	s := d / time.Second
	if d%time.Second > 0 {
		s++
	}
	return uint32(min(s, MaxTimeout/time.Second)), nil
}

// Order is the member that a call of Ban asks the kernel for.
func Order(p netip.Prefix, d time.Duration) (Member, error) {
	p, err := Canonical(p)
	if err != nil {
		return Member{}, err
	}
	left, err := Seconds(d)
	return Member{Prefix: p, Seconds: left}, err
}

// Full is what Ban answers when there is no room for another member.
func Full(where string) error {
	return hint.Errorf("shorten the bantime of the jails, or ban whole networks with widen in a jail, in place of single addresses", "%s is full", where)
}

// More names the first of a list.
func More(list []Member) string {
	if len(list) == 1 {
		return list[0].Prefix.String()
	}
	return fmt.Sprintf("%s and %d more", list[0].Prefix, len(list)-1)
}
