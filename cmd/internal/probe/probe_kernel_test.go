package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/actions"
	"pbxjail/configs/ports"
)

// withTools makes `iptables` and its relatives the ones of a variant ("nft",
// "legacy"), with a lock of our own. It skips where there is no root or no program;
// with PBXJAIL_KERNEL=1 that fails.
func withTools(t *testing.T, variant string) {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("PBXJAIL_KERNEL") == "1" {
		missing = t.Fatalf
	}
	if os.Geteuid() != 0 {
		missing("the probe needs root")
	}
	dir := t.TempDir()
	for _, tool := range []string{"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"} {
		program, rest, _ := strings.Cut(tool, "-")
		path, err := exec.LookPath(strings.TrimSuffix(program+"-"+variant+"-"+rest, "-"))
		if err != nil {
			missing("the probe needs %v", err)
		}
		if err := os.Symlink(path, filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":/nowhere")
	t.Setenv("XTABLES_LOCKFILE", filepath.Join(dir, "xtables.lock"))
}

// home is the network namespace of the test.
func home(t *testing.T) string {
	t.Helper()
	ns, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

// TestEveryEnforcerDrops: each kind and hook passes each check, and nothing of the
// probe stays.
func TestEveryEnforcerDrops(t *testing.T) {
	for variant, kinds := range map[string][]string{
		"nft":    {"ipset", "iptables", "nftables", "auto"},
		"legacy": {"ipset", "iptables"},
	} {
		t.Run(variant, func(t *testing.T) {
			withTools(t, variant)
			t.Cleanup(func() { wantGone(t) }) // after all of these
			for _, kind := range kinds {
				for _, hook := range []string{"raw", "filter"} {
					t.Run(kind+"/"+hook, func(t *testing.T) {
						t.Parallel()
						r, err := Run(t.Context(), Options{Kind: kind, Hook: hook, Chain: "f2b-pbxjail"})
						if err != nil {
							t.Fatal(err)
						}
						wantAllWell(t, r, kind == "iptables")
					})
				}
			}
		})
	}
}

// wantAllWell wants every check tried and passed. Where the daemon ends bans that is said.
func wantAllWell(t *testing.T, r Report, daemonEnds bool) {
	t.Helper()
	if len(r.Checks) != 2*9+1 || r.Failed() > 0 {
		t.Errorf("got %d checks, %d failed, want 19 and none", len(r.Checks), r.Failed())
	}
	for _, c := range r.Checks {
		if said := c.Why != ""; c.Result != OK || said != (daemonEnds && c.Check == timeLeft) {
			t.Errorf("got %+v, want %s", c, OK)
		}
	}
	if !strings.Contains(r.Enforcer, "v4 and v6") || len(r.Notes) > 0 {
		t.Errorf("got enforcer %q, notes %q", r.Enforcer, r.Notes)
	}
}

// wantGone waits until no thread of this process is in another namespace, and no
// file keeps one.
func wantGone(t *testing.T) {
	t.Helper()
	own := home(t)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		var kept []string
		for _, glob := range []string{"/proc/self/task/*/ns/net", "/proc/self/fd/*"} {
			links, err := filepath.Glob(glob)
			if err != nil {
				t.Fatal(err)
			}
			for _, link := range links {
				if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, "net:") && to != own {
					kept = append(kept, link)
				}
			}
		}
		if len(kept) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still in a namespace of the probe: %s", kept)
		}
	}
}

// faulty is an enforcer with one fault: what it bans, or lifts, is another thing.
type faulty struct {
	actions.Enforcer
	ban, unban func(e actions.Enforcer, p netip.Prefix, d time.Duration) error
	each       func(left time.Duration) time.Duration
	teardown   func(e actions.Enforcer) error
	partly     map[netip.Prefix]bool // banned for some ports, which no fault touches
}

