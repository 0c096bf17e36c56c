package daemon

import (
	"errors"
	"slices"
	"sync"
)

// unfinished are the names of what runs and has not ended, in the order of their starts.
// Any goroutine may call its methods; they never wait.
type unfinished struct {
	mu    sync.Mutex
	names []string
}

// begin adds a name until end is called.
func (u *unfinished) begin(name string) (end func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.names = append(u.names, name)
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if i := slices.Index(u.names, name); i >= 0 {
			u.names = slices.Delete(u.names, i, i+1)
		}
	}
}

func (u *unfinished) list() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Clone(u.names)
}

// Left names what has not ended yet: parts of Run, and what Close gives up. The caller can
// log it when it ends the process before Run or Close return. It may be called from any
// goroutine at any time, and never waits.
func (d *Daemon) Left() []string { return d.left.list() }

// Close gives up what New took. Bans stay in the kernel. It waits for calls that are under
// way: the ledger comes before what talks to the kernel, where a call can wait long for the
// lock of iptables. All of it can be left to the end of the process.
func (d *Daemon) Close() error {
	var errs []error
	give := func(name string, up func() error) {
		defer d.left.begin(name)()
		errs = append(errs, up())
	}
	if d.server != nil {
		give("control socket", d.server.Close)
	}
	if d.past != nil {
		give("history", d.past.Close)
	}
	if d.store != nil {
		give("database", d.store.Close)
	}
	if d.own != nil {
		give("own addresses", d.own.Close)
	}
	if d.senders != nil {
		give("heard", d.senders.Close)
	}
	if d.enforcer != nil {
		give("firewall", d.enforcer.Close)
	}
	return errors.Join(errs...)
}
