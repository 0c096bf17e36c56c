// Package nft keeps bans in a table of nftables of our own. Package actions opens it. It
// starts no program at all. It decides nothing, and must never see log text.
package nft

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
	"pbxjail/configs/hint"
)

// Enforcer holds bans in a table of our own, "inet pbxjail", that no other firewall
// has a reason to touch. Its intervals cannot overlap, so that a ban inside a wider
// one could not be had; therefore each length of prefix has a hash set and a rule of
// its own, which is what ipset's hash:net does inside. The kernel drops and expires
// without us.
type Enforcer struct {
	options kernel.Options
	table   *nftables.Table
	view    *kernel.NftView
	flows   *kernel.Flows

	// Taken in this order.
	slow  sync.Mutex                // Setup, Replace, Teardown and Check
	lists map[string][]netip.Prefix // by name; nil: of a run before, not known yet. Guarded by slow
	mu    sync.Mutex                // guards all below
	conn  *nftables.Conn            // collects what Flush sends in one transaction
	sets  map[string]*nftables.Set  // that are there, by name
	// current is the set that holds a list for one family, by both: see listKey.
	current map[string]string
	gen     uint32 // the generation after the last good look, and our changes since
	since   uint32 // our changes since the last Check
	good    bool
	end     bool
}

const (
	// nftElem is how many members a set of single addresses takes, nftWide one of
	// prefixes: the kernel makes room for all of them at once.
	nftElem, nftWide = 262144, 16384
	// nftBatch is how many members one message holds: their list has 16 bits for its
	// length, and a transaction must fit into a socket's buffer.
	nftBatch = 500
)

// errMissing marks a kernel without it.
const errMissing = kernel.Missing("nftables cannot be used")

// Open opens the sockets; Setup makes the table. All of o is filled in. It works in the
// network namespace of the calling thread.
func Open(o kernel.Options) (*Enforcer, error) {
	view, err := kernel.OpenNftView()
	if err != nil {
		return nil, err
	}
	e := &Enforcer{options: o, view: view, table: &nftables.Table{Name: o.Chain, Family: nftables.TableFamilyINet}, lists: map[string][]netip.Prefix{}, sets: map[string]*nftables.Set{}, current: map[string]string{}}
	if e.flows, err = kernel.OpenFlows(o); err == nil {
		e.conn, err = nftables.New(nftables.AsLasting())
	}
	if err != nil {
		view.Close()
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	return e, nil
}

// Clear removes what an enforcer of this package left in the kernel.
func Clear(o kernel.Options) error {
	e, err := Open(o)
	if err != nil {
		return nil
	}
	defer e.Close()
	if there, err := e.there(); err != nil || !there { // a kernel without nftables has none
		return nil
	}
	return e.Teardown()
}

func (e *Enforcer) Name() string {
	if e.options.Hook == "filter" {
		return "nftables, input, v4 and v6"
	}
	return "nftables, raw prerouting, v4 and v6"
}

// flush sends what conn has collected, all or nothing. mu is held.
func (e *Enforcer) flush() error {
	err := e.conn.Flush()
	if err == nil {
		e.gen, e.since = e.gen+1, e.since+1
		return nil
	}
	// Answers may be left in the socket.
	if fresh, err := nftables.New(nftables.AsLasting()); err == nil {
		e.conn.CloseLasting()
		e.conn = fresh
	}
	return explainNft(err)
}

func explainNft(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EPERM):
		return hint.Add("run as root, or with CAP_NET_ADMIN", err)
	case errors.Is(err, unix.ENOENT):
		return hint.Add("somebody removed our table: reload or restart pbxjail, which makes it again", err)
	case errors.Is(err, unix.ENFILE):
		return kernel.Full("the set")
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT):
		return hint.Errorf("load it: modprobe nf_tables", "%w: %w", errMissing, err)
	}
	return err
}

func setOf(family, bits int) string { return fmt.Sprintf("ban%d-%d", family, bits) }

// banSet reads the name of a set of bans.
func banSet(name string) (family, bits int, ok bool) {
	n, err := fmt.Sscanf(name, "ban%d-%d", &family, &bits)
	return family, bits, err == nil && n == 2 && (family == 4 && bits <= 32 || family == 6 && bits <= 128) && bits > 0 && setOf(family, bits) == name
}