func (f *faulty) Ban(p netip.Prefix, to ports.Set, d time.Duration) error {
	if f.partly == nil {
		f.partly = map[netip.Prefix]bool{}
	}
	if f.partly[p] = to != ports.All; f.ban == nil || f.partly[p] {
		return f.Enforcer.Ban(p, to, d)
	}
	return f.ban(f.Enforcer, p, d)
}

func (f *faulty) Unban(p netip.Prefix) error {
	if f.unban == nil || f.partly[p] {
		return f.Enforcer.Unban(p)
	}
	return f.unban(f.Enforcer, p, 0)
}

func (f *faulty) Each(yield func(ports.Held)) error {
	return f.Enforcer.Each(func(h ports.Held) {
		if f.each != nil {
			h.Left = f.each(h.Left)
		}
		yield(h)
	})
}

func (f *faulty) Teardown() error {
	if f.teardown == nil {
		return f.Enforcer.Teardown()
	}
	return f.teardown(f.Enforcer)
}

// rule makes or removes a rule of iptables that is not the enforcer's.
func rule(change string, p netip.Prefix, match ...string) error {
	program := "iptables"
	if p.Addr().Is6() {
		program = "ip6tables"
	}
	args := append([]string{"-w", "-t", "filter", change, "INPUT", "-s", p.String()}, append(match, "-j", "DROP")...)
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, args, err, out)
	}
	return nil
}

// onlyMatching bans and lifts by a rule that sees some of the packets.
func onlyMatching(match ...string) *faulty {
	return &faulty{
		ban:   func(_ actions.Enforcer, p netip.Prefix, _ time.Duration) error { return rule("-A", p, match...) },
		unban: func(_ actions.Enforcer, p netip.Prefix, _ time.Duration) error { return rule("-D", p, match...) },
	}
}

// TestFaultyEnforcerIsFound: a rule that does not drop all it should, or drops more,
// fails the checks it should, and no other.
func TestFaultyEnforcerIsFound(t *testing.T) {
	nothing := func(actions.Enforcer, netip.Prefix, time.Duration) error { return nil }
	both := func(checks ...string) (list []string) {
		for _, c := range checks {
			list = append(list, c+" v4", c+" v6")
		}
		return list
	}
	// What goes around Ban is not in the sets, and stays after the teardown.
	around := append(both(timeLeft), teardown+" ")
	withTools(t, "nft")
	for name, test := range map[string]struct {
		fault *faulty
		want  []string // the checks that fail
	}{
		"no fault":       {&faulty{}, nil},
		"bans nothing":   {&faulty{ban: nothing}, both(udp, tcp, icmp, udpFlow, tcpFlow, network, timeLeft)},
		"bans tcp only":  {onlyMatching("-p", "tcp"), append(both(udp, icmp, udpFlow, network), around...)},
		"bans udp only":  {onlyMatching("-p", "udp"), append(both(tcp, icmp, tcpFlow, network), around...)},
		"bans sip only":  {onlyMatching("-p", "udp", "--dport", "5060"), append(both(tcp, icmp, tcpFlow, network), around...)},
		"bans new flows": {onlyMatching("-m", "conntrack", "--ctstate", "NEW"), append(both(udpFlow, tcpFlow), around...)},
		"bans v4 only": {&faulty{ban: func(e actions.Enforcer, p netip.Prefix, d time.Duration) error {
			if p.Addr().Is6() {
				return nil
			}
			return e.Ban(p, ports.All, d)
		}}, []string{"udp v6", "tcp v6", "icmp v6", udpFlow + " v6", tcpFlow + " v6", "network v6", timeLeft + " v6"}},
		"refuses v6": {&faulty{ban: func(e actions.Enforcer, p netip.Prefix, d time.Duration) error {
			if p.Addr().Is6() {
				return errors.New("IPv6 is not enforced")
			}
			return e.Ban(p, ports.All, d)
		}}, []string{"udp v6", "tcp v6", "icmp v6", udpFlow + " v6", tcpFlow + " v6", "network v6", timeLeft + " v6"}},
		"bans single addresses only": {&faulty{ban: func(e actions.Enforcer, p netip.Prefix, d time.Duration) error {
			return e.Ban(netip.PrefixFrom(p.Addr(), p.Addr().BitLen()), ports.All, d)
		}}, both(network)},
		"bans the neighbours": {&faulty{ban: func(e actions.Enforcer, p netip.Prefix, d time.Duration) error {
			wide, err := p.Addr().Prefix(p.Bits() - 1)
			return errors.Join(err, e.Ban(wide, ports.All, d), e.Ban(p, ports.All, d))
		}, unban: func(e actions.Enforcer, p netip.Prefix, _ time.Duration) error {
			wide, err := p.Addr().Prefix(p.Bits() - 1)
			return errors.Join(err, e.Unban(wide), e.Unban(p))
		}}, both(neighbour)},
		"lifts nothing":      {&faulty{unban: nothing}, both(udp, tcp, icmp, udpFlow, network)},
		"bans without end":   {&faulty{each: func(time.Duration) time.Duration { return 0 }}, both(timeLeft)},
		"bans for a while":   {&faulty{each: func(l time.Duration) time.Duration { return l / 2 }}, both(timeLeft)},
		"tears nothing down": {&faulty{teardown: func(actions.Enforcer) error { return nil }}, []string{teardown + " "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := run(t.Context(), func() (actions.Enforcer, []string, error) {
				e, notes, err := actions.Open("ipset", actions.Options{Hook: "filter"})
				test.fault.Enforcer = e
				return test.fault, notes, err
			})
			if err != nil {
				t.Fatal(err)
			}
			wantFailed(t, r, test.want)
		})
	}
}

