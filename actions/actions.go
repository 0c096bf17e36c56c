// Package actions puts bans into the kernel. The daemon builds an Enforcer with
// Open and the warden drives it. Each kind of enforcer has a folder of its own; a new one
// is a folder and a line in kinds. It must never see log text: a prefix and a duration are
// all that crosses into it, and the one program it starts (iptables, through go-iptables,
// at set-up and for repairs, never for a ban where ipset or nftables is there) gets a fixed
// argument list. It never decides: which addresses to spare is settled before.
package actions

import (
	"iter"
	"net/netip"
	"time"

	"pbxjail/actions/kernel"
	"pbxjail/actions/xtables"
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
	// had nothing to make: if not, Setup must look closer. members is how many bans
	// the kernel holds, or NotCounted. A flow that outlives the ban of its source ends here at last.
	Check() (intact bool, members int, err error)
	// Ban drops all packets from p for d, rounded up to whole seconds and cut to
	// MaxTimeout; 0 is for ever. A ban that is there is replaced by the new time,
	// and its counters start again. p is masked, and IPv4 in IPv6 is IPv4. A /0
	// is refused, and so is a family that is not enforced.
	Ban(p netip.Prefix, d time.Duration) error
	// BanAll is Ban for many, in few messages to the kernel. After an error any of
	// them may be in: Ban tells which.
	BanAll(bans iter.Seq2[netip.Prefix, time.Duration]) error
	// Replace makes a list drop all packets from these prefixes, without an end, beside
	// the bans and after them, in one step: there is no moment in which half of it
	// holds. nil removes the list, an empty one keeps it. The name is at most 16
	// letters of [a-z0-9-]. The slice is kept, to put back what is lost: it must not
	// change. A family that is not enforced has no list either; a /0 is refused. A
	// list outlives the process, like bans.
	Replace(list string, prefixes []netip.Prefix) error
	// Lists are the names of the lists there are, those of a run before included.
	Lists() []string
	// Unban lets p through at once, but not what a wider ban holds. A prefix that is not banned is no error.
	Unban(p netip.Prefix) error
	// Each calls yield for every member the kernel holds, in no order, with the time left
	// (0: for ever) and what it has dropped. yield must neither call the enforcer nor
	// wait for anybody who does.
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
