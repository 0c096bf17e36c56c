package nft

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"

	"pbxjail/actions/kernel"
	"pbxjail/configs/ports"
)

func (e *Enforcer) Setup() (made, degraded []string, err error) {
	e.slow.Lock()
	defer e.slow.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end {
		return nil, nil, kernel.ErrClosed
	}
	if made, err = e.setup(); err != nil {
		return nil, nil, kernel.Cannot(err, "set up table inet %s of nftables", e.table.Name)
	}
	return made, e.flows.Degraded(), nil
}

// setup makes what is missing. slow and mu are held.
func (e *Enforcer) setup() (made []string, err error) {
	before, err := e.view.Generation()
	if err != nil {
		return nil, explainNft(err)
	}
	rules, err := e.look()
	if err != nil {
		return nil, err
	}
	e.verified = false
	for _, set := range e.least() {
		if e.sets[set] == nil {
			e.conn.AddTable(e.table)
			if err := e.addSet(set); err != nil {
				return nil, err
			}
			made = append(made, "set "+set)
		}
	}
	if len(made) > 0 {
		if err := e.flush(); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.lists)) {
		filled, err := e.ensureList(name)
		if err != nil {
			return made, err
		}
		if filled {
			made = append(made, "feed "+name)
		}
	}
	if !slices.Equal(rules, e.wanted()) {
		if err := e.addAllPorts(); err != nil {
			return made, err
		}
		e.writeRules()
		if err := e.flush(); err != nil {
			return made, err
		}
		made = append(made, "the rules of table inet "+e.table.Name)
	}
	e.dropLeftovers()
	if len(made) > 0 {
		return made, nil
	}
	e.gen, err = e.view.Generation()
	e.verified = err == nil && e.gen == before
	return nil, explainNft(err)
}

// there reports whether our table exists. mu is held, or no other goroutine has e.
func (e *Enforcer) there() (bool, error) {
	tables, err := e.conn.ListTablesOfFamily(nftables.TableFamilyINet)
	return slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == e.table.Name }), err
}

// look reads which sets and rules there are. Unknown parts of our table are left from an
// earlier run and are removed. mu is held.
func (e *Enforcer) look() (rules []string, err error) {
	clear(e.sets)
	clear(e.current)
	if there, err := e.there(); err != nil || !there {
		return nil, explainNft(err)
	}
	sets, err := e.conn.GetSets(e.table)
	if err != nil {
		return nil, explainNft(err)
	}
	chains, err := e.view.Chains()
	if err != nil {
		return nil, explainNft(err)
	}
	other := false
	for _, c := range chains {
		if c.Family != uint8(nftables.TableFamilyINet) || c.Table != e.table.Name {
			continue
		}
		other = other || c.Name != e.chain().Name
		if c.Name == e.chain().Name {
			found, err := e.conn.GetRules(e.table, e.chain())
			if err != nil {
				return nil, explainNft(err)
			}
			for _, r := range found {
				comment, _ := userdata.GetString(r.UserData, userdata.TypeComment)
				rules = append(rules, comment)
			}
		}
	}
	for _, s := range sets {
		s.Table, e.sets[s.Name] = e.table, s
		e.used[s.Name] = true
	}
	e.findLists(rules)
	if other { // of the other hook
		rules = nil
	}
	return rules, nil
}

// least are the sets of bans that always exist: those of single addresses.
func (e *Enforcer) least() (names []string) {
	for _, group := range e.groups.Places() {
		names = append(names, place{group, 4, 32}.set(), place{group, 6, 128}.set())
	}
	return names
}

// wanted are the comments of the rules as they should be, which name their sets: bans, the
// longest prefixes first, those of every port before those of groups, and then lists.
func (e *Enforcer) wanted() (rules []string) {
	for _, group := range e.groups.Places() {
		for _, to := range toOf(e.groups.Ports(group)) {
			for bits := 128; bits > 0; bits-- {
				for _, at := range []place{{group, 4, bits}, {group, 6, bits}} {
					if e.sets[at.set()] != nil {
						rules = append(rules, at.set()+to.comment())
					}
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(e.current)) {
		name, _ := listOf(e.current[key])
		for _, to := range e.lists[name].to {
			rules = append(rules, e.current[key]+to)
		}
	}
	return rules
}

// addAllPorts makes the sets of ports that rules look up. mu is held, and flush comes next.
func (e *Enforcer) addAllPorts() error {
	for _, group := range e.groups.Names() {
		for _, to := range toOf(e.groups.Ports(group)) {
			if err := e.addPorts(to); err != nil {
				return err
			}
		}
	}
	for _, l := range e.lists {
		for _, to := range toOf(l.ports) {
			if err := e.addPorts(to); err != nil {
				return err
			}
		}
	}
	return nil
}

// restAfterCount is how many times as long as a count takes no other follows, where the rules
// and sets are whole and there are manyMembers. The kernel walks over all members for each part
// of a list that it gives: 500,000 take some 20 s, and 100,000 less than one.
const restAfterCount, manyMembers = 20, 50_000

// Check reads the generation, a number that grows with every change. If only this process
// made changes, nothing can be missing, and Check counts nothing.
func (e *Enforcer) Check() (intact bool, members int, err error) {
	e.slow.Lock()
	defer e.slow.Unlock()
	gen, ours, intact, err := e.lookAgain()
	if err != nil {
		return false, 0, err
	}
	if ours {
		return true, kernel.NotCounted, e.flows.Settle(time.Now())
	}
	begin := time.Now()
	if intact && begin.Before(e.rest) { // verified stays false: the next Check looks again
		return true, kernel.NotCounted, e.flows.Settle(begin)
	}
	counted, err := 0, error(nil)
	err = e.Each(func(ports.Held) { counted++ })
	if counted > manyMembers {
		e.rest = time.Now().Add(restAfterCount * time.Since(begin))
	}
	if err == nil && intact {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.gen, e.verified = gen+e.since, true // if others changed it meanwhile, it is looked at again
	}
	return intact, counted, errors.Join(err, e.flows.Settle(time.Now()))
}

// lookAgain reports whether all changes since the last good look were ours, and if not,
// whether all that is ours is there. slow is held.
func (e *Enforcer) lookAgain() (gen uint32, ours, intact bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end {
		return 0, false, false, kernel.ErrClosed
	}
	if gen, err = e.view.Generation(); err != nil {
		return 0, false, false, explainNft(err)
	}
	if e.since = 0; e.verified && gen == e.gen {
		return gen, true, true, nil
	}
	rules, err := e.look()
	if err != nil {
		return 0, false, false, err
	}
	intact = slices.Equal(rules, e.wanted()) && e.listsWhole() && !slices.ContainsFunc(e.least(), func(set string) bool { return e.sets[set] == nil })
	return gen, false, intact, nil
}