// wantFailed wants exactly these checks failed, each with a reason.
func wantFailed(t *testing.T, r Report, want []string) {
	t.Helper()
	var got []string
	for _, c := range r.Checks {
		if c.Result == Failed {
			got = append(got, c.Check+" "+c.Family)
		}
		if c.Result == Failed && c.Why == "" {
			t.Errorf("got %+v, want a reason", c)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || r.Failed() != len(want) {
		t.Errorf("got %q failed (%d), want %q: %+v", got, r.Failed(), want, r.Checks)
	}
}

// TestLeftRuleIsFound: what a teardown leaves shows, whichever iptables made it.
func TestLeftRuleIsFound(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		t.Run(variant, func(t *testing.T) {
			withTools(t, variant)
			r, err := run(t.Context(), func() (actions.Enforcer, []string, error) {
				e, notes, err := actions.Open("iptables", actions.Options{})
				return &faulty{Enforcer: e, teardown: func(e actions.Enforcer) error {
					return errors.Join(e.Teardown(), rule("-A", netip.MustParsePrefix("203.0.113.1/32")))
				}}, notes, err
			})
			if err != nil {
				t.Fatal(err)
			}
			wantFailed(t, r, []string{teardown + " "})
		})
	}
}

// TestProbeEnds: a cancelled probe returns no report, and nothing stays.
func TestProbeEnds(t *testing.T) {
	withTools(t, "nft")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := run(ctx, func() (actions.Enforcer, []string, error) {
		cancel()
		return actions.Open("nftables", actions.Options{})
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	wantGone(t)
}

// TestNothingToProbe: what does not come up is an error that says so.
func TestNothingToProbe(t *testing.T) {
	withTools(t, "nft")
	for name, o := range map[string]Options{"observe": {Kind: "observe"}, "unknown": {Kind: "ipfw"}, "hook": {Hook: "output"}, "chain": {Chain: "INPUT"}} {
		r, err := Run(t.Context(), o)
		hint, ok := errors.AsType[interface {
			error
			Hint() string
		}](err)
		if !ok || hint.Hint() == "" || len(r.Checks) > 0 {
			t.Errorf("%s: got %+v, %v, want an error with a hint", name, r, err)
		}
	}
	wantGone(t)
}
