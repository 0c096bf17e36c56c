package e2e

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestCrashes ends the daemon with SIGKILL at random moments, while attackers come all the
// time. No ban is lost, no unknown ban is there, no address gets two strikes for one
// offence, and no half-made set is left. PBXJAIL_CRASHES is how often.
func TestCrashes(t *testing.T) {
	times := 10
	if n, err := strconv.Atoi(os.Getenv("PBXJAIL_CRASHES")); err == nil {
		times = n
	}
	p := newPBX(t)
	p.start()
	p.stop() // where the logs are read from is remembered now

	attackers, stop, ended := 0, make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		tick := time.NewTicker(3 * time.Millisecond)
		defer tick.Stop()
		log, err := os.OpenFile(p.logs()+"/security", os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer log.Close()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if _, err := log.WriteString(strings.Repeat(offence(numbered(attackers)), 3)); err != nil {
					t.Error(err)
				}
				attackers++
			}
		}
	}()
	held := map[string]bool{} // in the kernel at some crash
	for range times {
		d, err := launch(p.command(), p.path("daemon.log"), p.net.PBX.Start)
		p.must(err)
		p.daemon = d
		alive := time.NewTimer(time.Duration(5+rand.IntN(600)) * time.Millisecond)
		<-alive.C
		p.crash()
		p.must(d.clean())
		out, _ := p.net.PBX.Output(exec.Command("ipset", "list", "pbxjail-4")) // not there before the first Setup
		for line := range strings.Lines(string(out)) {
			if addr, _, ok := strings.Cut(line, " timeout"); ok && strings.HasPrefix(addr, "100.") {
				held[addr] = true
			}
		}
	}
	close(stop)
	<-ended
	p.start()
	p.eventually("all lines are read", func() bool {
		s := p.status()
		return len(s.Files) > 0 && s.Files[0].Offset == s.Files[0].Size
	})
	list := p.list()
	t.Logf("%d crashes, %d attackers, %d banned at some crash, %d now", times, attackers, len(held), len(list))
	for addr := range held {
		b, ok := list[addr]
		if !ok {
			t.Errorf("the ban of %s is lost", addr)
		} else if b.Strike != 1 || b.Pending {
			t.Errorf("got %+v, want strike 1", b)
		}
		if b.By != "log" && b.By != "kernel" {
			t.Errorf("got %+v", b)
		}
	}
	if len(held) == 0 {
		t.Error("no address was banned at any crash: this test proves nothing")
	}
	members := 0
	for line := range strings.Lines(p.kernel("ipset", "list", "pbxjail-4")) {
		if addr, _, ok := strings.Cut(line, " timeout"); ok && strings.HasPrefix(addr, "100.") {
			if members++; list[addr].Prefix.String() == "" || !list[addr].Prefix.IsValid() {
				t.Errorf("%s is in the kernel, and in no list", addr)
			}
		}
	}
	if members != len(list) {
		t.Errorf("got %d members in the kernel, %d bans in the list", members, len(list))
	}
	sets := slices.DeleteFunc(strings.Fields(p.kernel("ipset", "list", "-n")), func(set string) bool { return strings.Contains(set, ".") })
	if len(sets) != 2 {
		t.Errorf("got sets %q, want the two beside those of the services", sets)
	}
	if rules := p.kernel("iptables", "-t", "raw", "-S"); strings.Count(rules, "-A ") != 2+strings.Count(rules, "pbxjail.") {
		t.Errorf("got rules\n%s\nwant the jump and ours", rules)
	}
	if s := p.status(); len(s.Problems) > 0 {
		t.Errorf("got problems %v", s.Problems)
	}
}
