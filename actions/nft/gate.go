package nft

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"

	"pbxjail/actions/kernel"
	"pbxjail/configs/prefix"
)

// gateElem is how many senders a set of a Gate holds.
const gateElem = 32768

// Gate makes the kernel remember the senders of packets to the ports of a service. It has a
// table of its own with two sets for each service, and one chain that comes after the bans
// and drops nothing. All methods may be called from any goroutine; Heard and Recent wait
// only for each other.
type Gate struct {
	options kernel.Options
	table   *nftables.Table
	view    *kernel.NftReader // of Guard and Check
	asker   *kernel.NftReader // of Heard and Recent
	frame   kernel.GateFrame

	// The lock of frame guards these.
	conn     *nftables.Conn
	sure     bool   // the rules of TCP ask whether there was a handshake
	gen      uint32 // the generation at the last good look
	verified bool

	counting sync.Mutex        // guards missed
	missed   map[string]uint64 // packets whose senders did not fit, by set
}

// OpenGate opens the sockets; Guard makes what is needed. All of o is filled in.
func OpenGate(o kernel.Options) (*Gate, error) {
	g := &Gate{options: o, table: &nftables.Table{Name: o.Chain + "-heard", Family: nftables.TableFamilyINet}, missed: map[string]uint64{}}
	var err error
	if g.view, err = kernel.OpenNftReader(); err != nil {
		return nil, err
	}
	if g.asker, err = kernel.OpenNftReader(); err == nil {
		g.conn, err = nftables.New(nftables.AsLasting())
	}
	if err != nil {
		g.view.Close()
		return nil, kernel.Cannot(err, "reach the firewall in the kernel")
	}
	return g, nil
}

// Name describes the gate, as text for people.
func (g *Gate) Name() string { return "nftables" }

// Guard makes the kernel remember the senders of packets to these ports and to no others.
// An empty list removes all that a Gate made. Senders of an earlier run are still
// remembered.
func (g *Gate) Guard(ports []kernel.Port, now time.Time) (degraded []string, err error) {
	err = g.frame.Guard(ports, func() error {
		if len(ports) == 0 {
			return g.clear()
		}
		_, err := g.setup(now)
		if err != nil {
			degraded = []string{kernel.Note("the kernel does not record who sends packets (heard)", err)}
		}
		return err
	})
	return degraded, err
}

// clear removes the table. the lock of frame is held.
func (g *Gate) clear() error {
	g.verified = false
	tables, err := g.conn.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil || !slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == g.table.Name }) {
		return nil // a kernel without nftables has none
	}
	g.conn.DelTable(g.table)
	return g.flush()
}

func (g *Gate) flush() error {
	err := g.conn.Flush()
	if err == nil {
		return nil
	}
	if again, err := nftables.New(nftables.AsLasting()); err == nil { // answers may be left in the socket
		g.conn.CloseLasting()
		g.conn = again
	}
	return explainNft(err)
}

// setup makes what is missing. the lock of frame is held.
func (g *Gate) setup(now time.Time) (made []string, err error) {
	defer func() {
		if err != nil {
			err = kernel.Cannot(err, "set up table inet %s of nftables", g.table.Name)
			g.deafen(err)
		}
	}()
	gen, err := g.view.Generation()
	if err != nil {
		return nil, explainNft(err)
	}
	have, rules, err := g.look()
	if err != nil {
		return nil, err
	}
	g.verified = false
	wasSure := g.sure || slices.ContainsFunc(rules, isSure)
	g.sure = wasSure || kernel.Tracking()
	plan := g.plan()
	fresh := map[string]bool{}
	for _, one := range plan {
		set := one.set
		fresh[set] = fresh[set] || !slices.Contains(rules, one.comment()) || !g.marked(set, one.v6) || g.sure && !wasSure && one.Proto == "tcp"
	}
	if !g.whole(plan, have, rules) {
		if err := g.make(plan, have); err != nil {
			return nil, err
		}
		made = append(made, "the sets and rules of table inet "+g.table.Name)
	}
	for _, one := range plan {
		if fresh[one.set] {
			if err := g.mark(one, g.sure && !wasSure && one.Proto == "tcp"); err != nil {
				return made, err
			}
		}
		g.frame.Coverage.Open(one.Service, one.v6, one.Proto == "tcp" && !g.sure, fresh[one.set], now)
	}
	if len(made) == 0 {
		g.gen, g.verified = gen, true
	}
	return made, nil
}

