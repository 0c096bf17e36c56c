// Package actions puts bans into the kernel. The daemon builds an Enforcer with
// Open and the warden drives it. Each kind of enforcer has a folder of its own; a new one
// is a folder and a line in kinds. It must never see log text: a prefix and a duration are
// all that crosses into it, and the programs it starts (iptables, through go-iptables, at
// set-up and for repairs, and iptables-restore for a ban where neither ipset nor nftables is
// there) get a fixed argument list. It never decides: which addresses to spare is settled before.
package actions

import (
	"iter"
	"net/netip"
	"time"

	"pbxjail/actions/kernel"
	"pbxjail/actions/xtables"
	"pbxjail/configs/ports"
)

// Options of every enforcer. The zero value is the default.
type Options = kernel.Options

// MaxTimeout is the longest ban that an enforcer can hold. Ban cuts to it, and whoever
// wants longer calls Ban again before it is over.
const MaxTimeout = kernel.MaxTimeout

// NotCounted is what Check gives for the number of members when nobody but us
// changed any, and to count them is dear.
const NotCounted = kernel.NotCounted

// PacketRules keeps the rules of package packets in the kernel.
type PacketRules = xtables.PacketRules

// Counted is a packet rule and what the kernel counted of it.
type Counted = xtables.Counted

// NewPacketRules has no rules yet, and touches nothing. Of the options Chain and Hook
// count, and Chain is that of the bans.
func NewPacketRules(o Options) (*PacketRules, error) { return xtables.NewPacketRules(o) }

// Enforcer drops packets. All methods may be called from any goroutine.
type Enforcer interface {
	// Name says what it is and where it hooks: for people, such as "ipset, raw PREROUTING, v4 and v6".
	Name() string
	// Setup makes chain, sets and hooks, or repairs what is missing of them. It
	// leaves members that are there in place, and may be called again at any time.
	// made names what was not there, or not as it should be: nothing, when all was well.
	// degraded says, for the operator, what could not be had (such as IPv6); err means nothing is enforced.
	Setup() (made, degraded []string, err error)
	// Check looks, without starting a program, whether all is as a Setup left it that
	// had nothing to make: if not, Setup must look closer. members is how many Each would
	// give, or NotCounted. A flow that outlives the ban of its source ends here at last.
	Check() (intact bool, members int, err error)
	// Split makes the groups of ports that bans may close apart from all others, by their
	// Service; a group of which other ports are known now keeps its bans. Who was banned
	// in a group that is not named any more is let out of it. It may start programs, and
	// is called when Asterisk's configuration or a jail changes, never for a ban.
	Split(groups []Port) error
	// Ban drops the packets from p to some ports for d, rounded up to whole seconds and cut
	// to MaxTimeout; 0 is for ever. A ban that is there is replaced, ports and time, and its
	// counters start again; nothing passes meanwhile that both of them drop. p is masked,
	// and IPv4 in IPv6 is IPv4. A /0 is refused, and so are a family that is not enforced
	// and ports that are no groups.
	Ban(p netip.Prefix, to ports.Set, d time.Duration) error
	// BanAll is Ban for many, in few messages to the kernel. After an error any of
	// them may be in: Ban tells which.
	BanAll(bans iter.Seq[ports.Ban]) error
	// Replace makes a list drop packets from these prefixes to some ports, without an end,
	// beside the bans and after them; no ranges are every port. The prefixes change in one
	// step: there is no moment in which half of them hold. nil prefixes remove the list, no
	// prefixes keep it. The name is at most 16
	// letters of [a-z0-9-]. The slices are kept, to put back what is lost: they must not
	// change. A family that is not enforced has no list either; a /0 is refused. A
	// list outlives the process, like bans.
	Replace(list string, to []ports.Range, prefixes []netip.Prefix) error
	// Lists are the names of the lists there are, those of a run before included.
	Lists() []string
	// Unban lets p through to all ports at once, but not what a wider ban holds. A prefix that is not banned is no error.
	Unban(p netip.Prefix) error
	// Each calls yield for every member the kernel holds, in no order: a ban of several
	// groups comes once for each. yield must neither call the enforcer nor wait for
	// anybody who does.
	Each(yield func(ports.Held)) error
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