// setFor is the set that a prefix belongs to.
func setFor(p netip.Prefix) string {
	if p.Addr().Is4() {
		return setOf(4, p.Bits())
	}
	return setOf(6, p.Bits())
}

func (e *Enforcer) Ban(p netip.Prefix, d time.Duration) error {
	return e.BanAll(func(yield func(netip.Prefix, time.Duration) bool) { yield(p, d) })
}

func (e *Enforcer) BanAll(bans iter.Seq2[netip.Prefix, time.Duration]) error {
	var failed []error
	lists := map[string][]kernel.Member{}
	for p, d := range bans {
		m, err := kernel.Order(p, d)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		set := setFor(m.Prefix)
		lists[set] = append(lists[set], m)
	}
	e.mu.Lock()
	for _, set := range slices.Sorted(maps.Keys(lists)) {
		for part := range slices.Chunk(lists[set], nftBatch) {
			if err := e.put(set, part); err != nil {
				failed = append(failed, fmt.Errorf("ban %s: %w", kernel.More(part), err))
				break
			}
		}
	}
	e.mu.Unlock()
	e.flows.End(slices.Collect(maps.Values(lists))...)
	return errors.Join(failed...)
}

// put gives members their time. A member that is there keeps its old one when it is
// added again, so each is made sure of, removed, and added, in one step. mu is held.
func (e *Enforcer) put(set string, part []kernel.Member) error {
	if e.end {
		return kernel.ErrClosed
	}
	if e.sets[set] == nil { // the first of its length
		if err := e.addSet(set); err != nil {
			return err
		}
		e.writeRules()
	}
	with, without := elements(part, true), elements(part, false)
	err := errors.Join(e.conn.SetAddElements(e.sets[set], without), e.conn.SetDeleteElements(e.sets[set], without), e.conn.SetAddElements(e.sets[set], with))
	if err == nil {
		err = e.flush()
	}
	if err != nil { // the set may be gone, or never have come
		e.good = false
		_, failed := e.look()
		err = cmp.Or(err, failed)
	}
	return err
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
	set := e.sets[setFor(p)]
	if e.end {
		return kernel.ErrClosed
	}
	if set == nil {
		return nil
	}
	if err := e.conn.SetDeleteElements(set, elements([]kernel.Member{{Prefix: p}}, false)); err != nil {
		return err
	}
	if err := e.flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unban %s: %w", p, err)
	}
	return nil
}

func (e *Enforcer) Each(yield func(p netip.Prefix, left time.Duration, packets, bytes uint64)) error {
	e.mu.Lock()
	if e.end {
		e.mu.Unlock()
		return kernel.ErrClosed
	}
	names := slices.Sorted(maps.Keys(e.sets))
	e.mu.Unlock()
	for _, name := range names {
		_, bits, ok := banSet(name)
		if !ok {
			continue
		}
		err := e.view.Members(uint8(e.table.Family), e.table.Name, name, bits, func(m kernel.Member) {
			yield(m.Prefix, time.Duration(m.Seconds)*time.Second, m.Packets, m.Bytes)
		})
		if err != nil {
			return fmt.Errorf("list set %s of table inet %s: %w", name, e.table.Name, explainNft(err))
		}
	}
	return nil
}

func (e *Enforcer) Teardown() error {
	e.slow.Lock()
	defer e.slow.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end {
		return kernel.ErrClosed
	}
	clear(e.lists)
	clear(e.sets)
	clear(e.current)
	return e.removeTable()
}

// removeTable takes all that is ours away. mu is held.
func (e *Enforcer) removeTable() error {
	e.good = false
	e.conn.AddTable(e.table) // one that is not there could not be removed
	e.conn.DelTable(e.table)
	return e.flush()
}

func (e *Enforcer) Close() error {
	e.slow.Lock()
	defer e.slow.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.end {
		e.end = true
		e.view.Close()
		e.flows.Close()
		return e.conn.CloseLasting()
	}
	return nil
}