// deafen notes for all services why they cannot be watched.
func (g *Gate) deafen(err error) {
	names, _ := kernel.Services(g.frame.Ports())
	for _, name := range names {
		g.frame.Coverage.SetBlind(name, false, err.Error())
		g.frame.Coverage.SetBlind(name, true, err.Error())
	}
}

// look reads which sets and rules there are; rules by their comments.
func (g *Gate) look() (sets map[string]*nftables.Set, rules []string, err error) {
	sets = map[string]*nftables.Set{}
	chains, err := g.view.Chains()
	if err != nil {
		return nil, nil, explainNft(err)
	}
	own := kernel.NftChain{Family: uint8(g.table.Family), Table: g.table.Name, Name: g.chain().Name}
	foreign := func(c kernel.NftChain) bool {
		return c.Family == own.Family && c.Table == own.Table && c.Name != own.Name
	}
	if slices.ContainsFunc(chains, foreign) { // of the other hook
		return sets, nil, g.clear()
	}
	if !slices.Contains(chains, own) {
		return sets, nil, nil
	}
	list, err := g.conn.GetSets(g.table)
	if err != nil {
		return nil, nil, explainNft(err)
	}
	for _, s := range list {
		s.Table, sets[s.Name] = g.table, s
	}
	found, err := g.conn.GetRules(g.table, g.chain())
	if err != nil {
		return nil, nil, explainNft(err)
	}
	for _, r := range found {
		comment, _ := userdata.GetString(r.UserData, userdata.TypeComment)
		rules = append(rules, comment)
	}
	return sets, rules, nil
}

// whole reports whether these sets and rules are what is planned.
func (g *Gate) whole(plan []gatePlan, have map[string]*nftables.Set, rules []string) bool {
	var want []string
	needed := map[string]bool{}
	for _, one := range plan {
		want, needed[one.set] = append(want, one.comment()), true
		if have[one.set] == nil {
			return false
		}
	}
	return slices.Equal(rules, want) && len(have) == len(needed)
}

// make replaces chain and rules in one step, and keeps sets that are there. the lock of frame is held.
func (g *Gate) make(plan []gatePlan, have map[string]*nftables.Set) error {
	g.conn.AddTable(g.table)
	c := g.conn.AddChain(g.chain())
	g.conn.FlushChain(c)
	sets := map[string]*nftables.Set{}
	for _, one := range plan {
		if sets[one.set] == nil {
			sets[one.set] = have[one.set]
		}
		if sets[one.set] == nil {
			sets[one.set] = one.newSet(g.table)
			if err := g.conn.AddSet(sets[one.set], nil); err != nil {
				return err
			}
		}
		g.conn.AddRule(&nftables.Rule{Table: g.table, Chain: c, Exprs: one.exprs(sets[one.set]), UserData: userdata.AppendString(nil, userdata.TypeComment, one.comment())})
	}
	for name, set := range have {
		if sets[name] == nil {
			g.conn.DelSet(set)
		}
	}
	g.counting.Lock()
	defer g.counting.Unlock()
	clear(g.missed) // new rules count from 0
	return g.flush()
}

// marked reports whether the mark is still in a set. If not, another program emptied the set.
func (g *Gate) marked(set string, v6 bool) bool {
	_, found, err := g.view.Element(uint8(g.table.Family), g.table.Name, set, kernel.Sentinel(v6))
	return err == nil && found
}

