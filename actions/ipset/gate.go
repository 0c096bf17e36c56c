package ipset

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
	"pbxjail/actions/xtables"
	"pbxjail/configs/prefix"
)

const (
	// gateBuckets is how large the table of a set is. A bucket takes 12 members, and a
	// packet cannot make the table larger: that bounds a set. What is over makes room in
	// its own bucket. gateFull is the number of members above which a new sender may find
	// no room: then one in a million does (12 or more in a bucket where 2 are expected).
	// gateElem is never reached: above it the kernel would search for expired members with
	// each packet, for 20 us.
	gateBuckets = 8192
	gateFull    = 2 * gateBuckets
	gateElem    = 16 * gateBuckets
	// gateSuffix ends the name of the chain of a Gate.
	gateSuffix = "-heard"
	// gateRetry is the time before a side that failed is tried again.
	gateRetry = time.Minute
	// trackEvery is how often it is asked whether connections are tracked by now.
	trackEvery = 5 * time.Second
)

// Gate makes the kernel remember the senders of packets to the ports of a service. It has
// two sets for each service, and one chain that comes after the bans and drops nothing. All
// methods may be called from any goroutine; Heard and Recent do not wait for other methods.
type Gate struct {
	options kernel.Options
	sets    *kernel.Sets
	view    *kernel.NftReader
	frame   kernel.GateFrame
	sides   [2]*gateSide // the lock of frame guards them
	tracked time.Time    // when it was asked last whether connections are tracked; guarded by it too
}

// gateSide is one address family.
type gateSide struct {
	label   string
	v6      bool
	chain   *xtables.Chain     // nil: there is no iptables for it yet
	other   *xtables.Chain     // that of the other hook
	settled *kernel.ChainState // after a setup that had nothing to do; nil: there was none
	down    error
	next    time.Time // when a side that is down is tried again
	sure    bool      // the rules of TCP ask whether there was a handshake
}

