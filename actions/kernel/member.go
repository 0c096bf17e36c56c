package kernel

import (
	"fmt"
	"net/netip"
	"time"

	"pbxjail/configs/hint"
	"pbxjail/configs/prefix"
)

// NotCounted is what Check returns as the number of members when only this process changed
// members and counting them would take long.
const NotCounted = -1

// MaxTimeout is the longest ban that an ipset can hold: its timeout is kept in milliseconds
// in 31 bits (ipset(8) timeout). Ban cuts longer times to it. For a longer ban, the caller
// calls Ban again before the first one ends.
const MaxTimeout = 2147483 * time.Second

// Options of every enforcer. The zero value is the default.
type Options struct {
	// Chain is our chain and the stem of our sets; "" is "pbxjail". Other rules in this
	// chain are treated as old rules of ours and removed. On FreePBX with the filter hook
	// it has to contain "f2b", or its firewall flushes it.
	Chain string
	// Hook is "raw" (PREROUTING; the default) or "filter" (INPUT). raw is before conntrack,
	// so a ban ends established UDP flows too. In filter our rule is at position 1, and the
	// conntrack entries of banned addresses are deleted, because another program may later
	// put a rule before ours that accepts ESTABLISHED.
	Hook string
	// MaxElem is how many members each family holds at most; 0 is 1048576. Plain rules are
	// compared one by one with every packet and stop at 4096 in any case.
	MaxElem uint32
	// EndTCP also ends the TCP connections of banned addresses on our own side, with either
	// hook: the sockets are aborted and the kernel sends a reset. Without it they stay open
	// until they time out. It takes CONFIG_INET_DIAG_DESTROY (Linux 4.5); a kernel without
	// is reported as degraded. Connections of addresses that are only in a list continue.
	EndTCP bool
	// Groups are the ports that bans may close apart from all others, by their Service:
	// see Enforcer.Split, which changes them.
	Groups []Port
	// Reject answers packets from banned or listed addresses with "port unreachable"
	// instead of dropping them. It takes the hook "filter": before it nothing can be
	// answered.
	Reject bool
}

// Missing says that this host lacks what a kind of enforcer needs, such as a program or
// a part of the kernel: an enforcer of another kind may still work.
type Missing string

func (m Missing) Error() string { return string(m) }

// Member is an entry of a set: a prefix, and what the kernel keeps with it.
type Member struct {
	Prefix         netip.Prefix
	Seconds        uint32 // time left; 0 is without end
	Static         bool   // of a set without timeouts
	Packets, Bytes uint64
}

// ErrClosed is the answer of an enforcer after Close.
var ErrClosed = hint.New("start pbxjail: systemctl start pbxjail; then give the command again", "pbxjail is stopping, so the firewall is not changed")

// Canonical is p as every enforcer holds it: masked, without a zone, IPv4 in IPv6
// as IPv4. It is never wider than p.
func Canonical(p netip.Prefix) (netip.Prefix, error) {
	if !p.IsValid() {
		return netip.Prefix{}, hint.Errorf("write an address or a network, such as 203.0.113.7 or 203.0.113.0/24", "%s is not an address or a network", p)
	}
	if prefix.Mixed(p) || prefix.Unmap(p).Bits() == 0 {
		return netip.Prefix{}, hint.Errorf("ban a smaller network. To block all IPv4 or all IPv6, add a rule of your own to the firewall", "%s is not banned: this network contains every address", p)
	}
	return prefix.Unmap(p), nil
}

// Seconds rounds a bantime up, so that a ban is never shorter than requested, except for
// the kernel's limit. 0 stays 0: without end.
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

// Full is the error of Ban when there is no room for another member.
func Full(where string) error {
	return hint.Errorf("in the files in /etc/pbxjail.d, write a shorter bantime; or write widen: {members: 5}, and pbxjail bans a network when 5 of its addresses attack"+ReloadHint+". To end a ban now: jailctl unban ADDRESS", "%s is full", where)
}

// More names the first of a list.
func More(list []Member) string {
	if len(list) == 1 {
		return list[0].Prefix.String()
	}
	return fmt.Sprintf("%s and %d more", list[0].Prefix, len(list)-1)
}
