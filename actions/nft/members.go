package nft

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
	"pbxjail/configs/ports"
)

// place is the place of a ban: its group, family and length of prefix.
type place struct {
	group        string // "" is every port
	family, bits int
}

// set is the name of the set of a place: ban4-32, ban-sip-4-32.
func (p place) set() string {
	if p.group == "" {
		return fmt.Sprintf("ban%d-%d", p.family, p.bits)
	}
	return fmt.Sprintf("ban-%s-%d-%d", p.group, p.family, p.bits)
}

// single is the length of an address.
func (p place) single() int {
	if p.family == 4 {
		return 32
	}
	return 128
}

// banSet reads the name of a set of bans.
func banSet(name string) (p place, ok bool) {
	parts := strings.Split(name, "-")
	switch {
	case len(parts) == 2:
		parts = []string{"", strings.TrimPrefix(parts[0], "ban"), parts[1]}
	case len(parts) == 4 && parts[1] != "":
		parts = parts[1:]
	default:
		return p, false
	}
	family, bad := strconv.Atoi(parts[1])
	bits, bad2 := strconv.Atoi(parts[2])
	p = place{parts[0], family, bits}
	return p, bad == nil && bad2 == nil && (family == 4 || family == 6) && bits > 0 && bits <= p.single() && p.set() == name
}

// placeOf is the place of a prefix in a group.
func placeOf(group string, p netip.Prefix) place {
	if p.Addr().Is4() {
		return place{group, 4, p.Bits()}
	}
	return place{group, 6, p.Bits()}
}

func (e *Enforcer) Ban(p netip.Prefix, to ports.Set, d time.Duration) error {
	return e.BanAll(func(yield func(ports.Ban) bool) { yield(ports.Ban{Prefix: p, Ports: to, For: d}) })
}

func (e *Enforcer) BanAll(bans iter.Seq[ports.Ban]) error {
	var failed []error
	lists := map[string][]kernel.Ordered{} // by the set that they would be in as bans of every port
	e.mu.Lock()
	for b := range bans {
		o, err := e.groups.Order(b)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		set := placeOf("", o.Prefix).set()
		lists[set] = append(lists[set], o)
	}
	for _, set := range slices.Sorted(maps.Keys(lists)) {
		for part := range slices.Chunk(lists[set], nftBatch) {
			fit, full := e.fitting(part)
			if full != nil && !slices.ContainsFunc(failed, func(err error) bool { return err.Error() == full.Error() }) {
				failed = append(failed, full)
			}
			if len(fit) == 0 {
				continue
			}
			if err := e.put(fit); err != nil {
				failed = append(failed, kernel.Cannot(err, "ban %s", more(fit)))
				break
			}
		}
	}
	e.mu.Unlock()
	for _, list := range lists {
		e.flows.End(list)
	}
	return errors.Join(failed...)
}

func more(part []kernel.Ordered) string {
	list := make([]kernel.Member, len(part))
	for i, o := range part {
		list[i] = o.Member
	}
	return kernel.More(list)
}

// put adds bans of one family and length to the sets of their groups, and removes them from
// all others, in one step. The kernel keeps the old time of a member that is added again,
// so each member is added, removed and added again. mu is held.
func (e *Enforcer) put(part []kernel.Ordered) error {
	if e.end {
		return kernel.ErrClosed
	}
	in, made := map[string][]kernel.Member{}, false
	for _, o := range part {
		for _, group := range o.Groups {
			set := placeOf(group, o.Prefix).set()
			in[set] = append(in[set], o.Member)
			if e.sets[set] == nil { // the first of its length
				if err := e.addSet(set); err != nil {
					return err
				}
				made = true
			}
		}
	}
	if made {
		e.writeRules()
	}
	err := e.order(part, in)
	if err == nil {
		err = e.flush()
	}
	if err != nil { // the set may be gone, or may never have existed
		e.verified = false
		_, failed := e.look()
		err = cmp.Or(err, failed)
	}
	return err
}

