package actions

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/actions/kerneltest"
	"pbxjail/actions/xtables"
	"pbxjail/configs/ports"
)

// firewall is all rules and sets of the namespace, without dates and counters.
func firewall(t testing.TB) string {
	t.Helper()
	var kept []string
	for _, text := range []string{kerneltest.Tool(t, "iptables-save"), kerneltest.Tool(t, "ip6tables-save"), kerneltest.Tool(t, "ipset", "save")} {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			if strings.HasPrefix(line, ":") {
				line, _, _ = strings.Cut(line, "[")
				line += "\n"
			}
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func hintOf(err error) string {
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		return h.Hint()
	}
	return ""
}

// wantError checks that err says text and carries a hint.
func wantError(t testing.TB, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("got error %v, want one with %q", err, text)
	}
	if hintOf(err) == "" {
		t.Errorf("error without a hint: %v", err)
	}
}

func mustOpen(t testing.TB, kind string, o Options) Enforcer {
	t.Helper()
	e, _, err := Open(kind, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func mustSetup(t testing.TB, e Enforcer) []string {
	t.Helper()
	_, degraded, err := e.Setup()
	if err != nil {
		t.Fatal(err)
	}
	return degraded
}

func mustBan(t testing.TB, e Enforcer, p string, d time.Duration) {
	t.Helper()
	if err := e.Ban(netip.MustParsePrefix(p), ports.All, d); err != nil {
		t.Fatal(err)
	}
}

type banned struct {
	left           time.Duration
	packets, bytes uint64
}

// bans is what Each gives, with the group behind the prefix where it has one.
func bans(t testing.TB, e Enforcer) map[string]banned {
	t.Helper()
	got := make(map[string]banned)
	err := e.Each(func(h ports.Held) {
		key := strings.TrimSpace(h.Prefix.String() + " " + h.Group)
		if _, twice := got[key]; twice {
			t.Errorf("Each gave %s twice", key)
		}
		got[key] = banned{h.Left, h.Packets, h.Bytes}
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func wantBans(t testing.TB, e Enforcer, want ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(bans(t, e)))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("got bans %v, want %v", got, want)
	}
}

// TestEnforcers holds every kind to the contract, on the real kernel.
func TestEnforcers(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		for _, kind := range []string{"ipset", "iptables"} {
			for _, hook := range []string{"raw", "filter"} {
				t.Run(kind+"/"+variant+"/"+hook, func(t *testing.T) {
					kerneltest.Need(t)
					kerneltest.WithTools(t, variant)
					open := func(t testing.TB, o Options) Enforcer {
						o.Hook = hook
						return mustOpen(t, kind, o)
					}
					if hook == "raw" { // nothing in there knows the hook
						testEnforcer(t, open)
					}
					testOwnership(t, open, hook)
					testReconciling(t, open, iptablesHarms(kind, variant, hook))
					testPackets(t, open)
					testPorts(t, open)
					testPortsRepair(t, open, iptablesHarms(kind, variant, hook))
					if kind != "iptables" {
						testLists(t, open)
					}
				})
			}
		}
	}
	for _, hook := range []string{"raw", "filter"} {
		t.Run("nftables/"+hook, func(t *testing.T) {
			kerneltest.Need(t)
			open := func(t testing.TB, o Options) Enforcer {
				o.Hook = hook
				return mustOpen(t, "nftables", o)
			}
			testEnforcer(t, open)
			testNftOwnership(t, open, hook)
			testReconciling(t, open, nftHarms)
			testPackets(t, open)
			testPorts(t, open)
			testPortsRepair(t, open, nftHarms)
			testLists(t, open)
		})
	}
	t.Run("observe", func(t *testing.T) {
		testEnforcer(t, func(t testing.TB, o Options) Enforcer { return mustOpen(t, "observe", o) })
	})
}

// keepsSets reports whether an enforcer of iptables has its bans in sets, so that they are
// harmed there.
func keepsSets(e Enforcer) bool { return strings.HasPrefix(e.Name(), "ipset") }

// testEnforcer is the contract of all kinds. open is called inside a namespace
// and gives an enforcer that is not set up.
func testEnforcer(t *testing.T, open func(testing.TB, Options) Enforcer) {
	run := func(name string, test func(t *testing.T, e Enforcer)) {
		t.Run(name, func(t *testing.T) {
			if _, fake := open(t, Options{}).(*observe); !fake {
				kerneltest.InNamespace(t)
			}
			e := open(t, Options{})
			mustSetup(t, e)
			test(t, e)
		})
	}
	run("ban masks and unmaps", func(t *testing.T, e Enforcer) {
		for _, p := range []string{"192.0.2.1/32", "198.51.100.77/24", "::ffff:203.0.113.9/128", "2001:db8::1/128", "2001:db8:1::5/64", "128.0.0.1/1"} {
			mustBan(t, e, p, time.Hour)
		}
		wantBans(t, e, "192.0.2.1/32", "198.51.100.0/24", "203.0.113.9/32", "2001:db8::1/128", "2001:db8:1::/64", "128.0.0.0/1")
	})
	run("every address is refused", func(t *testing.T, e Enforcer) {
		for _, p := range []string{"0.0.0.0/0", "::/0", "203.0.113.1/0", "::ffff:0.0.0.0/96", "::ffff:0.0.0.0/90"} {
			wantError(t, e.Ban(netip.MustParsePrefix(p), "", time.Hour), "every address")
		}
		if err := e.Ban(netip.Prefix{}, "", time.Hour); err == nil {
			t.Error("the zero prefix was banned")
		}
		wantBans(t, e)
	})
	run("bantimes", func(t *testing.T, e Enforcer) {
		for p, d := range map[string]time.Duration{
			"192.0.2.1/32": 0, "192.0.2.2/32": time.Hour, "192.0.2.3/32": 100 * 365 * 24 * time.Hour, "2001:db8::1/128": 90 * time.Minute} {
			mustBan(t, e, p, d)
			got := bans(t, e)[p].left
			if want := min(d, MaxTimeout); got > want+time.Second || want > 0 && got < want-time.Minute {
				t.Errorf("%s: got %s left, want about %s", p, got, want)
			}
		}
		if err := e.Ban(netip.MustParsePrefix("192.0.2.9/32"), "", -time.Second); err == nil {
			t.Error("a negative bantime was taken")
		}
	})
	run("a ban replaces", func(t *testing.T, e Enforcer) {
		for _, d := range []time.Duration{time.Hour, 48 * time.Hour, time.Minute, 0, time.Minute} {
			mustBan(t, e, "192.0.2.1/32", d)
			wantBans(t, e, "192.0.2.1/32")
			if got := bans(t, e)["192.0.2.1/32"].left; got > d+time.Second || got < d-30*time.Second {
				t.Errorf("got %s left, want about %s", got, d)
			}
		}
	})
	run("unban", func(t *testing.T, e Enforcer) {
		mustBan(t, e, "192.0.2.1/32", time.Hour)
		mustBan(t, e, "192.0.2.0/24", time.Hour)
		mustBan(t, e, "2001:db8::1/128", 0)
		for _, p := range []string{"192.0.2.1/32", "::ffff:192.0.2.1/128", "203.0.113.1/32", "2001:db8::1/128"} {
			if err := e.Unban(netip.MustParsePrefix(p)); err != nil {
				t.Errorf("unban %s: %v", p, err)
			}
		}
		wantBans(t, e, "192.0.2.0/24")
	})
	run("a ban ends by itself", func(t *testing.T, e Enforcer) {
		mustBan(t, e, "192.0.2.1/32", time.Millisecond)
		mustBan(t, e, "2001:db8::1/128", 1500*time.Millisecond)
		mustBan(t, e, "192.0.2.2/32", time.Hour)
		start := time.Now()
		var left map[string]banned
		looks := 0
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("in %d looks, the last one saw %v", looks, left)
			}
		})
		kerneltest.Eventually(t, "both bans end", func() bool { left = bans(t, e); looks++; return len(left) == 1 })
		if took := time.Since(start); took < time.Second {
			t.Errorf("got an end after %s, want at least 1.5 s rounded up", took)
		}
		wantBans(t, e, "192.0.2.2/32")
	})
	run("set up twice, tear down twice", func(t *testing.T, e Enforcer) {
		mustBan(t, e, "192.0.2.1/32", time.Hour)
		if degraded := mustSetup(t, e); len(degraded) > 0 {
			t.Errorf("got degraded %v, want none", degraded)
		}
		wantBans(t, e, "192.0.2.1/32")
		for range 2 {
			if err := e.Teardown(); err != nil {
				t.Fatal(err)
			}
		}
		mustSetup(t, e)
		wantBans(t, e)
	})
	run("from many goroutines", func(t *testing.T, e Enforcer) {
		if _, slow := e.(*xtables.Enforcer); slow {
			// its programs would start in the namespace of other threads
			t.Skip("plain rules need the test's thread")
		}
		done := make(chan error)
		for i := range 8 {
			go func() {
				var errs []error
				for j := range 50 {
					p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), byte(j), 1}), 32)
					errs = append(errs, e.Ban(p, "", time.Hour), e.Each(func(ports.Held) {}))
					if j%2 == 0 {
						errs = append(errs, e.Unban(p))
					}
				}
				done <- errors.Join(errs...)
			}()
		}
		for range 8 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if got, want := len(bans(t, e)), 8*25; got != want {
			t.Errorf("got %d bans, want %d", got, want)
		}
	})
}
