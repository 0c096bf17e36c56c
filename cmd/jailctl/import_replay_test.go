package main

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/fail2ban"
)

// TestReplayImport: the last day of the logs is judged by both, and an address that only one
// of them bans is named.
func TestReplayImport(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no fail2ban-regex
	dir := t.TempDir()
	log := filepath.Join(dir, "door.log")
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	var text strings.Builder
	line := func(ago time.Duration, addr string, n int) {
		for i := range n {
			fmt.Fprintf(&text, "%s pbx doord[7]: refused root from %s\n", now.Add(time.Duration(i)*time.Second-ago).Format(time.RFC3339), addr)
		}
	}
	line(30*time.Hour, "203.0.113.7", 5) // before the last day
	line(time.Hour, "203.0.113.9", 3)
	line(time.Hour, "203.0.113.10", 2)
	line(time.Hour, "192.0.2.9", 5) // ignored
	fmt.Fprintf(&text, "%s", strings.Repeat(now.Add(-time.Minute).Format(time.RFC3339)+" pbx doord[7]: refused x from 203.0.113.11 from 203.0.113.12\n", 3))
	write(t, log, text.String())
	if err := os.Chtimes(log, now, now); err != nil {
		t.Fatal(err)
	}
	etc := filepath.Join(dir, "etc")
	if err := os.MkdirAll(filepath.Join(etc, "filter.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(etc, "jail.conf"), "[DEFAULT]\nmaxretry = 3\nfindtime = 600\nignoreip = 192.0.2.0/24\n[door]\nenabled = true\nlogpath = "+log+"\nport = ssh\n")
	write(t, filepath.Join(etc, "filter.d", "door.conf"), "[Definition]\nfailregex = ^\\s*\\S+ doord\\[\\d+\\]: refused .* from <HOST>\n")
	config := filepath.Join(dir, "pbxjail.yaml")
	write(t, config, "jails: "+filepath.Join(dir, "jails")+"\nasterisk: "+filepath.Join(dir, "asterisk")+"\n")
	main, err := configs.LoadMain(config, true)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := planImport(etc, main)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := &app{stdout: &out, stderr: io.Discard, columns: usualColumns, now: func() time.Time { return now }}
	r, err := a.replayImport(t.Context(), etc, config, plan)
	if err != nil {
		t.Fatal(err)
	}
	addrs := func(list ...string) (out []netip.Addr) {
		for _, one := range list {
			out = append(out, netip.MustParseAddr(one))
		}
		return out
	}
	// The pattern finds two addresses in a line that a caller has written: fail2ban bans one.
	if !slices.Equal(r.Both, addrs("203.0.113.9")) || !slices.Equal(r.OnlyTheirs, addrs("203.0.113.12")) || r.OnlyOurs != nil || !slices.Equal(r.Logs, []string{log}) {
		t.Errorf("got %+v", r)
	}
	a.printReplay(r)
	if !strings.Contains(out.String(), "  only fail2ban  1\n    203.0.113.12  jail door of fail2ban\n") {
		t.Errorf("got %s", &out)
	}
	if sides := plan.Sides["door"]; !slices.Contains(sides, importSide{"findtime", "10m", "10m"}) || !slices.Contains(sides, importSide{"ports", "ssh", "22"}) {
		t.Errorf("got %+v", sides)
	}
}

func TestRowsOf(t *testing.T) {
	out := "['203.0.113.9',\t1764151200.0,\t{'a': ['x']}],\n['host.example',\t1764151200.0,\t{}],\n['::ffff:203.0.113.8', 1764151201, {}],\n['203.0.113.7',\t5.0,\t{}],\nRunning tests\n"
	list := rowsOf([]byte(out), time.Unix(1764151200, 0))
	if len(list) != 2 || list[0].addr.String() != "203.0.113.9" || list[1].addr.String() != "203.0.113.8" || list[1].at.Unix() != 1764151201 {
		t.Errorf("got %+v", list)
	}
}

// TestBannedByThem: maxretry within findtime, as fail2ban counts.
func TestBannedByThem(t *testing.T) {
	addr := netip.MustParseAddr("203.0.113.9")
	j := fail2ban.Jail{Maxretry: "3", Findtime: "10m"}
	at := func(minutes ...int) (list []failure) {
		for _, m := range minutes {
			list = append(list, failure{addr, time.Unix(int64(m)*60, 0)})
		}
		return list
	}
	for _, c := range []struct {
		minutes []int
		want    bool
	}{{[]int{0, 1}, false}, {[]int{20, 0, 10}, false}, {[]int{10, 0, 5}, true}, {[]int{0, 1, 30, 31, 32}, true}} {
		if got := len(banned(j, at(c.minutes...))) == 1; got != c.want {
			t.Errorf("%v: got %v", c.minutes, got)
		}
	}
	j.Ignoreip = []string{"203.0.113.0/24", "name.example"}
	if got := banned(j, at(0, 1, 2)); got != nil {
		t.Errorf("got %v, which is ignored", got)
	}
}
