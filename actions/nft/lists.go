package nft

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"

	"pbxjail/actions/kernel"
	"pbxjail/configs/ports"
)

// A list has a set of intervals for each family: "list-NAME-4-a". A new one is filled
// aside under the other letter, in several transactions, and takes its place in one.

// list is a list as it should be.
type list struct {
	prefixes []netip.Prefix
	to       []string // what the comments of its rules say of ports
	ports    []kernel.Port
}

func listKey(list string, family int) string { return fmt.Sprintf("list-%s-%d", list, family) }

// listOf is the list that a set is named after; "" is none.
func listOf(set string) (list, key string) {
	key = strings.TrimSuffix(strings.TrimSuffix(set, "-a"), "-b")
	for _, family := range []int{4, 6} {
		list, ours := strings.CutPrefix(key, "list-")
		list, side := strings.CutSuffix(list, fmt.Sprintf("-%d", family))
		if ours && side && key != set && kernel.ListName.MatchString(list) {
			return list, key
		}
	}
	return "", ""
}

// findLists takes over the lists of a run before. mu is held.
func (e *Enforcer) findLists(rules []string) {
	found := map[string]*list{}
	for _, rule := range rules {
		set, to := ofComment(rule)
		name, key := listOf(set)
		if name == "" || e.sets[set] == nil {
			continue
		}
		e.current[key] = set
		if e.lists[name] != nil {
			continue
		}
		if found[name] == nil {
			found[name] = &list{}
		}
		if to != "" {
			to = " " + to
		}
		if l := found[name]; !slices.Contains(l.to, to) { // once for each family
			l.to = append(l.to, to)
		}
	}
	maps.Copy(e.lists, found)
}

// listsWhole reports whether the sets of all lists are there. mu is held.
func (e *Enforcer) listsWhole() bool {
	for list := range e.lists {
		if e.current[listKey(list, 4)] == "" || e.current[listKey(list, 6)] == "" {
			return false
		}
	}
	return true
}

// ensureList fills a list whose sets are gone. slow and mu are held.
func (e *Enforcer) ensureList(list string) (filled bool, err error) {
	for _, family := range []int{4, 6} {
		if e.current[listKey(list, family)] == "" {
			filled = true
			err = cmp.Or(err, e.fillList(list, family))
		}
	}
	return filled, err
}

// fillList makes a new set of one family, and has it be the current one; no rule looks
// it up yet. mu is held.
func (e *Enforcer) fillList(list string, family int) error {
	key := listKey(list, family)
	s := &nftables.Set{Table: e.table, Name: key + "-a", Interval: true, KeyType: nftables.TypeIPAddr, KeyByteOrder: binaryutil.BigEndian}
	if family == 6 {
		s.KeyType = nftables.TypeIP6Addr
	}
	if e.current[key] == s.Name {
		s.Name = key + "-b"
	}
	if left := e.sets[s.Name]; left != nil { // of a crash in the middle of this
		e.conn.DelSet(left)
	}
	if err := e.conn.AddSet(s, nil); err != nil {
		return err
	}
	if err := e.flush(); err != nil {
		return err
	}
	for part := range slices.Chunk(intervals(kernel.Listed(e.lists[list].prefixes, family == 6)), nftBatch) {
		if err := e.conn.SetAddElements(s, slices.Concat(part...)); err != nil {
			return err
		}
		if err := e.flush(); err != nil {
			return err
		}
	}
	e.sets[s.Name], e.current[key] = s, s.Name
	return nil
}

// intervals are prefixes as nftables wants them: where each begins, and where it is
// over. Those that touch are one. The last address of all has none after it.
func intervals(prefixes []netip.Prefix) (list [][]nftables.SetElement) {
	var end netip.Addr
	for _, p := range prefixes {
		begin, after := p.Addr(), lastOf(p).Next()
		over := nftables.SetElement{Key: after.AsSlice(), IntervalEnd: true}
		switch {
		case begin == end && after.IsValid():
			list[len(list)-1][1] = over
		case begin == end:
			list[len(list)-1] = list[len(list)-1][:1]
		case after.IsValid():
			list = append(list, []nftables.SetElement{{Key: begin.AsSlice()}, over})
		default:
			list = append(list, []nftables.SetElement{{Key: begin.AsSlice()}})
		}
		end = after
	}
	return list
}

// lastOf is the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(raw)*8; bit++ {
		raw[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(raw)
	return last
}

func (e *Enforcer) Replace(name string, to []ports.Range, prefixes []netip.Prefix) error {
	if err := cmp.Or(kernel.CheckList(e.options, name), kernel.CheckListed(prefixes)); err != nil {
		return err
	}
	e.slow.Lock()
	defer e.slow.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end {
		return kernel.ErrClosed
	}
	if prefixes == nil {
		delete(e.lists, name)
	} else {
		l := &list{prefixes: prefixes, ports: kernel.PortsOf(to)}
		for _, to := range toOf(l.ports) {
			l.to = append(l.to, to.comment())
		}
		e.lists[name] = l
	}
	if err := e.replace(name); err != nil {
		e.verified = false // Setup starts from the beginning
		return fmt.Errorf("feed %s: %w", name, err)
	}
	return nil
}

// replace makes the kernel hold what lists says. slow and mu are held.
func (e *Enforcer) replace(list string) error {
	_, kept := e.lists[list]
	for _, family := range []int{4, 6} {
		if !kept {
			delete(e.current, listKey(list, family))
		} else if err := e.fillList(list, family); err != nil {
			return err
		}
	}
	if err := e.addAllPorts(); err != nil {
		return err
	}
	e.writeRules()
	if err := e.flush(); err != nil {
		return err
	}
	e.dropLeftovers()
	return nil
}

// dropLeftovers removes sets that no rule needs: of lists that were replaced, of groups
// and ports that are no more, and of crashes. One that cannot be removed is tried again by
// Setup. mu is held.
func (e *Enforcer) dropLeftovers() {
	needed := map[string]bool{}
	for _, rule := range e.wanted() {
		set, to := ofComment(rule)
		needed[set], needed[to] = true, true
	}
	for name, set := range e.sets {
		if needed[name] {
			continue
		}
		e.conn.DelSet(set)
		if e.flush() == nil {
			delete(e.sets, name)
			delete(e.used, name)
		}
	}
}

func (e *Enforcer) Lists() []string {
	e.slow.Lock()
	defer e.slow.Unlock()
	return slices.Sorted(maps.Keys(e.lists))
}
