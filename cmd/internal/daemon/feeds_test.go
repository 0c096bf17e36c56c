package daemon

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/cmd/internal/guard"
	"pbxjail/configs"
	"pbxjail/configs/ports"
	"pbxjail/jails"
	"pbxjail/jails/feeds"
)

// holder is an enforcer that holds lists.
type holder struct {
	mu   sync.Mutex
	held []netip.Prefix
}

func (h *holder) Replace(_ string, _ []ports.Range, prefixes []netip.Prefix) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.held = slices.Clone(prefixes)
	return nil
}

// TestFeedsWaitForNames: no feed bans while a trunk may be hidden behind a name that
// is not answered yet, but not without end.
func TestFeedsWaitForNames(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		kernel := &holder{}
		state := guard.State{
			Own:      []netip.Addr{netip.MustParseAddr("185.243.5.0")},
			Ignoreip: []netip.Prefix{netip.MustParsePrefix("185.243.5.128/25")},
			Trusts:   []jails.Protection{{Prefix: netip.MustParsePrefix("185.243.5.64/32"), Why: "trunk"}},
			Pending:  true,
		}
		d := &upkeep{since: time.Now(), guard: guard.Fixed(state), feeds: feeds.New(feeds.Options{Dir: dir, Enforcer: kernel})}
		d.feeds.Set([]configs.Feed{{Name: "a", File: "shipped/ranges.txt", Use: "ban", Enabled: true, Factor: 1.5, Interval: time.Hour, MaxEntries: 1000}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.feeds.Run(ctx) }()
		d.spareFromFeeds()
		time.Sleep(namesTime / 2)
		d.spareFromFeeds()
		synctest.Wait()
		if len(kernel.held) > 0 {
			t.Errorf("got %v before the names were answered", kernel.held)
		}
		time.Sleep(namesTime)
		d.spareFromFeeds()
		synctest.Wait()
		if len(kernel.held) == 0 {
			t.Error("got nothing, want the feed without the protected addresses")
		}
		for _, p := range d.guard.Current().Prefixes() {
			if slices.ContainsFunc(kernel.held, p.Overlaps) {
				t.Errorf("got %v, want %s spared", kernel.held, p)
			}
		}
		cancel()
		<-ended
	})
}
