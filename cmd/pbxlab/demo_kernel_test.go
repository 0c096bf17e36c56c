package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-iptables/iptables"

	"pbxjail/cmd/internal/lab"
)

// TestMain lets this program play pbxjail and jailctl, so that the demo can be
// shown good and bad guards, and must tell them apart.
func TestMain(m *testing.M) {
	var err error
	switch filepath.Base(os.Args[0]) {
	case "pbxjail":
		err = fakeDaemon(os.Getenv(faultEnv))
	case "jailctl":
		err = fakeCtl(os.Getenv(faultEnv), os.Args[1:])
	case "pbxlab":
		os.Exit(run())
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// faultEnv names what the fakes do wrong.
const faultEnv = "PBXLAB_TEST_FAULT"

func tables() (all []*iptables.IPTables, err error) {
	for _, proto := range []iptables.Protocol{iptables.ProtocolIPv4, iptables.ProtocolIPv6} {
		ipt, err := iptables.New(iptables.IPFamily(proto), iptables.Timeout(10))
		if err != nil {
			return nil, err
		}
		all = append(all, ipt)
	}
	return all, nil
}

func family(all []*iptables.IPTables, addr netip.Addr) *iptables.IPTables {
	if addr.Is4() {
		return all[0]
	}
	return all[1]
}

// fakeDaemon drops each attacker that a log names.
func fakeDaemon(fault string) error {
	if strings.HasPrefix(fault, e2eFault) {
		return e2eDaemon(fault)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	all, err := tables()
	if err != nil || fault == "dies" {
		return fmt.Errorf("dying: %v", err)
	}
	_, actors, err := lab.Attack()
	if err != nil {
		return err
	}
	target := "DROP"
	if fault == "leaks" {
		target = "ACCEPT"
	}
	guilty := slices.DeleteFunc(actors, func(a lab.Actor) bool {
		return !a.Ban && fault != "bans the honest" || fault == "misses one" && a.Addr.Is6()
	})
	done := map[netip.Addr]bool{}
	tick := time.NewTicker(10 * time.Millisecond)
	for {
		select {
		case <-end:
			for addr := range done {
				if fault == "takes its bans along" {
					family(all, addr).Delete("raw", "PREROUTING", "-s", addr.String(), "-j", target)
				}
			}
			return nil
		case <-tick.C:
		}
		logs, _ := filepath.Glob("/var/log/asterisk/*")
		for _, log := range logs {
			text, _ := os.ReadFile(log)
			for _, a := range guilty {
				if done[a.Addr] || !bytes.Contains(text, []byte(a.Addr.String())) {
					continue
				}
				done[a.Addr] = true
				if err := family(all, a.Addr).Append("raw", "PREROUTING", "-s", a.Addr.String(), "-j", target); err != nil {
					return err
				}
			}
		}
	}
}

// fakeCtl has no daemon to ask: it asks the kernel.
func fakeCtl(fault string, args []string) error {
	if strings.HasPrefix(fault, e2eFault) {
		return e2eCtl(args)
	}
	all, err := tables()
	if err != nil {
		return err
	}
	switch strings.Join(args[:2], " ") {
	case "status --json":
		if fault == "dies" {
			return errors.New("no daemon answers")
		}
		fmt.Println(`{"files":[{"path":"/var/log/asterisk/security"},{"path":"/var/log/asterisk/messages"},{"path":"/var/log/asterisk/sipsec.log"}]}`)
	case "list --json":
		bans := []ban{}
		for _, ipt := range all {
			stats, err := ipt.StructuredStats("raw", "PREROUTING")
			if err != nil {
				return err
			}
			for _, stat := range stats {
				p := netip.MustParsePrefix(stat.Source.String())
				bans = append(bans, ban{Prefix: p, Jail: "fake", Reason: "named in a log", Packets: stat.Packets})
			}
		}
		return json.NewEncoder(os.Stdout).Encode(bans)
	}
	if args[0] != "unban" || fault == "does not unban" {
		return nil
	}
	return family(all, netip.MustParseAddr(args[1])).Delete("raw", "PREROUTING", "-s", args[1], "-j", "DROP")
}

// programs makes a folder where this program has all its names.
func programs(t *testing.T) (bin string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin = t.TempDir()
	for _, name := range []string{"pbxjail", "jailctl", "pbxlab"} {
		if err := os.Symlink(self, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

func TestDemoTellsGoodFromBad(t *testing.T) {
	lab.ForTest(t, "iptables", "ip6tables", "ipset")
	bin := programs(t)
	const patience = 30 * time.Second
	for _, c := range []struct {
		fault, err, printed string
		patience            time.Duration
	}{
		{"", "", "All checks passed.", patience},
		{"dies", "ended at once", "dying", patience},
		{"misses one", "checks failed", "WRONG: 2001:db8:a1:40::66 is not banned", 5 * time.Second}, // it is waited for
		{"bans the honest", "7 checks failed", "WRONG: 192.0.2.130 must not be banned", patience},
		{"leaks", "checks failed", "WRONG: answered", patience},
		{"does not unban", "1 checks failed", "WRONG: 198.51.100.16 is not answered", patience},
		{"takes its bans along", "1 checks failed", "WRONG: 198.51.100.74 is answered without pbxjail too", patience},
	} {
		t.Run("guard "+c.fault, func(t *testing.T) {
			t.Setenv(faultEnv, c.fault)
			t.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector holds every program for a second
			t.Setenv("TMPDIR", t.TempDir())
			var out bytes.Buffer
			err := demo(t.Context(), &out, options{filepath.Join(bin, "pbxjail"), filepath.Join(bin, "jailctl"), 1000, c.patience})
			if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got error %v, want %q", err, c.err)
			}
			if !strings.Contains(out.String(), c.printed) {
				t.Errorf("the story lacks %q", c.printed)
			}
			if t.Failed() {
				t.Log(out.String())
			}
			if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