// order collects what puts members into sets, and takes them out of the others. mu is held.
func (e *Enforcer) order(part []kernel.Ordered, in map[string][]kernel.Member) error {
	var errs []error
	for set, list := range in {
		e.used[set] = true
		with, without := elements(list, true), elements(list, false)
		errs = append(errs, e.conn.SetAddElements(e.sets[set], without), e.conn.SetDeleteElements(e.sets[set], without), e.conn.SetAddElements(e.sets[set], with))
	}
	for _, group := range e.groups.Places() {
		set := placeOf(group, part[0].Prefix).set()
		if e.sets[set] == nil || !e.used[set] {
			continue
		}
		var out []kernel.Member
		for _, o := range part {
			if !o.In(group) {
				out = append(out, o.Member)
			}
		}
		if len(out) > 0 { // what is not there cannot be removed
			gone := elements(out, false)
			errs = append(errs, e.conn.SetAddElements(e.sets[set], gone), e.conn.SetDeleteElements(e.sets[set], gone))
		}
	}
	return errors.Join(errs...)
}

func elements(part []kernel.Member, timed bool) []nftables.SetElement {
	list := make([]nftables.SetElement, 0, len(part))
	for _, m := range part {
		el := nftables.SetElement{Key: m.Prefix.Addr().AsSlice()}
		if timed {
			el.Timeout = time.Duration(m.Seconds) * time.Second
		}
		list = append(list, el)
	}
	return list
}

func (e *Enforcer) Unban(p netip.Prefix) error {
	p, err := kernel.Canonical(p)
	if err != nil {
		return err
	}
	e.flows.Forget(p)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end {
		return kernel.ErrClosed
	}
	for _, group := range e.groups.Places() {
		name := placeOf(group, p).set()
		if e.sets[name] == nil || !e.used[name] {
			continue
		}
		if err := e.conn.SetDeleteElements(e.sets[name], elements([]kernel.Member{{Prefix: p}}, false)); err != nil {
			return err
		}
		err := e.flush()
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return kernel.Cannot(err, "unban %s", p)
		}
		if err == nil {
			e.count[name] = max(e.count[name]-1, 0)
		}
	}
	return nil
}

// Each gives each ban once.
func (e *Enforcer) Each(yield func(ports.Held)) error {
	e.mu.Lock()
	if e.end {
		e.mu.Unlock()
		return kernel.ErrClosed
	}
	names := slices.Sorted(maps.Keys(e.sets))
	e.mu.Unlock()
	for _, name := range names {
		at, ok := banSet(name)
		if !ok {
			continue
		}
		if err := e.eachOf(name, at, yield); err != nil {
			return kernel.Cannot(explainNft(err), "list set %s of table inet %s", name, e.table.Name)
		}
	}
	return nil
}

// maxListings is how often a set is listed until the list is complete.
const maxListings = 5

// eachOf gives each ban of a set once. The kernel lists a set in parts, and finds the
// place of the next part by counting (linux:net/netfilter/nf_tables_api.c,
// nf_tables_dump_setelem). Where the set grows to a larger table between two parts, the
// order changes: some members come twice, and as many are missing. It is listed again then.
func (e *Enforcer) eachOf(name string, at place, yield func(ports.Held)) error {
	e.mu.Lock()
	before := e.count[name]
	e.mu.Unlock()
	seen := make(map[[16]byte]uint8, before) // in which listing it came last
	for n, twice := uint8(1), true; twice && n <= maxListings; n++ {
		twice = false
		err := e.view.Members(uint8(e.table.Family), e.table.Name, name, at.bits, func(m kernel.Member) {
			addr := m.Prefix.Addr().As16()
			last := seen[addr]
			twice = twice || last == n
			seen[addr] = n
			if last == 0 {
				yield(m.Held(at.group))
			}
		})
		if err != nil {
			return err
		}
	}
	e.counted(name, before, len(seen))
	return nil
}

// Split makes the groups of ports that bans may close. The bans of a group that is no
// longer in the list are removed.
func (e *Enforcer) Split(list []kernel.Port) error {
	groups, err := kernel.NewGroups(list)
	if err != nil {
		return err
	}
	e.slow.Lock()
	defer e.slow.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end {
		return kernel.ErrClosed
	}
	if e.groups = groups; len(e.sets) == 0 { // not set up yet
		return nil
	}
	if _, err := e.setup(); err != nil {
		return kernel.Cannot(err, "set up table inet %s of nftables", e.table.Name)
	}
	return nil
}
