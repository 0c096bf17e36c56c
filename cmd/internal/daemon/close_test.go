package daemon

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/actions"
	"pbxjail/jails/book"
	"pbxjail/jails/store"
)

// hung is an enforcer whose Close waits, as when a call waits for the lock of iptables.
type hung struct {
	actions.Enforcer
	release chan struct{}
}

func (h hung) Setup() (made, degraded []string, err error) { return nil, nil, nil }
func (h hung) Split([]actions.Port) error                  { return nil }
func (h hung) Close() error                                { <-h.release; return nil }

// TestFirewallThatHangsLeavesTheLedgerClosed: and Left names what is left. The ledger can be
// opened by the next daemon, and has all.
func TestFirewallThatHangsLeavesTheLedgerClosed(t *testing.T) {
	s := newSite(t)
	d := s.open()
	ban := book.Ban{Prefix: netip.MustParsePrefix("203.0.113.9/32"), Jail: "phones", Since: time.Now(), By: "log"}
	if err := d.store.Record([]book.Ban{ban}); err != nil {
		t.Fatal(err)
	}
	h := hung{release: make(chan struct{})}
	d.enforcer = actions.NewSwitch(actions.Options{}, func() (actions.Enforcer, []string, error) { return h, nil, nil })
	if _, _, err := d.enforcer.On(); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- d.Close() }()
	s.eventually("the firewall alone is left", func() bool { return slices.Equal(d.Left(), []string{"firewall"}) })
	ledger, notes, err := store.Open(s.path("state/pbxjail.db"), time.Now())
	if err != nil || notes.Cause != nil {
		t.Fatalf("open the database beside the daemon that ends: %v, %v", err, notes.Cause)
	}
	defer ledger.Close()
	if list, err := ledger.History(ban.Prefix, 10); err != nil || len(list) != 1 {
		t.Errorf("got %v, %v, want the ban", list, err)
	}
	close(h.release)
	if err := <-closed; err != nil || len(d.Left()) != 0 {
		t.Errorf("got %v, left %v", err, d.Left())
	}
}

// TestPartThatNeverEndsTakesNoTimeFromOthers: the warden writes the ledger though the
// watcher hangs on a dead disk, and Left names the watcher alone.
func TestPartThatNeverEndsTakesNoTimeFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Daemon{log: quiet()}
		p := newParts(d.log, &d.left, func(error) {})
		disk := make(chan struct{})
		p.start("watcher", func(context.Context) error { <-disk; return nil })
		wrote := false
		p.start("warden", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(100 * time.Millisecond) // a slow disk
			wrote = true
			return nil
		})
		p.start("control", func(ctx context.Context) error { <-ctx.Done(); return nil })
		d.stop(p)
		if !wrote {
			t.Error("the warden got no time to write the database")
		}
		if got := d.Left(); !slices.Equal(got, []string{"watcher"}) {
			t.Errorf("got %v left, want the watcher alone", got)
		}
		close(disk)
		synctest.Wait()
		if got := d.Left(); len(got) != 0 {
			t.Errorf("got %v left, want none", got)
		}
	})
}
