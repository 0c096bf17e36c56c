package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestEdges shows the edges of life, each as an operator would see it: start, stop, reload,
// observe, off, and files that are wrong. BIN=DIR shows the same of another release; make
// edges prints the results as a table.
func TestEdges(t *testing.T) {
	for _, edge := range []struct {
		point string
		show  func(t *testing.T)
	}{
		{"observing drops nothing", edgeObserve},
		{"off and on", edgeOff},
		{"nothing reads the log", edgeLog},
		{"SIGTERM while bans are restored", edgeRestore},
		{"SIGTERM while a program holds the lock of iptables", edgeLock},
		{"a bad jail file at a start", edgeBadJail},
		{"a jail file with one number", edgeOneNumber},
		{"list of a jail that is not there", edgeNoSuchJail},
		{"ban of a large network", edgeLargeBan},
		{"reload names what waits", edgeReload},
		{"a damaged row in the database", edgeDamagedRow},
		{"a jail file that never ends", edgeKernelLog},
		{"history is kept forever", edgeForever},
		{"stops under load lose nothing", edgeStops},
		{"60,000 sources in 40 MB of memory", edgeMemory},
		{"parse prints JSON alone", edgeParse},
		{"why of a network that is banned", edgeWhyNetwork},
	} {
		t.Run(strings.ReplaceAll(edge.point, " ", "_"), edge.show)
	}
}

// figure is a result that make edges prints beside the point.
func figure(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Logf("figure: "+format, args...)
}

func edgeObserve(t *testing.T) {
	const addr = "203.0.113.9"
	p := newPBX(t, "enforcer: ipset")
	p.start()
	p.attack(addr, 3)
	p.banned(addr)
	p.stop()
	p.wantAnswers(false, addr)
	p.startAs(p.command("--observe"))
	p.wantAnswers(true, addr)
	if got := p.ours(); got != "" {
		t.Errorf("observing: %d rules and sets are in the kernel", strings.Count(got, "\n")+1)
	}
}

func edgeOff(t *testing.T) {
	const addr = "203.0.113.9"
	p := newPBX(t, "enforcer: ipset")
	p.start()
	p.attack(addr, 3)
	p.banned(addr)
	p.ctl("off")
	p.wantAnswers(true, addr)
	if got := p.ours(); got != "" {
		t.Errorf("off: %d rules and sets are in the kernel", strings.Count(got, "\n")+1)
	}
	p.ctl("on")
	p.eventually("the ban is back", func() bool { return !p.answered(addr) })
}

func edgeStops(t *testing.T) { ends(t, count("PBXJAIL_STOPS", 20), stopAnyTime) }

func edgeLog(t *testing.T) {
	t.Parallel()
	logWithoutReader(t)
}

// edgeRestore fills the ledger with an enforcer that is quick, and restores with one that
// needs a rule for each ban.
func edgeRestore(t *testing.T) {
	const many = 3000
	p := newPBX(t, "enforcer: ipset")
	p.start()
	p.burst(0, many)
	p.eventually("all bans", func() bool { return p.members() == many })
	p.history(numbered(many-1), 1)
	p.stop()
	p.kernel("iptables", "-t", "raw", "-F")
	main, err := os.ReadFile(p.path("pbxjail.yaml"))
	p.must(err)
	p.write("pbxjail.yaml", strings.Replace(string(main), "enforcer: ipset", "enforcer: iptables", 1))
	d, err := launch(p.command(), p.path("second.log"), p.net.PBX.Start)
	p.must(err)
	t.Cleanup(func() { d.clean() })
	p.eventually("the first rules", func() bool { return d.gone() || strings.Contains(p.kernel("iptables-save", "-t", "raw"), "100.64.") })
	begin := time.Now()
	if err := d.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	figure(t, "SIGTERM ends it in %s", time.Since(begin).Round(time.Millisecond))
}

// row is the row of a jail in status.
func (p *pbx) row(jail string) string {
	p.Helper()
	for line := range strings.Lines(p.ctl("status")) {
		if strings.HasPrefix(line, jail+" ") {
			return strings.Join(strings.Fields(line), " ")
		}
	}
	return ""
}

func edgeBadJail(t *testing.T) {
	p := newPBX(t)
	p.write("jails/guessing.yaml", "maxretires: 3\n")
	p.start()
	wantMatch(t, p.row("guessing"), ` 5 10m `)
}

func edgeOneNumber(t *testing.T) {
	p := newPBX(t)
	p.write("jails/guessing.yaml", "maxretry: 10\n")
	p.start()
	wantMatch(t, p.row("guessing"), ` 10 10m .*bans`)
}

