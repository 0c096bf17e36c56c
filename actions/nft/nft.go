// Package nft keeps bans in its own table of nftables. Package actions opens it. It starts
// no program. It decides nothing, and must never see log text.
package nft

import (
	"errors"
	"sync"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
	"pbxjail/configs/hint"
)

// Enforcer holds bans in a table of our own, "inet pbxjail", that no other firewall has a
// reason to change. Intervals of nftables cannot overlap, so a set of intervals could not
// hold a ban inside a wider one. Therefore each length of prefix has its own hash set and
// rule; ipset's hash:net does the same inside. Each group of ports has its own sets too.
// The kernel drops packets and ends bans without this process.
type Enforcer struct {
	options kernel.Options
	table   *nftables.Table
	view    *kernel.NftReader
	finder  *kernel.NftReader // for single members, which must not wait for a list
	flows   *kernel.Flows

	// Taken in this order.
	slow   sync.Mutex       // Setup, Split, Replace, Teardown and Check
	lists  map[string]*list // by name. Guarded by slow
	rest   time.Time        // no count before. Guarded by slow
	mu     sync.Mutex       // guards all below
	groups kernel.Groups
	conn   *nftables.Conn           // collects what Flush sends in one transaction
	sets   map[string]*nftables.Set // that are there, by name
	used   map[string]bool          // sets of bans that may hold a member
	count  map[string]int           // see room.go
	// current is the set that holds a list for one family, by both: see listKey.
	current  map[string]string
	gen      uint32 // the generation after the last good look, and our changes since
	since    uint32 // our changes since the last Check
	verified bool
	end      bool
}

const (
	// nftBatch is how many members one message holds: their list has 16 bits for its
	// length, and a transaction must fit into a socket's buffer.
	nftBatch = 500
)

// errMissing marks a kernel without nftables.
const errMissing = kernel.Missing("nftables cannot be used")

// Open opens the sockets; Setup makes the table. All of o is filled in. It works in the
// network namespace of the calling thread.
func Open(o kernel.Options) (*Enforcer, error) {
	view, err := kernel.OpenNftReader()
	if err != nil {
		return nil, err
	}
	groups, err := kernel.NewGroups(o.Groups)
	if err != nil {
		view.Close()
		return nil, err
	}
	e := &Enforcer{options: o, groups: groups, view: view, table: &nftables.Table{Name: o.Chain, Family: nftables.TableFamilyINet}, lists: map[string]*list{}, used: map[string]bool{}, count: map[string]int{}, sets: map[string]*nftables.Set{}, current: map[string]string{}}
	if e.finder, err = kernel.OpenNftReader(); err == nil {
		if e.flows, err = kernel.OpenFlows(o); err == nil {
			e.conn, err = nftables.New(nftables.AsLasting())
		}
	}
	if err != nil {
		view.Close()
		return nil, kernel.Cannot(kernel.Refused(err), "reach the firewall in the kernel")
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
		return hint.Errorf(kernel.RootHint, "%w: %w", errMissing, err)
	case errors.Is(err, unix.ENOENT):
		return hint.Errorf(kernel.Removed("the table and its sets"), "another program removed the table of pbxjail, or a set of this table: %w", err)
	case errors.Is(err, unix.ENFILE):
		return kernel.Full("a set of pbxjail's table")
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT):
		return hint.Errorf("load the module: modprobe nf_tables"+kernel.RestartHint, "%w: %w", errMissing, err)
	}
	return kernel.WithHint(err)
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
	clear(e.count)
	clear(e.current)
	return e.removeTable()
}

// removeTable removes everything that is ours. mu is held.
func (e *Enforcer) removeTable() error {
	e.verified = false
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
		e.finder.Close()
		e.flows.Close()
		return e.conn.CloseLasting()
	}
	return nil
}

// Dropped is what the rules of bans and lists dropped. Not after Close.
func (e *Enforcer) Dropped() (map[string]kernel.Dropped, error) {
	n, err := e.view.Dropped(uint8(e.table.Family), e.table.Name, e.chain().Name)
	if err != nil {
		return nil, err
	}
	return map[string]kernel.Dropped{"both families": n}, nil
}