func (s *gateSide) family() uint8 {
	if s.v6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// OpenGate opens the sockets; Guard makes what is needed. All of o is filled in.
func OpenGate(o kernel.Options) (*Gate, error) {
	g := &Gate{options: o, sides: [2]*gateSide{{label: "IPv4"}, {label: "IPv6", v6: true}}}
	const longest = 28 - len(gateSuffix) // of a chain's name: XT_EXTENSION_MAXNAMELEN
	if len(o.Chain) > min(longest, maxStem) {
		return nil, kernel.LongChain(o.Chain, min(longest, maxStem))
	}
	err := g.openChain(g.sides[0])
	if err != nil {
		return nil, err
	}
	if g.view, err = kernel.OpenNftReader(); err != nil {
		return nil, err
	}
	if g.sets, err = kernel.OpenSets(); err != nil {
		g.view.Close()
		return nil, missing(err)
	}
	return g, nil
}

// maxStem is what a set's name leaves for our chain's: IPSET_MAXNAMELEN, without the zero,
// the service, and what is between.
const maxStem = 31 - len("_") - 7 - len("-4")

// openChain opens a chain in the table mangle. Connections are tracked before it, and
// packets of addresses banned in raw do not reach it. Addresses are translated after it, so
// that the ports are those of the packet.
func (g *Gate) openChain(s *gateSide) (err error) {
	name := g.options.Chain + gateSuffix
	if s.chain, err = xtables.OpenChain(s.v6, name, "mangle", "PREROUTING"); err != nil {
		return err
	}
	s.other, err = xtables.OpenChain(s.v6, name, "filter", "INPUT")
	if g.options.Hook == "filter" {
		s.chain, s.other = s.other, s.chain
	}
	return err
}

// Name describes the gate, as text for people.
func (g *Gate) Name() string { return "ipset" }

// Guard makes the kernel remember the senders of packets to these ports and to no others.
// An empty list removes all that a Gate made. degraded lists what cannot be remembered.
// Senders of an earlier run are still remembered.
func (g *Gate) Guard(ports []kernel.Port, now time.Time) (degraded []string, err error) {
	err = g.frame.Guard(ports, func() (err error) {
		_, degraded, err = g.setup(now)
		return err
	})
	return degraded, err
}

// setup makes what is missing of both families. the lock of frame is held.
func (g *Gate) setup(now time.Time) (made, degraded []string, err error) {
	var errs []error
	for _, s := range g.sides {
		var r xtables.Report
		s.down = g.setupSide(s, &r, now)
		for _, m := range r.Made {
			made = append(made, s.label+": "+m)
		}
		if s.down == nil {
			continue
		}
		s.next = now.Add(gateRetry)
		for _, name := range g.frame.Names() {
			g.frame.Coverage.SetBlind(name, s.v6, s.down.Error())
		}
		degraded = append(degraded, kernel.Note(s.label+": the kernel does not record who sends packets (heard)", s.down))
		errs = append(errs, s.down)
	}
	if len(errs) == len(g.sides) {
		return made, degraded, errs[0]
	}
	return made, degraded, nil
}

func (g *Gate) setupSide(s *gateSide, r *xtables.Report, now time.Time) error {
	if s.chain == nil {
		if err := g.openChain(s); err != nil {
			return err
		}
	}
	if s.other.There(g.view) {
		if err := s.other.Remove(); err != nil {
			return err
		}
	}
	if len(g.frame.Ports()) == 0 {
		return g.clearSide(s)
	}
	before, failed := s.chain.Look(g.view)
	absent := g.options.Hook != "filter" && s.chain.Absent(g.view) // there, the jump to the bans is in the same chain
	var rules []xtables.Rule
	var err error
	if !absent {
		if rules, err = s.chain.Ensure(r); err != nil {
			return err
		}
	}
	wasSure := s.sure || slices.ContainsFunc(rules, asksHandshake)
	s.sure = wasSure || kernel.Tracking()
	plan := g.plan(s)
	stranger := slices.ContainsFunc(rules, func(x xtables.Rule) bool { return !g.owns(x) }) // it may have let packets through
	fresh := make([]bool, len(plan))
	var specs [][]string
	for i, one := range plan {
		if fresh[i], err = g.ensureSet(s, one.set, r); err != nil {
			return err
		}
		for _, spec := range one.specs {
			fresh[i] = fresh[i] || !slices.ContainsFunc(rules, func(x xtables.Rule) bool { return slices.Equal(x.Args[min(2, len(x.Args)):], spec) })
		}
		specs = append(specs, one.specs...)
	}
	hooked := absent && s.chain.Build(g.view, r, specs...) == nil
	if !hooked {
		if hooked, err = g.fill(s, rules, specs, absent, r); err != nil {
			return err
		}
	}
	for i, one := range plan {
		if err := g.begin(s, one, fresh[i] || hooked || stranger, s.sure && !wasSure && one.tcp, now); err != nil {
			return err
		}
	}
	after, err := s.chain.Look(g.view)
	if s.settled = nil; failed == nil && err == nil && before == after {
		s.settled = &after
	}
	return g.dropOthers(s, plan)
}

// ensureSet makes a set. fresh: what came before may be missing in it.
func (g *Gate) ensureSet(s *gateSide, set string, r *xtables.Report) (fresh bool, err error) {
	have, err := g.sets.Header(set)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err = g.sets.CreateHeard(set, s.family(), gateElem, gateBuckets); err == nil {
			r.Add("set %s", set)
		}
		return true, missing(explainSet("create", set, err))
	case err != nil:
		return true, missing(explainSet("read", set, err))
	case have.Kind != "hash:ip" || have.Family != s.family() || !have.Timeout:
		return true, kernel.ForeignSet(set, have.Kind, have.Family)
	}
	whole, err := g.sets.Test(set, kernel.Sentinel(s.v6))
	return !whole, explainSet("read", set, err)
}

// begin notes since when a service is watched, and marks its set.
func (g *Gate) begin(s *gateSide, one gatePlan, fresh, surer bool, now time.Time) error {
	if surer { // what is in it may be forged
		if err := g.sets.IpsetFlush(one.set); err != nil {
			return explainSet("flush", one.set, err)
		}
	}
	sentinel := kernel.Member{Prefix: prefix.Of(kernel.Sentinel(s.v6))}
	if _, err := g.sets.Put(one.set, []kernel.Member{sentinel}); err != nil && !errors.Is(err, kernel.ErrFull) {
		return explainSet("mark", one.set, err)
	}
	g.frame.Coverage.Open(one.service, s.v6, one.tcp && !s.sure, fresh || surer, now)
	g.sample(one.service, one.set, s.v6, now)
	return nil
}

// Check repairs what is missing of what Guard made. It starts a program only for a repair.
// made names what was missing.
func (g *Gate) Check(now time.Time) (made []string, err error) {
	err = g.frame.Check(func() (err error) {
		if g.needs(now) {
			made, _, err = g.setup(now)
		} else {
			g.count(now)
		}
		return err
	})
	return made, err
}