func edgeNoSuchJail(t *testing.T) {
	p := newPBX(t)
	p.start()
	if out, err := p.try("list", "--jail", "nope"); err == nil {
		t.Errorf("it says %q, and no error", strings.TrimSpace(out))
	}
}

func edgeLargeBan(t *testing.T) {
	p := newPBX(t)
	p.start()
	if out, err := p.try("ban", "45.0.0.0/8"); err == nil {
		t.Errorf("it is banned without --force: %s", strings.TrimSpace(out))
	}
	p.ctl("ban", "45.0.0.0/8", "--force")
}

func edgeReload(t *testing.T) {
	p := newPBX(t)
	p.start()
	main, err := os.ReadFile(p.path("pbxjail.yaml"))
	p.must(err)
	p.write("pbxjail.yaml", strings.Replace(string(main), "state/pbxjail.db", "state/other.db", 1))
	out, err := p.try("reload")
	if err != nil {
		out = err.Error()
	}
	wantMatch(t, out, `database`)
}

// edgeDamagedRow writes a prefix that is none over one in the file of the ledger.
func edgeDamagedRow(t *testing.T) {
	const sound, damaged = "203.0.113.9", "203.0.113.10"
	p := newPBX(t)
	p.start()
	p.attack(sound, 3)
	p.attack(damaged, 3)
	p.banned(sound)
	p.banned(damaged)
	p.history(sound, 1)
	p.history(damaged, 1)
	p.stop()
	file := p.path("state/pbxjail.db")
	ledger, err := os.ReadFile(file)
	p.must(err)
	text := strings.ReplaceAll(string(ledger), damaged+"/32", "203.0.x13.10/32")
	if text == string(ledger) {
		t.Fatal("the row is not in the file: this edge shows nothing")
	}
	p.must(os.WriteFile(file, []byte(text), 0o640))
	p.kernel("ipset", "flush")
	p.start()
	p.wantAnswers(false, sound)
}

// within runs jailctl, which must end in time.
func (p *pbx) within(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(p.Context(), waitLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, program("jailctl"), append(args, "--socket", p.path("sock"))...).CombinedOutput()
	if ctx.Err() != nil {
		err = fmt.Errorf("jailctl %s gives no answer", args[0])
	}
	return string(out), err
}

// edgeKernelLog has a jail file whose reader waits: proc_kmsg(5).
func edgeKernelLog(t *testing.T) {
	if _, err := os.Stat("/proc/kmsg"); err != nil {
		t.Skip("this system has no /proc/kmsg")
	}
	p := newPBX(t)
	p.start()
	p.must(os.Symlink("/proc/kmsg", p.path("jails/kmsg.yaml")))
	if _, err := p.within("reload"); err == nil || strings.Contains(err.Error(), "no answer") {
		t.Errorf("reload: got %v, want that it refuses the file", err)
	}
	if _, err := p.within("status"); err != nil {
		t.Error(err)
	}
}

// edgeForever ends a ban, and then lets the daemon look at its jail files twice: it deletes
// old history when it first looks.
func edgeForever(t *testing.T) {
	const addr = "203.0.113.9"
	p := newPBX(t, "retention: forever")
	p.start()
	p.ctl("ban", addr)
	p.history(addr, 1)
	p.ctl("unban", addr)
	p.stop()
	p.start()
	for _, jail := range []string{"first", "second"} {
		p.write("jails/"+jail+".yaml", known(fmt.Sprintf(phones, p.logs())))
		p.eventually("the new jail", func() bool { return p.row(jail) != "" })
	}
	var why struct{ History []ban }
	p.must(json.Unmarshal([]byte(p.ctl("why", addr, "--json")), &why))
	if len(why.History) != 1 {
		t.Errorf("got %d bans of %s in the history, want 1", len(why.History), addr)
	}
}

func edgeParse(t *testing.T) {
	log := filepath.Join(t.TempDir(), "security")
	if err := os.WriteFile(log, []byte(strings.Repeat(offence("203.0.113.9"), 1100)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program("jailctl"), "parse", "--json", log).Output()
	if err != nil {
		t.Fatal(err)
	}
	values := json.NewDecoder(strings.NewReader(string(out)))
	for n := 0; ; n++ {
		var value any
		if err := values.Decode(&value); err != nil {
			if values.InputOffset() < int64(len(strings.TrimSpace(string(out)))) || n == 0 {
				t.Errorf("after %d values: %v", n, err)
			}
			return
		}
	}
}

func edgeWhyNetwork(t *testing.T) {
	p := newPBX(t)
	p.start()
	p.ctl("ban", "203.0.113.0/24")
	out, err := p.try("why", "203.0.113.0/24")
	if err != nil {
		t.Fatal(err)
	}
	wantMatch(t, out, `203\.0\.113\.0/24`)
}
