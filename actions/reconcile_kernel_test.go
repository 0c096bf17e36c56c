package actions

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
	"pbxjail/actions/kerneltest"
	"pbxjail/actions/xtables"
	"pbxjail/configs/ports"
)

// many yields n bans of an hour.
func many(n int) iter.Seq[ports.Ban] {
	return func(yield func(ports.Ban) bool) {
		for i := range n {
			if !yield(ports.Ban{Prefix: nth(i), For: time.Hour}) {
				return
			}
		}
	}
}

// wantIntact checks what Check says.
func wantIntact(t *testing.T, e Enforcer, intact bool, members int) {
	t.Helper()
	got, n, err := e.Check()
	if n == NotCounted {
		n = len(bans(t, e))
	}
	if err != nil || got != intact || n != members {
		t.Fatalf("got intact %v, %d members, error %v, want %v, %d", got, n, err, intact, members)
	}
}

// settled sets up until there is nothing to make, which is at the second time.
func settled(t *testing.T, e Enforcer) {
	t.Helper()
	made := []string{""}
	for range 3 {
		var err error
		if made, _, err = e.Setup(); err != nil {
			t.Fatal(err)
		}
	}
	if len(made) > 0 {
		t.Fatalf("got %q made by a third Setup", made)
	}
}

// testReconciling checks what the warden relies on when it repairs the kernel.
// harms are commands that remove something of ours.
func testReconciling(t *testing.T, open func(testing.TB, Options) Enforcer, harms map[string]func(t *testing.T)) {
	ready := func(t *testing.T) Enforcer {
		kerneltest.InNamespace(t)
		e := open(t, Options{})
		made, _, err := e.Setup()
		if err != nil || len(made) == 0 {
			t.Fatalf("got %q made, error %v, want to read what was", made, err)
		}
		settled(t, e)
		return e
	}
	t.Run("check", func(t *testing.T) {
		e := ready(t)
		wantIntact(t, e, true, 0)
		mustBan(t, e, "192.0.2.1/32", time.Hour)
		mustBan(t, e, "192.0.2.0/24", time.Hour)
		mustBan(t, e, "2001:db8::1/128", 0)
		wantIntact(t, e, true, 3)
		if err := e.Unban(netip.MustParsePrefix("192.0.2.0/24")); err != nil {
			t.Fatal(err)
		}
		wantIntact(t, e, true, 2)
	})
	for name, harm := range harms {
		t.Run("harm: "+name, func(t *testing.T) {
			e := ready(t)
			mustBan(t, e, "192.0.2.1/32", time.Hour)
			wantIntact(t, e, true, 1) // the look of this second
			harm(t)
			intact, members, err := e.Check()
			if err != nil || intact && members == 1 {
				t.Fatalf("got intact %v, %d members, error %v: the harm is not seen", intact, members, err)
			}
			made, degraded, err := e.Setup()
			if err != nil || len(degraded) > 0 || !intact && len(made) == 0 {
				t.Fatalf("got %q made, degraded %q, error %v", made, degraded, err)
			}
			mustBan(t, e, "192.0.2.1/32", time.Hour)
			settled(t, e)
			wantIntact(t, e, true, 1)
		})
	}
	t.Run("ban all", func(t *testing.T) {
		e := ready(t)
		n := 3000
		if _, slow := e.(*xtables.Enforcer); slow {
			n = 20
		}
		if err := e.BanAll(many(n)); err != nil {
			t.Fatal(err)
		}
		if got := len(bans(t, e)); got != n {
			t.Errorf("got %d bans, want %d", got, n)
		}
		err := e.BanAll(slices.Values([]ports.Ban{{Prefix: netip.MustParsePrefix("0.0.0.0/0"), For: time.Hour}, {Prefix: nth(n)}, {Prefix: nth(0), For: time.Minute}}))
		if err == nil || !strings.Contains(err.Error(), "every address") {
			t.Errorf("got error %v, want one about every address", err)
		}
		got := bans(t, e)
		if left := got[nth(0).String()].left; len(got) != n+1 || left > time.Minute+time.Second || left == 0 {
			t.Errorf("got %d bans, %s left of the first; want the others in", len(got), left)
		}
	})
}