// needs reports whether something is missing that can be made now: a side that is down and
// may be tried again, a rule, or a set. the lock of frame is held.
func (g *Gate) needs(now time.Time) bool {
	var marks []kernel.Held
	generation, tracked := g.view.Now(), false
	askTracking := now.Sub(g.tracked).Abs() >= trackEvery
	if askTracking {
		g.tracked = now
	}
	for _, s := range g.sides {
		if s.down != nil {
			if !now.Before(s.next) {
				return true
			}
			continue
		}
		tracked = tracked || askTracking && !s.sure && kernel.Tracking()
		mark, err := s.chain.LookSince(g.view, generation)
		if err != nil || s.settled == nil || mark != *s.settled || !s.sure && tracked {
			return true
		}
		for _, name := range g.frame.Names() {
			marks = append(marks, kernel.Held{Set: g.set(name, s.v6), Addr: kernel.Sentinel(s.v6)})
		}
	}
	whole, err := g.sets.AllHold(marks)
	return err != nil || !whole
}

// count samples the sets that are due. the lock of frame is held.
func (g *Gate) count(now time.Time) {
	for _, s := range g.sides {
		for _, name := range g.frame.Names() {
			if s.down == nil && g.frame.Coverage.Due(name, s.v6, gateFull, now) {
				g.sample(name, g.set(name, s.v6), s.v6, now)
			}
		}
	}
}

// sample finds out whether a set has room. The kernel goes through the whole table for that.
func (g *Gate) sample(service, set string, v6 bool, now time.Time) {
	if have, err := g.sets.Header(set); err == nil {
		g.frame.Coverage.Counted(service, v6, have.Members, gateFull, now)
	}
}

// Heard looks up an address, in a few microseconds. It returns no count of packets, and as
// age only the highest possible one.
func (g *Gate) Heard(a netip.Addr, service string, now time.Time) kernel.Hearing {
	a = prefix.Addr(a)
	h := g.frame.Coverage.Hearing(service, a.Is6())
	if h.Blind != "" {
		return h
	}
	set := g.set(service, a.Is6())
	there, err := g.sets.Test(set, a)
	if err != nil {
		return kernel.Hearing{Blind: explainSet("read", set, err).Error()}
	}
	if there {
		h.Heard, h.Age = true, kernel.Memory
		return h
	}
	if g.frame.Coverage.Stale(service, a.Is6(), now) {
		g.sample(service, set, a.Is6(), now)
		h = g.frame.Coverage.Hearing(service, a.Is6())
	}
	return h
}

// recentMost is the largest set that is listed.
const recentMost = 1024

// Recent appends to list at most n addresses that sent a packet to a service within the
// last ago. It lists none of a set with more than recentMost members.
func (g *Gate) Recent(list []netip.Addr, service string, within time.Duration, n int) []netip.Addr {
	for _, v6 := range []bool{false, true} {
		set := g.set(service, v6)
		if have, err := g.sets.Header(set); err != nil || have.Members > recentMost {
			continue
		}
		_ = g.sets.Members(set, func(m kernel.Member) { // what cannot be listed is not there
			age := kernel.Memory - time.Duration(m.Seconds)*time.Second
			if m.Seconds > 0 && age <= within+time.Second && len(list) < n {
				list = append(list, m.Prefix.Addr())
			}
		})
	}
	return list
}

// Teardown removes all that a Gate made.
func (g *Gate) Teardown() error {
	_, err := g.Guard(nil, time.Time{})
	return err
}

// Close closes the sockets; the kernel continues to remember senders.
func (g *Gate) Close() error {
	return g.frame.Close(func() error {
		g.sets.Close()
		g.view.Close()
		return nil
	})
}

// clearSide removes what there is of a side.
func (g *Gate) clearSide(s *gateSide) error {
	s.settled = nil
	if s.chain.There(g.view) {
		if err := s.chain.Remove(); err != nil {
			return err
		}
	}
	return g.dropOthers(s, nil)
}

// dropOthers removes the sets of services that are no longer watched.
func (g *Gate) dropOthers(s *gateSide, plan []gatePlan) error {
	names, err := g.sets.Names()
	if err != nil {
		return kernel.Cannot(err, "list the sets of ipset")
	}
	var errs []error
	for _, name := range names {
		ours := strings.HasPrefix(name, g.options.Chain+"_") && strings.HasSuffix(name, suffix(s.v6))
		if ours && !slices.ContainsFunc(plan, func(one gatePlan) bool { return one.set == name }) {
			errs = append(errs, destroy(g.sets, name))
		}
	}
	return errors.Join(errs...)
}
