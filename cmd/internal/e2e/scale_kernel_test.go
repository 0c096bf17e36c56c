package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// numbered is one of many attackers.
func numbered(i int) string {
	return netip.AddrFrom4([4]byte{100, byte(64 + i>>16), byte(i >> 8), byte(i)}).String()
}

// members is how many there are in the kernel, by the header of the set.
func (p *pbx) members() int {
	out, err := p.net.PBX.Output(exec.Command("ipset", "list", "-t", "pbxjail-4"))
	if err != nil {
		return 0
	}
	n := regexp.MustCompile(`Number of entries: (\d+)`).FindStringSubmatch(string(out))
	count, _ := strconv.Atoi(n[1])
	return count
}

// until measures how long it takes from since.
func (p *pbx) until(what string, since time.Time, so func() bool) time.Duration {
	p.Helper()
	tick := time.NewTicker(15 * time.Millisecond) // each look costs a process
	defer tick.Stop()
	for deadline := time.Now().Add(4 * waitLimit); !so(); <-tick.C {
		if time.Now().After(deadline) {
			p.Fatalf("never came: %s; the daemon said:\n%s", what, p.said())
		}
	}
	return time.Since(since)
}

// burst writes offences of attackers from first on, three of each, and returns when
// the last line was written.
func (p *pbx) burst(first, n int) time.Time {
	p.Helper()
	f, err := os.OpenFile(p.logs()+"/security", os.O_APPEND|os.O_WRONLY, 0)
	p.must(err)
	defer f.Close()
	var text strings.Builder
	for i := range n {
		text.WriteString(strings.Repeat(offence(numbered(first+i)), 3))
	}
	_, err = f.WriteString(text.String())
	p.must(err)
	return time.Now()
}

// memory is what proc(5) says of the daemon, in MiB.
func (p *pbx) memory(key string) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.daemon.cmd.Process.Pid))
	p.must(err)
	n := regexp.MustCompile(key + `:\s+(\d+) kB`).FindSubmatch(text)
	kib, _ := strconv.Atoi(string(n[1]))
	return kib >> 10
}

// TestScale prints how the daemon does with a great many bans, as ratios to ipset(8)
// doing the same in the same minute. PBXJAIL_SCALE is how many: 100000 takes a minute.
func TestScale(t *testing.T) {
	many, _ := strconv.Atoi(os.Getenv("PBXJAIL_SCALE"))
	if many == 0 {
		t.Skip("PBXJAIL_SCALE says how many bans")
	}
	p := newPBX(t)
	p.start()
	last := p.burst(0, many)
	t.Logf("%d attackers in a burst: all in the kernel %s after the last line", many,
		p.until("all in the kernel", last, func() bool { return p.members() == many }).Round(time.Millisecond))
	last = p.burst(many, many/10)
	t.Logf("%d more: all in the kernel %s after the last line", many/10,
		p.until("all in the kernel", last, func() bool { return p.members() == many+many/10 }).Round(time.Millisecond))
	many += many / 10
	p.history(numbered(many-1), 1)
	t.Logf("memory after the burst: %d MiB, at most %d", p.memory("VmRSS"), p.memory("VmHWM"))
	p.stop()

	saved := p.path("saved")
	p.must(os.WriteFile(saved, []byte(p.kernel("ipset", "save", "pbxjail-4")), 0o600))
	lose := func() {
		p.kernel("iptables", "-t", "raw", "-F")
		p.eventually("an end of the sets", func() bool {
			p.net.PBX.Output(exec.Command("ipset", "destroy", "pbxjail-4"))
			return !strings.Contains(p.kernel("ipset", "list", "-n"), "pbxjail-4")
		})
	}
	var reference, restart, seen []time.Duration
	for i := range 3 {
		lose()
		begin := time.Now()
		p.kernel("ipset", "restore", "-file", saved)
		reference = append(reference, time.Since(begin))
		lose()

		p.must(os.Truncate(p.path("daemon.log"), 0))
		stranger := fmt.Sprintf("192.0.2.%d", 20+i)
		begin = time.Now()
		d, err := launch(p.command(), p.path("daemon.log"), p.net.PBX.Start)
		p.must(err)
		p.daemon = d
		p.must(os.WriteFile(p.logs()+"/security", nil, 0o644))
		p.attack(stranger, 3)
		heard := make(chan time.Duration, 1)
		go func() {
			heard <- p.until("the stranger's ban", begin, func() bool {
				_, err := p.net.PBX.Output(exec.Command("ipset", "test", "pbxjail-4", stranger))
				return err == nil
			})
		}()
		restart = append(restart, p.until("all in the kernel", begin, func() bool { return p.members() >= many }))
		seen = append(seen, <-heard)
		p.eventually("an answer of the daemon", func() bool { _, err := p.try("status"); return err == nil })
		t.Logf("ipset restore %s, restart to all %s: %.2f times; a stranger's ban %s after the start; memory %d MiB, at most %d",
			reference[i].Round(time.Millisecond), restart[i].Round(time.Millisecond), float64(restart[i])/float64(reference[i]),
			seen[i].Round(time.Millisecond), p.memory("VmRSS"), p.memory("VmHWM"))
		t.Logf("began %s; the daemon said:\n%s", begin.UTC().Format("15:04:05.000"), p.said())
		p.must(p.daemon.clean())
	}
}