// mark puts the mark into a set; empty: in place of all that is in it.
func (g *Gate) mark(one gatePlan, empty bool) error {
	set := one.newSet(g.table)
	if empty {
		g.conn.FlushSet(set)
	}
	if err := g.conn.SetAddElements(set, []nftables.SetElement{{Key: kernel.Sentinel(one.v6).AsSlice()}}); err != nil {
		return err
	}
	return g.flush()
}

// Check repairs what is missing of what Guard made. made names what was missing.
func (g *Gate) Check(now time.Time) (made []string, err error) {
	err = g.frame.Check(func() (err error) {
		if g.intact() {
			g.sample(now)
			return nil
		}
		made, err = g.setup(now)
		return err
	})
	return made, err
}

// intact reports whether all is as it was made. the lock of frame is held.
func (g *Gate) intact() bool {
	if !g.sure && kernel.Tracking() {
		return false
	}
	gen, err := g.view.Generation()
	if err != nil {
		return false
	}
	plan := g.plan()
	if !g.verified || gen != g.gen {
		have, rules, err := g.look()
		if err != nil || !g.whole(plan, have, rules) {
			return false
		}
		g.gen, g.verified = gen, true
	}
	return !slices.ContainsFunc(plan, func(one gatePlan) bool { return !g.marked(one.set, one.v6) })
}

// sample finds out whether a set had no room for a sender since the last sample: a rule
// counts packets before and after it adds the sender. the lock of frame is held.
func (g *Gate) sample(now time.Time) {
	found, err := g.conn.GetRules(g.table, g.chain())
	if err != nil {
		return
	}
	missed := map[string]uint64{}
	for _, r := range found {
		set, counts := "", []uint64(nil)
		for _, e := range r.Exprs {
			switch e := e.(type) {
			case *expr.Counter:
				counts = append(counts, e.Packets)
			case *expr.Dynset:
				set = e.SetName
			}
		}
		if len(counts) == 2 && counts[0] > counts[1] {
			missed[set] += counts[0] - counts[1]
		}
	}
	g.counting.Lock()
	defer g.counting.Unlock()
	for _, one := range g.plan() {
		g.frame.Coverage.Sampled(one.Service, one.v6, missed[one.set] > g.missed[one.set], now)
	}
	g.missed = missed
}

// Heard looks up an address, in a few microseconds.
func (g *Gate) Heard(a netip.Addr, service string, now time.Time) kernel.Hearing {
	a = prefix.Addr(a)
	h := g.frame.Coverage.Hearing(service, a.Is6())
	if h.Blind != "" {
		return h
	}
	m, found, err := g.asker.Element(uint8(g.table.Family), g.table.Name, setName(service, a.Is6()), a)
	if err != nil {
		return kernel.Hearing{Blind: fmt.Sprintf("cannot read set %s: %v", setName(service, a.Is6()), explainNft(err))}
	}
	if found {
		h.Heard, h.Packets = true, m.Packets
		h.Age = max(kernel.Memory-time.Duration(m.Seconds-1)*time.Second, 0) // they are rounded up
		return h
	}
	if g.frame.Coverage.Stale(service, a.Is6(), now) && g.frame.IfIdle(func() { g.sample(now) }) {
		h = g.frame.Coverage.Hearing(service, a.Is6())
	}
	return h
}

// Recent appends to list at most n addresses that sent a packet to a service within the
// last ago.
func (g *Gate) Recent(list []netip.Addr, service string, within time.Duration, n int) []netip.Addr {
	for _, v6 := range []bool{false, true} {
		seen := 0
		bits := kernel.Sentinel(v6).BitLen()
		_ = g.asker.Members(uint8(g.table.Family), g.table.Name, setName(service, v6), bits, func(m kernel.Member) { // what cannot be listed is not there
			age := kernel.Memory - time.Duration(m.Seconds)*time.Second
			if seen++; m.Seconds > 0 && age <= within+time.Second && len(list) < n {
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
		g.view.Close()
		g.asker.Close()
		return g.conn.CloseLasting()
	})
}
