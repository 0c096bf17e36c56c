package actions

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pbxjail/actions/kernel"
	"pbxjail/actions/kerneltest"
	"pbxjail/actions/nft"
)

// foreign are rules and a set of another program, in the tables and chains that we hook.
func foreign(t testing.TB) {
	t.Helper()
	kerneltest.Tool(t, "ipset", "create", "office", "hash:net", "timeout", "0")
	kerneltest.Tool(t, "ipset", "add", "office", "192.0.2.0/24")
	for _, ipt := range []string{"iptables", "ip6tables"} {
		for _, rule := range []string{
			"-t raw -A PREROUTING -p udp --dport 5060 -m comment --comment a-c_1_2 -j ACCEPT",
			"-t raw -A PREROUTING -p udp --dport 5061 -j ACCEPT",
			"-t filter -N office",
			"-t filter -A office -p tcp --dport 22 -j ACCEPT",
			"-t filter -A INPUT -i lo -j office",
			"-t filter -A INPUT -i lo -j ACCEPT",
			"-t nat -A PREROUTING -p udp --dport 5070 -j REDIRECT --to-ports 5060",
		} {
			kerneltest.Tool(t, ipt, strings.Fields(rule)...)
		}
		kerneltest.Tool(t, ipt, "-t", "raw", "-A", "PREROUTING", "-p", "udp", "-m", "comment", "--comment", "to -c 1 2 -j pbxjail", "-j", "ACCEPT")
	}
	kerneltest.Tool(t, "iptables", "-t", "filter", "-A", "INPUT", "-m", "set", "--match-set", "office", "src", "-j", "ACCEPT")
}

