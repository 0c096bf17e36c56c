package xtables

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pbxjail/actions/kernel"
	"pbxjail/actions/kerneltest"
	"pbxjail/configs/ports"
)

// countedTools makes iptables and its relatives programs that note each start.
func countedTools(t *testing.T) (starts func() int) {
	t.Helper()
	dir := t.TempDir()
	note := filepath.Join(dir, "starts")
	for _, tool := range []string{"iptables", "ip6tables", "iptables-restore", "ip6tables-restore"} {
		family, restore, _ := strings.Cut(tool, "-")
		path, err := exec.LookPath(strings.TrimSuffix(family+"-nft-"+restore, "-"))
		if err != nil {
			t.Skip(err)
		}
		script := filepath.Join(dir, tool+"-counted-nft")
		text := fmt.Sprintf("#!/bin/sh\necho >> %s\nexec %s \"$@\"\n", note, path)
		if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(script, filepath.Join(dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	return func() int {
		text, _ := os.ReadFile(note)
		return strings.Count(string(text), "\n")
	}
}

// At rest plain rules start no program, with any number of bans; and an expired ban is
// still removed.
func TestPlainRulesAtRest(t *testing.T) {
	kerneltest.InNamespace(t)
	starts := countedTools(t)
	e, err := Open(kernel.Options{Chain: "pbxjail", Hook: "raw", MaxElem: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for range 2 { // the second has nothing to make
		if _, _, err := e.Setup(); err != nil {
			t.Fatal(err)
		}
	}
	begin := starts()
	for p, d := range map[string]time.Duration{"192.0.2.1/32": time.Hour, "192.0.2.2/32": 2 * time.Hour, "2001:db8::/64": 0} {
		if err := e.Ban(netip.MustParsePrefix(p), ports.All, d); err != nil {
			t.Fatal(err)
		}
	}
	if got := starts() - begin; got != 3 {
		t.Errorf("three bans started iptables %d times", got)
	}
	now, before := time.Now(), starts()
	for range 20 {
		if _, members, err := e.Check(); err != nil || members != 3 {
			t.Fatalf("got %d bans, %v", members, err)
		}
		if err := e.Expire(now); err != nil {
			t.Fatal(err)
		}
	}
	if got := starts() - before; got != 0 {
		t.Errorf("at rest iptables was started %d times", got)
	}
	for i, after := range []time.Duration{time.Hour, 2 * time.Hour} {
		if err := e.Expire(now.Add(after + 3*time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, members, err := e.Check(); err != nil || members != 2-i {
			t.Errorf("after %v: got %d bans, %v, want %d", after, members, err, 2-i)
		}
	}
}

// Many bans go in with one program each side, and go with one that lists and one that
// removes.
func TestPlainRulesTogether(t *testing.T) {
	kerneltest.InNamespace(t)
	starts := countedTools(t)
	e, err := Open(kernel.Options{Chain: "pbxjail", Hook: "raw", MaxElem: Max})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, _, err := e.Setup(); err != nil {
		t.Fatal(err)
	}
	const n = 500
	bans := func(d time.Duration) func(yield func(ports.Ban) bool) {
		return func(yield func(ports.Ban) bool) {
			for i := range n {
				p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)
				if !yield(ports.Ban{Prefix: p, For: d}) {
					return
				}
			}
		}
	}
	want := func(what string, programs, members int, do func() error) {
		t.Helper()
		before := starts()
		if err := do(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := starts() - before; got != programs {
			t.Errorf("%s started %d programs, want %d", what, got, programs)
		}
		if _, got, err := e.Check(); err != nil || got != members {
			t.Errorf("%s: got %d bans, %v, want %d", what, got, err, members)
		}
	}
	want("all bans", 1, n, func() error { return e.BanAll(bans(time.Hour)) })
	want("all bans again, longer", 2, n, func() error { return e.BanAll(bans(2 * time.Hour)) })
	want("one unban", 1, n-1, func() error { return e.Unban(netip.MustParsePrefix("10.0.0.7/32")) })
	want("the end of all", 2, 0, func() error { return e.Expire(time.Now().Add(3 * time.Hour)) })
}
