package feeds

import (
	"fmt"
	"hash/maphash"
	"maps"
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
)

// enforceRetry is the wait after a list was not taken.
const enforceRetry = 10 * time.Second

// kernel is what was handed to the enforcer. mu of its Feeds guards it; only Run
// calls the enforcer.
type kernel struct {
	seed  maphash.Seed
	held  map[string]*held // by the feed's name
	stale bool             // feeds or protections are others than those that held was made of
	next  time.Time        // when a list that was not taken is tried again; zero: there is none
}

// banning is what a feed says, and to which ports it bans.
type banning struct {
	list *List
	to   []ports.Range
}

// held is a list in the kernel. The zero value was never handed over.
type held struct {
	sum   uint64 // of its ports and prefixes
	count int    // of its prefixes
	taken int    // prefixes of the feed that protection took out, or out of
	err   error  // of the last try; nil: it is in the kernel
}

func newKernel() kernel {
	return kernel{seed: maphash.MakeSeed(), held: map[string]*held{}}
}

func (k *kernel) pause(most time.Duration) time.Duration {
	if k.next.IsZero() {
		return most
	}
	return min(most, time.Until(k.next))
}

// order is a list to be handed over, or one that is to go.
type order struct {
	name     string
	gone     bool
	to       []ports.Range // none: every port
	prefixes []netip.Prefix
	held     held
}

// Dropping names the feeds whose lists in the kernel hold an address.
func (f *Feeds) Dropping(a netip.Addr) (names []string) {
	a = a.Unmap()
	f.mu.Lock()
	defer f.mu.Unlock()
	spared := slices.ContainsFunc(f.protect, func(p netip.Prefix) bool { return p.Contains(a) })
	for _, s := range f.feeds {
		if h := f.kernel.held[s.Name]; !spared && h != nil && h.err == nil && s.table != nil && s.table.Contains(a) {
			names = append(names, s.Name)
		}
	}
	return names
}

// Names reports whether a feed that bans names an address, protected or not.
func (f *Feeds) Names(a netip.Addr) bool {
	a = a.Unmap()
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.feeds, func(s *feed) bool { return s.Bans() && s.table != nil && s.table.Contains(a) })
}

// enforce hands over what bans, less what is protected, and takes away what does
// no longer.
func (f *Feeds) enforce() {
	if f.opts.Enforcer == nil {
		return
	}
	for _, o := range f.orders() {
		err := f.opts.Enforcer.Replace(o.name, o.to, o.prefixes)
		if err != nil {
			err = fmt.Errorf("cannot put the %d networks of the feed into the firewall: %w", len(o.prefixes), err)
		}
		f.note(o, err)
	}
}

// orders compares what is wanted with what is held.
func (f *Feeds) orders() (list []order) {
	wanted, others, protect := f.wanted()
	for _, name := range others {
		list = append(list, order{name: name, gone: true})
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		prefixes, err := Subtract(wanted[name].list.Prefixes, protect)
		if err != nil {
			f.note(order{name: name}, err)
			continue
		}
		o := order{name: name, to: wanted[name].to, prefixes: prefixes}
		o.held = held{sum: f.sum(o.to, prefixes), count: len(prefixes), taken: touched(wanted[name].list.Prefixes, protect)}
		if !f.holds(o) {
			list = append(list, o)
		}
	}
	return list
}

// errTogether is the error of a feed if all banning feeds together would ban too many
// addresses. Feeds before it in the main file stay in force.
var errTogether error = hint.New("in the main file, write use: factor for this feed, or remove another feed that bans; then: jailctl reload", "all feeds together would ban more than a quarter of all addresses, so this feed drops no packet")

// wanted are the lists to be held, and the names of others that may be there. What
// is not read yet is neither: what a former run left of it stays. When there is
// nothing to do, all are empty.
func (f *Feeds) wanted() (lists map[string]banning, others []string, protect []netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	due := !f.kernel.next.IsZero() && !f.kernel.next.After(time.Now())
	if !f.kernel.stale && !due {
		return nil, nil, nil
	}
	bans := map[string]bool{}
	lists = map[string]banning{}
	var together []netip.Prefix
	for _, s := range f.feeds {
		bans[s.Name], s.excess = s.Bans(), nil
		if !s.Bans() || s.list == nil || !f.guarded {
			continue
		}
		more := apart(slices.Concat(together, s.list.Prefixes))
		if wide(more, 2) {
			bans[s.Name], s.excess = false, errTogether
			f.opts.Log.Error("feed drops no packet", "feed", s.Name, "err", errTogether, "hint", hint.Of(errTogether))
			continue
		}
		together = more
		lists[s.Name] = banning{s.list, s.Closes()}
	}
	others = slices.AppendSeq(f.left, maps.Keys(f.kernel.held))
	others = slices.DeleteFunc(others, func(name string) bool { return bans[name] })
	slices.Sort(others)
	f.left, f.kernel.stale, f.kernel.next = nil, false, time.Time{}
	return lists, slices.Compact(others), f.protect
}

func (f *Feeds) sum(to []ports.Range, prefixes []netip.Prefix) uint64 {
	var h maphash.Hash
	h.SetSeed(f.kernel.seed)
	for _, r := range to {
		maphash.WriteComparable(&h, r)
	}
	for _, p := range prefixes {
		maphash.WriteComparable(&h, p)
	}
	return h.Sum64()
}

func (f *Feeds) holds(o order) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.kernel.held[o.name]
	if h == nil || h.err != nil || h.sum != o.held.sum || h.count != o.held.count {
		return false
	}
	h.taken = o.held.taken // others may be protected, and the list the same
	return true
}

// note remembers what became of an order.
func (f *Feeds) note(o order, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.kernel.held[o.name]
	switch {
	case err == nil && o.gone:
		delete(f.kernel.held, o.name)
		return
	case err == nil:
		f.kernel.held[o.name] = &o.held
		f.opts.Log.Info("packets of the addresses of a feed are dropped now", "feed", o.name, "networks", o.held.count, "changed_because_of_protected_addresses", o.held.taken)
		return
	case old == nil:
		old = &held{}
		f.kernel.held[o.name] = old
	}
	if old.err == nil || old.err.Error() != err.Error() {
		f.opts.Log.Error("pbxjail cannot put the list of a feed into the firewall, so packets of its addresses may pass: pbxjail tries again", "feed", o.name, "err", err, "hint", hint.Of(err))
	}
	old.err = err
	f.kernel.next = time.Now().Add(enforceRetry)
}