// testOwnership checks that an enforcer changes nothing of the rest of the firewall.
func testOwnership(t *testing.T, open func(testing.TB, Options) Enforcer, hook string) {
	table, parent := "raw", "PREROUTING"
	if hook == "filter" {
		table, parent = "filter", "INPUT"
	}
	both := func(t *testing.T, args ...string) {
		t.Helper()
		for _, ipt := range []string{"iptables", "ip6tables"} {
			kerneltest.Tool(t, ipt, append([]string{"-t", table}, args...)...)
		}
	}
	// whole is the firewall after a clean Setup, with foreign rules.
	whole := func(t *testing.T) (e Enforcer, clean, set string) {
		t.Helper()
		kerneltest.InNamespace(t)
		foreign(t)
		clean = firewall(t)
		e = open(t, Options{})
		mustSetup(t, e)
		return e, clean, firewall(t)
	}

	t.Run("foreign rules untouched", func(t *testing.T) {
		e, clean, set := whole(t)
		if clean == set {
			t.Fatal("setup changed nothing")
		}
		for _, ipt := range []string{"iptables", "ip6tables"} {
			rules := kerneltest.Tool(t, ipt, "-t", table, "-S", parent)
			if first := strings.Split(rules, "\n")[1]; first != "-A "+parent+" -j pbxjail" {
				t.Errorf("%s: got first rule %q, want our jump", ipt, first)
			}
		}
		mustBan(t, e, "192.0.2.1/32", time.Hour)
		mustBan(t, e, "2001:db8::1/128", time.Hour)
		mustSetup(t, e)
		if err := e.Teardown(); err != nil {
			t.Fatal(err)
		}
		if got := firewall(t); got != clean {
			t.Errorf("got firewall\n%s\nwant\n%s", got, clean)
		}
	})
	t.Run("setup repairs", func(t *testing.T) {
		e, _, set := whole(t)
		repairs := map[string]func(){
			"jump gone":   func() { both(t, "-D", parent, "-j", "pbxjail") },
			"jump twice":  func() { both(t, "-I", parent, "-j", "pbxjail"); both(t, "-I", parent, "-j", "pbxjail") },
			"chain empty": func() { both(t, "-F", "pbxjail") },
			"chain gone":  func() { both(t, "-D", parent, "-j", "pbxjail"); both(t, "-F", "pbxjail"); both(t, "-X", "pbxjail") },
			"rubbish in chain": func() {
				both(t, "-I", "pbxjail", "-p", "udp", "-j", "ACCEPT")
				both(t, "-A", "pbxjail", "-p", "tcp", "-j", "DROP")
			},
			"rule twice": func() {
				if keepsSets(e) {
					kerneltest.Tool(t, "iptables", "-t", table, "-A", "pbxjail", "-m", "set", "--match-set", "pbxjail-4", "src", "-j", "DROP")
				}
			},
		}
		for name, harm := range repairs {
			harm()
			if degraded := mustSetup(t, e); len(degraded) > 0 {
				t.Errorf("%s: got degraded %v, want none", name, degraded)
			}
			if got := firewall(t); got != set {
				t.Fatalf("%s: got firewall\n%s\nwant\n%s", name, got, set)
			}
		}
	})
	t.Run("jump not first is left and said", func(t *testing.T) {
		e, _, _ := whole(t)
		both(t, "-I", parent, "1", "-p", "icmp", "-j", "ACCEPT")
		before := firewall(t)
		degraded := mustSetup(t, e)
		if len(degraded) != 2 || !strings.Contains(degraded[0], "is rule 2 of "+table+" "+parent) {
			t.Errorf("got degraded %q, want one line per family", degraded)
		}
		if got := firewall(t); got != before {
			t.Errorf("got firewall\n%s\nwant\n%s", got, before)
		}
	})
	t.Run("a restart keeps bans", func(t *testing.T) {
		e, _, _ := whole(t)
		mustBan(t, e, "192.0.2.1/32", time.Hour)
		mustBan(t, e, "2001:db8::/64", 0)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if keepsSets(e) && !errors.Is(e.Ban(netip.MustParsePrefix("192.0.2.9/32"), "", time.Hour), kernel.ErrClosed) {
			t.Error("a closed enforcer took a ban")
		}
		next := open(t, Options{})
		mustSetup(t, next)
		wantBans(t, next, "192.0.2.1/32", "2001:db8::/64")
	})
	t.Run("a ban gone behind our back", func(t *testing.T) {
		e, _, _ := whole(t)
		mustBan(t, e, "192.0.2.1/32", time.Hour)
		if keepsSets(e) {
			kerneltest.Tool(t, "ipset", "flush", "pbxjail-4")
		} else {
			both(t, "-F", "pbxjail")
		}
		wantBans(t, e)
		if err := e.Unban(netip.MustParsePrefix("192.0.2.1/32")); err != nil {
			t.Error(err)
		}
		mustBan(t, e, "192.0.2.1/32", time.Hour)
		wantBans(t, e, "192.0.2.1/32")
	})
	t.Run("chain used by a foreign rule", func(t *testing.T) {
		e, _, _ := whole(t)
		both(t, "-A", parent, "-p", "udp", "--dport", "9", "-j", "pbxjail")
		wantError(t, e.Teardown(), "remove chain pbxjail")
		both(t, "-D", parent, "-p", "udp", "--dport", "9", "-j", "pbxjail")
		if err := e.Teardown(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("full", func(t *testing.T) {
		kerneltest.InNamespace(t)
		e := open(t, Options{MaxElem: 4})
		mustSetup(t, e)
		var err error
		for i := range 64 { // a hash of 4 may take a few more
			if err = e.Ban(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32), "", time.Hour); err != nil {
				break
			}
		}
		wantError(t, err, "is full")
		n := len(bans(t, e))
		mustBan(t, e, "10.0.0.0/32", 2*time.Hour) // to renew takes no room
		if err := e.Unban(netip.MustParsePrefix("10.0.0.1/32")); err != nil {
			t.Fatal(err)
		}
		mustBan(t, e, "10.9.9.9/32", time.Hour)
		if got := len(bans(t, e)); got != n {
			t.Errorf("got %d bans, want %d", got, n)
		}
	})
	t.Run("IPv6 missing", func(t *testing.T) {
		kerneltest.InNamespace(t)
		ip6tables := filepath.Join(os.Getenv("PATH"), "ip6tables") // see kerneltest.WithTools
		program, err := os.Readlink(ip6tables)
		if err := errors.Join(err, os.Remove(ip6tables)); err != nil {
			t.Fatal(err)
		}
		e := open(t, Options{})
		degraded := mustSetup(t, e)
		if len(degraded) != 1 || !strings.HasPrefix(degraded[0], "IPv6: packets of banned IPv6 addresses pass: ") {
			t.Errorf("got degraded %q, want one line about IPv6", degraded)
		}
		if got := e.Name(); !strings.HasSuffix(got, "v4 only") {
			t.Errorf("got name %q, want it to end with v4 only", got)
		}
		mustBan(t, e, "192.0.2.1/32", time.Hour)
		if err := e.Ban(netip.MustParsePrefix("2001:db8::1/128"), "", time.Hour); err == nil || !strings.Contains(err.Error(), "pbxjail drops no IPv6 packets on this machine") {
			t.Errorf("got error %v, want one that says that it cannot ban IPv6", err)
		}
		wantBans(t, e, "192.0.2.1/32")
		if err := os.Symlink(program, ip6tables); err != nil { // installed while we run
			t.Fatal(err)
		}
		if degraded := mustSetup(t, e); len(degraded) > 0 {
			t.Errorf("got degraded %q, want none", degraded)
		}
		mustBan(t, e, "2001:db8::1/128", time.Hour)
		wantBans(t, e, "192.0.2.1/32", "2001:db8::1/128")
		if err := e.Teardown(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("iptables missing", func(t *testing.T) {
		kerneltest.InNamespace(t)
		t.Setenv("PATH", t.TempDir())
		for _, kind := range []string{"ipset", "iptables"} {
			e, _, err := Open(kind, Options{})
			wantError(t, err, "iptables")
			if e != nil {
				t.Errorf("got an enforcer %v beside the error", e)
			}
		}
		e, notes, err := Open("auto", Options{})
		if _, ok := e.(*nft.Enforcer); !ok || err != nil || len(notes) != 1 {
			t.Errorf("got %v, notes %q, error %v, want nftables", e, notes, err)
		}
	})
}

// TestLockHeld: only the legacy variant takes the lock; nft has transactions.
func TestLockHeld(t *testing.T) {
	kerneltest.InNamespace(t)
	kerneltest.WithTools(t, "legacy")
	lock, err := os.Create(os.Getenv("XTABLES_LOCKFILE"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	_, notes, err := Open("auto", Options{})
	wantError(t, err, "xtables lock")
	if len(notes) > 0 {
		t.Errorf("got notes %q: a held lock is no reason for plain rules", notes)
	}
	unlock := func() {
		t.Helper()
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_UN); err != nil {
			t.Fatal(err)
		}
	}
	unlock()
	e := mustOpen(t, "auto", Options{})
	settled(t, e)
	wantIntact(t, e, true, 0)

	// A repair that the lock prevents is done later.
	kerneltest.Tool(t, "iptables", "-t", "raw", "-F", "PREROUTING")
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	_, _, err = e.Setup()
	wantError(t, err, "xtables lock")
	if intact, _, err := e.Check(); intact || err != nil {
		t.Errorf("got intact %v, error %v after a failed repair", intact, err)
	}
	unlock()
	settled(t, e)
	wantIntact(t, e, true, 0)
}

// withoutMatch takes a match away from iptables, as where its package lacks it.
func withoutMatch(t *testing.T, match string) {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/*/xtables/lib*.so")
	if len(found) == 0 {
		t.Skip("no iptables extensions in /usr/lib/*/xtables")
	}
	dir := t.TempDir()
	for _, lib := range found {
		if filepath.Base(lib) == "libxt_"+match+".so" {
			continue
		}
		if err := os.Symlink(lib, filepath.Join(dir, filepath.Base(lib))); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("XTABLES_LIBDIR", dir)
}

func TestIPSetAbsent(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		t.Run(variant, func(t *testing.T) {
			kerneltest.InNamespace(t)
			kerneltest.WithTools(t, variant)
			withoutMatch(t, "set")
			e, notes, err := Open("auto", Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			if _, ok := e.(*nft.Enforcer); !ok {
				t.Errorf("got %s, want nftables", e.Name())
			}
			if len(notes) != 1 || !strings.Contains(notes[0], "nftables is used") {
				t.Errorf("got notes %q, want one about nftables", notes)
			}
			if got := kerneltest.Tool(t, "ipset", "save"); got != "" {
				t.Errorf("the attempt left sets: %s", got)
			}
			mustSetup(t, e)
			mustBan(t, e, "192.0.2.1/32", time.Hour)
			wantBans(t, e, "192.0.2.1/32")

			_, _, err = mustOpen(t, "ipset", Options{}).Setup()
			wantError(t, err, "ipset cannot be used")
		})
	}
}

func TestAutoTakesIPSet(t *testing.T) {
	kerneltest.InNamespace(t)
	e, notes, err := Open("", Options{})
	if err != nil || len(notes) > 0 {
		t.Fatalf("got notes %q, error %v, want neither", notes, err)
	}
	defer e.Close()
	if got, want := e.Name(), "ipset, raw PREROUTING, v4 and v6"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSetThatIsThere(t *testing.T) {
	tests := map[string]struct {
		create []string // of pbxjail-4, on the command line of ipset
		want   string   // in the header afterwards
		note   string
		fails  string
	}{
		"as we make it":     {[]string{"hash:net", "timeout", "0", "counters", "maxelem", "262144"}, "maxelem 262144 timeout 0 counters", "", ""},
		"larger than asked": {[]string{"hash:net", "timeout", "0", "counters", "maxelem", "500000"}, "maxelem 500000 timeout 0 counters", "", ""},
		"too small":         {[]string{"hash:net", "timeout", "0", "counters", "maxelem", "1000"}, "maxelem 262144 timeout 0 counters", "", ""},
		"no counters":       {[]string{"hash:net", "timeout", "0", "maxelem", "500000"}, "maxelem 500000 timeout 0 counters", "", ""},
		"no timeouts":       {[]string{"hash:net", "counters"}, "maxelem 262144 timeout 0 counters", "was made without timeouts", ""},
		"another type":      {[]string{"hash:ip", "timeout", "0"}, "", "", "another program made it"},
		"another family":    {[]string{"hash:net", "family", "inet6", "timeout", "0"}, "", "", "another program made it"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			kerneltest.InNamespace(t)
			kerneltest.Tool(t, "ipset", append([]string{"create", "pbxjail-4"}, test.create...)...)
			kerneltest.Tool(t, "ipset", "create", "pbxjail-4t", "hash:ip") // left by a crash in the middle of a rebuild
			e := mustOpen(t, "ipset", Options{})
			if test.fails != "" {
				_, _, err := e.Setup()
				wantError(t, err, test.fails)
				return
			}
			kerneltest.Tool(t, "ipset", "add", "pbxjail-4", "192.0.2.0/24")
			kerneltest.Tool(t, "ipset", "add", "pbxjail-4", "198.51.100.1")
			kerneltest.Tool(t, "iptables", "-t", "raw", "-N", "pbxjail")
			kerneltest.Tool(t, "iptables", "-t", "raw", "-A", "pbxjail", "-m", "set", "--match-set", "pbxjail-4", "src", "-j", "DROP")
			if got := strings.Join(mustSetup(t, e), "; "); !strings.Contains(got, test.note) || test.note == "" && got != "" {
				t.Errorf("got degraded %q, want %q", got, test.note)
			}
			wantBans(t, e, "192.0.2.0/24", "198.51.100.1/32")
			if got := kerneltest.Tool(t, "ipset", "list", "-t", "pbxjail-4"); !strings.Contains(got, test.want) {
				t.Errorf("got set\n%s\nwant %q", got, test.want)
			}
			if err := e.Teardown(); err != nil {
				t.Fatal(err)
			}
			if got := kerneltest.Tool(t, "ipset", "list", "-n"); got != "" {
				t.Errorf("teardown left sets %q", got)
			}
		})
	}
}

// TestPlainRestart: a new process reads from the rules when they end.
func TestPlainRestart(t *testing.T) {
	kerneltest.InNamespace(t)
	e := mustOpen(t, "iptables", Options{})
	mustSetup(t, e)
	mustBan(t, e, "192.0.2.1/32", time.Hour)
	for _, until := range []string{"1000000000", "4000000000", "0"} {
		kerneltest.Tool(t, "iptables", "-t", "raw", "-A", "pbxjail", "-s", "192.0.2.2/32", "-m", "comment", "--comment", "pbxjail-until-"+until, "-j", "DROP")
	}
	kerneltest.Tool(t, "iptables", "-t", "raw", "-A", "pbxjail", "-s", "192.0.2.3/32", "-m", "comment", "--comment", "pbxjail-until-1000000000", "-j", "DROP")
	next := mustOpen(t, "iptables", Options{})
	mustSetup(t, next)
	wantBans(t, next, "192.0.2.1/32", "192.0.2.2/32")
	rules := kerneltest.Tool(t, "iptables", "-t", "raw", "-S", "pbxjail")
	if strings.Count(rules, "-A ") != 2 || !strings.Contains(rules, "until-4000000000") {
		t.Errorf("got rules\n%s\nwant two, of 192.0.2.2 the first that is not over", rules)
	}
	if err := next.(Expirer).Expire(time.Now().Add(2 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	wantBans(t, next, "192.0.2.2/32")
}

// TestPlainWithoutTime: without the time match a ban still holds, and Expire ends it.
func TestPlainWithoutTime(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		t.Run(variant, func(t *testing.T) {
			kerneltest.InNamespace(t)
			kerneltest.WithTools(t, variant)
			with := mustOpen(t, "iptables", Options{})
			mustSetup(t, with)
			mustBan(t, with, "192.0.2.1/32", time.Hour)
			if rules := kerneltest.Tool(t, "iptables", "-t", "raw", "-S", "pbxjail"); !strings.Contains(rules, "--datestop") {
				t.Errorf("got rules\n%s\nwant one that ends by itself", rules)
			}
			if err := with.Teardown(); err != nil {
				t.Fatal(err)
			}
			withoutMatch(t, "time")
			e := mustOpen(t, "iptables", Options{})
			mustSetup(t, e)
			mustBan(t, e, "192.0.2.1/32", time.Hour)
			mustBan(t, e, "2001:db8::1/128", 2*time.Hour)
			wantBans(t, e, "192.0.2.1/32", "2001:db8::1/128")
			if err := e.(Expirer).Expire(time.Now().Add(time.Hour + time.Minute)); err != nil {
				t.Fatal(err)
			}
			wantBans(t, e, "2001:db8::1/128")
		})
	}
}

// withoutRaw makes one family's iptables answer as where the kernel has no table raw.
func withoutRaw(t *testing.T, ipt string) {
	t.Helper()
	path := filepath.Join(os.Getenv("PATH"), ipt) // see kerneltest.WithTools
	real, err := os.Readlink(path)
	script := "#!/bin/sh\ncase \" $* \" in *\" raw \"*) echo \"can't initialize iptables table \\`raw': Table does not exist (do you need to insmod?)\" >&2; exit 3;; esac\nexec " + real + " \"$@\"\n"
	restore := path + "-restore"
	realRestore, failed := os.Readlink(restore)
	restoreScript := "#!/bin/sh\nlines=\nwhile IFS= read -r l; do\n[ \"$l\" != '*raw' ] || { echo \"unable to initialize table 'raw'\" >&2; exit 2; }\nlines=\"$lines$l\n\"\ndone\nprintf %s \"$lines\" | exec " + realRestore + " \"$@\"\n"
	err = errors.Join(err, failed, os.Remove(path), os.WriteFile(path, []byte(script), 0o755), os.Remove(restore), os.WriteFile(restore, []byte(restoreScript), 0o755))
	if err != nil {
		t.Fatal(err)
	}
}

// TestNoRaw: without the table raw every failure is reported. auto takes nftables; with
// ipset configured, the hint says what to do, or IPv4 alone is enforced.
func TestNoRaw(t *testing.T) {
	kerneltest.InNamespace(t)
	kerneltest.WithTools(t, "legacy")
	withoutRaw(t, "ip6tables")
	e := mustOpen(t, "ipset", Options{})
	if degraded := mustSetup(t, e); len(degraded) != 1 || !strings.Contains(degraded[0], "IPv6: packets of banned IPv6 addresses pass: a table of iptables is missing") {
		t.Errorf("got degraded %q, want one line about IPv6", degraded)
	}
	mustBan(t, e, "192.0.2.1/32", time.Hour)
	if _, n, err := e.Check(); n != 1 || err != nil {
		t.Errorf("got %d members, error %v", n, err)
	}
	if err := e.Teardown(); err != nil {
		t.Fatal(err)
	}
	withoutRaw(t, "iptables")
	_, _, err := mustOpen(t, "ipset", Options{}).Setup()
	wantError(t, err, "a table of iptables is missing")
	auto, notes, err := Open("auto", Options{})
	if _, ok := auto.(*nft.Enforcer); !ok || err != nil || len(notes) != 1 || !strings.Contains(notes[0], "a table of iptables is missing") {
		t.Fatalf("got %v, notes %q, error %v, want nftables and why", auto, notes, err)
	}
	defer auto.Close()
	mustSetup(t, auto)
	mustSetup(t, mustOpen(t, "ipset", Options{Hook: "filter"}))
}