// testLists checks what feeds rely on.
func testLists(t *testing.T, open func(testing.TB, Options) Enforcer) {
	prefixes := func(list ...string) (out []netip.Prefix) {
		for _, p := range list {
			out = append(out, netip.MustParsePrefix(p))
		}
		return out
	}
	replace := func(t *testing.T, e Enforcer, name string, list []netip.Prefix) {
		t.Helper()
		if err := e.Replace(name, nil, list); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("list drops", func(t *testing.T) {
		a := kerneltest.NewAttacker(t)
		e := open(t, Options{})
		mustSetup(t, e)
		clean := allOf(t)
		answered(t, a.V4, "before") // so that no packet waits for a neighbour's address
		answered(t, a.V6, "before")
		replace(t, e, "feed", prefixes("203.0.113.0/24", "203.0.113.7/32", kerneltest.Attacker4+"/32", kerneltest.Attacker6+"/64"))
		if got := e.Lists(); !slices.Equal(got, []string{"feed"}) {
			t.Errorf("got lists %q", got)
		}
		for i := range 5 {
			fmt.Fprintf(a.V4, "listed %d", i)
			fmt.Fprintf(a.V6, "listed %d", i)
		}
		wantBans(t, e)
		replace(t, e, "feed", prefixes("203.0.113.0/24"))
		answered(t, a.V4, "after")
		answered(t, a.V6, "after")
		replace(t, e, "feed", []netip.Prefix{})
		replace(t, e, "feed", nil)
		if got := allOf(t); got != clean {
			t.Errorf("got firewall\n%s\nwant\n%s", got, clean)
		}
	})
	t.Run("list outlives", func(t *testing.T) {
		kerneltest.InNamespace(t)
		e := open(t, Options{})
		mustSetup(t, e)
		clean := allOf(t)
		replace(t, e, "feed-1", prefixes("203.0.113.0/24", "2001:db8::/32"))
		settled(t, e)
		wantIntact(t, e, true, 0)
		before := allOf(t)
		next := open(t, Options{})
		if degraded := mustSetup(t, next); len(degraded) > 0 || !slices.Equal(next.Lists(), []string{"feed-1"}) {
			t.Errorf("got lists %q, degraded %q", next.Lists(), degraded)
		}
		if got := allOf(t); got != before {
			t.Errorf("got firewall\n%s\nwant\n%s", got, before)
		}
		replace(t, next, "feed-1", nil)
		if got := allOf(t); got != clean {
			t.Errorf("got firewall\n%s\nwant\n%s", got, clean)
		}
	})
	t.Run("list emptied", func(t *testing.T) {
		kerneltest.InNamespace(t)
		e := open(t, Options{})
		mustSetup(t, e)
		replace(t, e, "feed", prefixes("203.0.113.0/24", "2001:db8::/32"))
		settled(t, e)
		before := allOf(t)
		if keepsSets(e) {
			kerneltest.Tool(t, "ipset", "flush")
		} else {
			kerneltest.Tool(t, "nft", "flush", "ruleset")
			e.Check()
		}
		if intact, _, err := e.Check(); intact || err != nil {
			t.Errorf("got intact %v, error %v", intact, err)
		}
		settled(t, e)
		wantIntact(t, e, true, 0)
		if got := allOf(t); got != before {
			t.Errorf("got firewall\n%s\nwant\n%s", got, before)
		}
	})
	t.Run("large list", func(t *testing.T) {
		kerneltest.InNamespace(t)
		e := open(t, Options{})
		mustSetup(t, e)
		var list []netip.Prefix
		for p := range many(20_000) {
			list = append(list, p.Prefix)
		}
		replace(t, e, "feed", list)
		replace(t, e, "feed", list[:10])
		if err := e.Teardown(); err != nil {
			t.Fatal(err)
		}
		if got := allOf(t); strings.Contains(got, "feed") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("list refused", func(t *testing.T) {
		kerneltest.InNamespace(t)
		e := open(t, Options{})
		mustSetup(t, e)
		for _, name := range []string{"", "-x", "Feed", "a b", strings.Repeat("a", 17)} {
			wantError(t, e.Replace(name, nil, nil), "cannot be used")
		}
		wantError(t, e.Replace("feed", nil, prefixes("203.0.113.0/24", "::/0")), "every address")
		if got := e.Lists(); len(got) > 0 {
			t.Errorf("got lists %q of what was refused", got)
		}
	})
}

// allOf is the firewall, with the rules and sets of nftables.
func allOf(t testing.TB) string {
	t.Helper()
	return firewall(t) + kerneltest.Tool(t, "nft", "-s", "list", "ruleset", "inet")
}

// TestWatch: a change by another program is reported, with its name.
func TestWatch(t *testing.T) {
	ns := kerneltest.InNamespace(t)
	kerneltest.WithTools(t, "nft")
	ctx, cancel := context.WithCancel(t.Context())
	changed, done := make(chan string, 100), make(chan error, 1)
	go func() {
		runtime.LockOSThread() // it ends with the goroutine
		err := netns.Set(ns)
		done <- errors.Join(err, Watch(ctx, nil, func(by string) { changed <- by }))
	}()
	kerneltest.Eventually(t, "a change is reported", func() bool {
		kerneltest.Tool(t, "iptables", "-t", "raw", "-A", "PREROUTING", "-p", "udp", "-j", "ACCEPT")
		select {
		case by := <-changed:
			return by == "iptables"
		default:
			return false
		}
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNeighbours(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		t.Run(variant, func(t *testing.T) {
			kerneltest.InNamespace(t)
			kerneltest.WithTools(t, variant)
			if got := Neighbours("pbxjail"); len(got) > 0 {
				t.Errorf("got %q in an empty namespace", got)
			}
			for _, chain := range []string{"fpbxfirewall", "f2b-pbxjail", "DOCKER-USER", "DOCKER"} {
				kerneltest.Tool(t, "iptables", "-N", chain)
			}
			if got, want := Neighbours("f2b-pbxjail"), []string{FreePBX, "Docker"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestVariant: where only the other iptables has rules, it is ours too.
func TestVariant(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		t.Run(variant, func(t *testing.T) {
			kerneltest.InNamespace(t)
			kerneltest.Tool(t, "iptables-"+variant, "-A", "INPUT", "-p", "udp", "-j", "ACCEPT")
			mustSetup(t, mustOpen(t, "auto", Options{}))
			if got := kerneltest.Tool(t, "iptables-"+variant+"-save", "-t", "raw"); !strings.Contains(got, "-A PREROUTING -j pbxjail") {
				t.Errorf("got\n%s\nwant our jump among them", got)
			}
		})
	}
}

// iptablesHarms remove something of ours from tables of iptables and from ipsets.
func iptablesHarms(kind, variant, hook string) map[string]func(*testing.T) {
	table, parent := "raw", "PREROUTING"
	if hook == "filter" {
		table, parent = "filter", "INPUT"
	}
	harms := map[string]func(*testing.T){}
	run := func(name string, commands ...string) {
		harms[name] = func(t *testing.T) {
			for _, c := range commands {
				args := strings.Fields(strings.NewReplacer("TABLE", table, "PARENT", parent).Replace(c))
				kerneltest.Tool(t, args[0], args[1:]...)
			}
		}
	}
	run("flush and delete chains", "iptables -t TABLE -F", "iptables -t TABLE -X", "ip6tables -t TABLE -F", "ip6tables -t TABLE -X")
	run("flush of IPv6", "ip6tables -t TABLE -F")
	run("jump", "iptables -t TABLE -D PARENT -j pbxjail")
	run("our chain emptied", "iptables -t TABLE -F pbxjail")
	run("accepted before", "iptables -t TABLE -I pbxjail -p udp -j ACCEPT")
	harms["table restored by another"] = func(t *testing.T) { // as by netfilter-persistent: without --noflush
		saved := filepath.Join(t.TempDir(), "saved")
		text := strings.NewReplacer("TABLE", table, "PARENT", parent).Replace("*TABLE\n-A PARENT -p udp --dport 9 -j ACCEPT\nCOMMIT\n")
		if err := os.WriteFile(saved, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		kerneltest.Tool(t, "iptables-restore", saved)
		kerneltest.Tool(t, "ip6tables-restore", saved)
	}
	if variant == "nft" {
		run("ruleset flushed", "nft flush ruleset")
	}
	if kind == "iptables" {
		run("a ban made another rule", "iptables -t TABLE -R pbxjail 1 -s 203.0.113.9 -j ACCEPT")
	}
	if kind != "iptables" {
		run("ipset flush", "ipset flush")
		run("rule removed", "ip6tables -t TABLE -D pbxjail -m set --match-set pbxjail-6 src -j DROP")
		flush := harms["flush and delete chains"]
		harms["ipset destroy"] = func(t *testing.T) {
			flush(t)
			kerneltest.Eventually(t, "an end of the sets", func() bool { // nftables lets go of them in the background
				exec.Command("ipset", "destroy").Run()
				return kerneltest.Tool(t, "ipset", "list", "-n") == ""
			})
		}
	}
	return harms
}

// nftHarms remove something of our table.
var nftHarms = map[string]func(*testing.T){
	"ruleset flushed": func(t *testing.T) { kerneltest.Tool(t, "nft", "flush", "ruleset") },
	"table deleted":   func(t *testing.T) { kerneltest.Tool(t, "nft", "delete", "table", "inet", "pbxjail") },
	"rules flushed":   func(t *testing.T) { kerneltest.Tool(t, "nft", "flush", "table", "inet", "pbxjail") },
	"set flushed":     func(t *testing.T) { kerneltest.Tool(t, "nft", "flush", "set", "inet", "pbxjail", "ban4-32") },
	"member removed": func(t *testing.T) {
		kerneltest.Tool(t, "nft", "delete", "element", "inet", "pbxjail", "ban4-32", "{ 192.0.2.1 }")
	},
}

// testNftOwnership is what nftables owes to the rest of the firewall.
func testNftOwnership(t *testing.T, open func(testing.TB, Options) Enforcer, hook string) {
	t.Run("foreign rules untouched", func(t *testing.T) {
		kerneltest.InNamespace(t)
		foreign(t)
		kerneltest.Tool(t, "nft", "add table inet other; add chain inet other in { type filter hook input priority 0; }; add rule inet other in udp dport 5060 accept")
		clean := allOf(t)
		e := open(t, Options{})
		mustSetup(t, e)
		mustBan(t, e, "192.0.2.0/24", time.Hour)
		if got := allOf(t); got == clean {
			t.Fatal("setup changed nothing")
		}
		if err := e.Teardown(); err != nil {
			t.Fatal(err)
		}
		if got := allOf(t); got != clean {
			t.Errorf("got firewall\n%s\nwant\n%s", got, clean)
		}
	})
	t.Run("a restart keeps bans", func(t *testing.T) {
		kerneltest.InNamespace(t)
		e := open(t, Options{})
		mustSetup(t, e)
		mustBan(t, e, "192.0.2.0/24", time.Hour)
		mustBan(t, e, "192.0.2.1/32", 0)
		mustBan(t, e, "2001:db8::/64", time.Hour)
		before := allOf(t)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if err := e.Ban(netip.MustParsePrefix("192.0.2.9/32"), "", time.Hour); !errors.Is(err, kernel.ErrClosed) {
			t.Errorf("got error %v of a closed enforcer", err)
		}
		next := open(t, Options{})
		settled(t, next)
		wantBans(t, next, "192.0.2.0/24", "192.0.2.1/32", "2001:db8::/64")
		if got := rulesOf(allOf(t)); got != rulesOf(before) {
			t.Errorf("got firewall\n%s\nwant\n%s", got, before)
		}
	})
	t.Run("the other hook's chain goes", func(t *testing.T) {
		kerneltest.InNamespace(t)
		other := map[string]string{"raw": "filter", "filter": "raw"}[hook]
		mustSetup(t, mustOpen(t, "nftables", Options{Hook: other}))
		e := open(t, Options{})
		settled(t, e)
		if got := allOf(t); strings.Count(got, " hook ") != 1 {
			t.Errorf("got firewall\n%s\nwant one hook", got)
		}
	})
	t.Run("full", func(t *testing.T) {
		kerneltest.InNamespace(t)
		e := open(t, Options{MaxElem: 4})
		mustSetup(t, e)
		if err := e.BanAll(many(4)); err != nil {
			t.Fatal(err)
		}
		wantError(t, e.Ban(nth(9), "", time.Hour), "is full")
		if err := e.Ban(nth(2), "", 2*time.Hour); err != nil { // to renew takes no room
			t.Error(err)
		}
		if got := len(bans(t, e)); got != 4 {
			t.Errorf("got %d bans, want 4", got)
		}
	})
}

// rulesOf leaves the times of members out.
func rulesOf(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "expires") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// TestChangeOfKind: what one kind had made drops nothing under another.
func TestChangeOfKind(t *testing.T) {
	kinds := []string{"ipset", "nftables", "iptables"}
	for _, from := range kinds {
		for _, to := range kinds {
			t.Run(from+" to "+to, func(t *testing.T) {
				kerneltest.InNamespace(t)
				old := mustOpen(t, from, Options{})
				mustSetup(t, old)
				mustBan(t, old, "192.0.2.1/32", time.Hour)
				e := mustOpen(t, to, Options{})
				mustSetup(t, e)
				if from != to {
					wantBans(t, e)
				}
				if err := e.Teardown(); err != nil {
					t.Fatal(err)
				}
				if got := allOf(t); strings.Contains(got, "pbxjail") && !strings.Contains(got, "create pbxjail-4") {
					t.Errorf("got firewall\n%s\nwant nothing of ours", got)
				}
			})
		}
	}
}

// TestRefusedLine: the kernel reports at which member it stopped.
func TestRefusedLine(t *testing.T) {
	kerneltest.InNamespace(t)
	s, err := kernel.OpenSets()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Create("small", unix.AF_INET, 100, false); err != nil {
		t.Fatal(err)
	}
	var list []kernel.Member
	for p := range many(1000) {
		list = append(list, kernel.Member{Prefix: p.Prefix, Seconds: 60})
	}
	done, err := s.Put("small", list)
	have, failed := s.Header("small")
	if !errors.Is(err, kernel.ErrFull) || failed != nil || done < 100 || done >= 500 || have.Members != done {
		t.Errorf("got %d of 1000 in by the answer, %d in the kernel, errors %v, %v", done, have.Members, err, failed)
	}
	if done, err := s.Put("none", list); done != 0 || !errors.Is(err, unix.ENOENT) {
		t.Errorf("got %d in a set that is not there, error %v", done, err)
	}
}
