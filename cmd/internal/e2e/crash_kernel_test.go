package e2e

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCrashes ends the daemon with SIGKILL at random moments, while attackers come all the
// time. PBXJAIL_CRASHES is how often.
func TestCrashes(t *testing.T) { ends(t, count("PBXJAIL_CRASHES", 10), (*pbx).crash) }

// TestStops ends it with SIGTERM. PBXJAIL_STOPS is how often.
func TestStops(t *testing.T) { ends(t, count("PBXJAIL_STOPS", 10), stopAnyTime) }

// stopAnyTime is stop, perhaps before the program can know signals: then it dies of it.
func stopAnyTime(p *pbx) {
	err := p.daemon.end(syscall.SIGTERM)
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		p.must(err)
	}
}

// count is a number of the environment.
func count(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return usual
}

// ends starts the daemon again and again, and ends it at random moments, while attackers
// come all the time. No ban is lost: after a clean stop all are in the ledger, so the kernel
// is emptied. No line is passed over, no unknown ban is there, no address gets two strikes
// for one offence, and no half-made set is left.
func ends(t *testing.T, times int, end func(*pbx)) {
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
	// A stop that takes longer than this is cut off, and leaves the rest to the kernel and
	// to the lines, as a crash does.
	const fullStop = 1500 * time.Millisecond
	held := map[string]bool{} // in the kernel at some end
	var longest time.Duration
	for i := range times {
		d, err := launch(p.command(), p.path("daemon.log"), p.net.PBX.Start)
		p.must(err)
		p.daemon = d
		if i%2 == 1 { // every second one ends while it works, however slow its start is
			p.eventually("it answers", func() bool { _, err := p.try("status"); return err == nil || d.gone() })
		}
		alive := time.NewTimer(time.Duration(5+rand.IntN(600)) * time.Millisecond)
		<-alive.C
		if d.gone() {
			t.Fatalf("the daemon ended by itself: %v\n%s", d.exit, p.said()[max(0, len(p.said())-2000):])
		}
		begin := time.Now()
		end(p)
		took := time.Since(begin)
		longest = max(longest, took)
		p.must(d.clean())
		for _, addr := range p.inKernel() {
			held[addr] = true
		}
		if d.exit == nil && took < fullStop { // then all is in the ledger
			p.net.PBX.Output(exec.Command("ipset", "flush", "pbxjail-4"))
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
	lost, passed := 0, 0
	for addr := range held {
		b, ok := list[addr]
		if !ok {
			lost++
			for line := range strings.Lines(p.said()) { // what became of it
				if strings.Contains(line, addr+"/") || strings.Contains(line, addr+" ") {
					t.Logf("lost: %s", line)
				}
			}
		} else if b.Strike != 1 || b.Pending || b.By != "log" && b.By != "kernel" {
			t.Errorf("got %+v, want strike 1", b)
		}
	}
	for i := range attackers {
		if _, ok := list[numbered(i)]; !ok && !held[numbered(i)] {
			passed++
		}
	}
	figure(t, "%d ends, the longest took %s; %d attackers, %d banned at some end, %d now; %d bans lost, %d attackers passed over",
		times, longest.Round(time.Millisecond), attackers, len(held), len(list), lost, passed)
	if lost+passed > 0 {
		t.Errorf("%d bans are lost, and the lines of %d attackers were passed over", lost, passed)
	}
	if len(held) == 0 {
		t.Error("no address was banned at any end: this test proves nothing")
	}
	p.tidy(list)
}

// inKernel are the attackers whose bans are in the kernel.
func (p *pbx) inKernel() (list []string) {
	out, _ := p.net.PBX.Output(exec.Command("ipset", "list", "pbxjail-4")) // not there before the first Setup
	for line := range strings.Lines(string(out)) {
		if addr, _, ok := strings.Cut(line, " timeout"); ok && strings.HasPrefix(addr, "100.") {
			list = append(list, addr)
		}
	}
	return list
}

// tidy checks that what is in the kernel is what the daemon lists, and that nothing is left
// of what it made.
func (p *pbx) tidy(list map[string]ban) {
	p.Helper()
	members := p.inKernel()
	for _, addr := range members {
		if _, ok := list[addr]; !ok {
			p.Errorf("%s is in the kernel, and in no list", addr)
		}
	}
	if len(members) != len(list) {
		p.Errorf("got %d members in the kernel, %d bans in the list", len(members), len(list))
	}
	sets := slices.DeleteFunc(strings.Fields(p.kernel("ipset", "list", "-n")), func(set string) bool { return strings.Contains(set, ".") })
	if len(sets) != 2 {
		p.Errorf("got sets %q, want the two beside those of the services", sets)
	}
	if rules := p.kernel("iptables", "-t", "raw", "-S"); strings.Count(rules, "-A ") != 2+strings.Count(rules, "pbxjail.") {
		p.Errorf("got rules\n%s\nwant the jump and ours", rules)
	}
	if s := p.status(); len(s.Problems) > 0 {
		p.Errorf("got problems %v", s.Problems)
	}
}
