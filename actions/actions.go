// Package actions puts bans into the kernel. The daemon builds an Enforcer with Open and
// the warden drives it. Each kind of enforcer has a folder of its own; a new one is a
// folder and a line in kinds. It must never see log text: it receives only prefixes,
// durations and ports. It starts iptables (through go-iptables) at set-up and for repairs,
// and iptables-restore for a ban where there is neither ipset nor nftables. These programs
// get a fixed argument list. It decides nothing: jails and warden choose which addresses
// are banned and which are spared.
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

// MaxTimeout is the longest ban that an enforcer can hold. Ban cuts longer times to it. For
// a longer ban, the caller calls Ban again before the first one ends.
const MaxTimeout = kernel.MaxTimeout

// NotCounted is what Check returns as the number of members when only this process changed
// members and counting them would take long.
const NotCounted = kernel.NotCounted

// PacketRules keeps the rules of package packets in the kernel.
type PacketRules = xtables.PacketRules

// Counted is a packet rule and what the kernel counted of it.
type Counted = xtables.Counted

// Dropped counts dropped packets and their bytes.
type Dropped = kernel.Dropped

// NewPacketRules has no rules yet, and touches nothing. Of the options Chain and Hook
// count, and Chain is that of the bans.
func NewPacketRules(o Options) (*PacketRules, error) { return xtables.NewPacketRules(o) }

// Enforcer drops packets. All methods may be called from any goroutine.
type Enforcer interface {
	// Name is the kind of the enforcer and its hook, as text for people, such as "ipset,
	// raw PREROUTING, v4 and v6".
	Name() string
	// Setup makes chain, sets and hooks, or repairs what is missing of them. It keeps the
	// members that are there, and may be called again at any time. made names what was
	// missing or changed, and is empty when nothing was. degraded lists, for the operator,
	// what does not work (such as IPv6). err means that nothing is enforced.
	Setup() (made, degraded []string, err error)
	// Check reports whether everything is as the last Setup that changed nothing left it.
	// It starts no program. If it reports false, call Setup. members is the number that
	// Each would yield, or NotCounted. Check also ends flows of banned sources that are
	// still open.
	Check() (intact bool, members int, err error)
	// Split sets the groups of ports that a ban can close alone, each named by its Service.
	// A group whose ports changed keeps its bans. The bans of a group that is no longer in
	// the list are removed. Split may start programs. It is called when Asterisk's
	// configuration or a jail changes, never for a ban.
	Split(groups []Port) error
	// Ban drops the packets from p to some ports for d, rounded up to whole seconds and cut
	// to MaxTimeout; 0 means without end. An existing ban is replaced (ports and time) and
	// its counters start again; meanwhile no packet passes that both bans drop. p is
	// masked, and IPv4 in IPv6 is IPv4. A /0, a family that is not enforced, and ports that
	// are no group are errors.
	Ban(p netip.Prefix, to ports.Set, d time.Duration) error
	// BanAll is Ban for many prefixes, in few messages to the kernel. After an error any of
	// them may be banned: call Ban for each to know which.
	BanAll(bans iter.Seq[ports.Ban]) error
	// Replace makes a list drop packets from these prefixes to some ports, without an end,
	// beside the bans and after them; no ranges are every port. The prefixes change in one
	// step: at no time is only a part in force. nil prefixes remove the list; an empty
	// slice keeps it empty. The name is at most 16 letters of [a-z0-9-]. The enforcer keeps
	// the slices for repairs: the caller must not change them. A family that is not
	// enforced has no list either; a /0 is refused. A list outlives the process, like bans.
	Replace(list string, to []ports.Range, prefixes []netip.Prefix) error
	// Lists are the names of the lists there are, those of a run before included.
	Lists() []string
	// Unban removes the ban of p for all ports at once. A wider ban that includes p stays.
	// A prefix that is not banned is no error.
	Unban(p netip.Prefix) error
	// Each calls yield for every member in the kernel, in no order. A ban of several groups
	// comes once for each group. yield must not call the enforcer, and must not wait for a
	// goroutine that does.
	Each(yield func(ports.Held)) error
	// Teardown removes everything that pbxjail made, and nothing else. All bans end.
	Teardown() error
	// Close closes the sockets; members stay in the kernel. It is the last call.
	Close() error
}

// Expirer is an Enforcer whose kernel does not end bans by itself. The daemon calls Expire
// every second. Without these calls, bans do not end.
type Expirer interface {
	Expire(now time.Time) error
}

// Counter is an Enforcer whose rules count what they drop.
type Counter interface {
	// Dropped is what the rules of bans and lists dropped, by chain, since each chain was
	// made: a repair begins at 0 again. It starts no program, and takes no time that grows
	// with the bans.
	Dropped() (map[string]Dropped, error)
}
