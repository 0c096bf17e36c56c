package nft

import (
	"fmt"
	"net/netip"
	"slices"

	"pbxjail/actions/kernel"
)

// A set of bans has no fixed size, because the kernel would reserve room for all members at
// once. The set grows with its members, and this file limits that. count is the highest
// possible number of members of each set; it may be too high, because the kernel ends bans
// without an event. Each, which the warden calls each minute, makes it exact.

// room returns the members for which a set has room, and an error for the others. To renew
// a member needs no room. mu is held.
func (e *Enforcer) room(set string, list []kernel.Member) (fit []kernel.Member, full error) {
	most := int(e.options.MaxElem)
	if e.count[set]+len(list) <= most {
		e.count[set] += len(list)
		return list, nil
	}
	for _, m := range list {
		there, err := e.has(set, m.Prefix)
		switch {
		case err != nil:
			return nil, err
		case !there && e.count[set] >= most:
			full = kernel.Full(fmt.Sprintf("set %s of table inet %s, with %d members,", set, e.table.Name, most))
			continue
		case !there:
			e.count[set]++
		}
		fit = append(fit, m)
	}
	return fit, full
}

// has asks whether a set has a member. A set that is not made yet has none. mu is held.
func (e *Enforcer) has(set string, p netip.Prefix) (bool, error) {
	_, found, err := e.finder.Element(uint8(e.table.Family), e.table.Name, set, p.Addr())
	return found, explainNft(err)
}

// fitting takes the orders out of a part for which one of their sets has no room. mu is held.
func (e *Enforcer) fitting(part []kernel.Ordered) (fit []kernel.Ordered, full error) {
	in := map[string][]kernel.Member{}
	for _, o := range part {
		for _, group := range o.Groups {
			set := placeOf(group, o.Prefix).set()
			in[set] = append(in[set], o.Member)
		}
	}
	out := map[netip.Prefix]bool{}
	for set, list := range in {
		kept, err := e.room(set, list)
		if err == nil {
			continue
		}
		full = err
		for _, m := range list {
			if !slices.ContainsFunc(kept, func(k kernel.Member) bool { return k.Prefix == m.Prefix }) {
				out[m.Prefix] = true
			}
		}
	}
	if full == nil {
		return part, nil
	}
	for _, o := range part {
		if !out[o.Prefix] {
			fit = append(fit, o)
		}
	}
	return fit, full
}

// counted notes how many members a listing found in a set, which began when count was before.
func (e *Enforcer) counted(set string, before, found int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.count[set] = max(found+e.count[set]-before, 0)
}
