package e2e

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestDoctor: all is well with a daemon that enforces, and the probe of its main file
// touches nothing of it.
func TestDoctor(t *testing.T) {
	p := newPBX(t, "hook: filter", "chain: f2b-pbxjail")
	p.start()
	p.ctl("ban", "203.0.113.9")
	out, err := p.try("doctor")
	out = strings.ReplaceAll(out, "risky    disk: ", "note     disk: ") // a full disk is the machine's own
	if err != nil && !strings.Contains(out, "note     disk: ") {
		t.Error(err)
	}
	wantMatch(t, out, `^ok       enforcing: ipset, filter INPUT, v4 and v6; 1 ban$`)
	if regexp.MustCompile("(?m)^(broken|blind|risky) ").MatchString(out) {
		t.Errorf("got %s, want all well", out)
	}
	rules := func() string {
		return p.kernel("iptables-save") + p.kernel("ip6tables-save") + p.kernel("ipset", "list", "-name") + p.kernel("cut", "-d:", "-f1", "/proc/net/dev")
	}
	before := rules()
	cmd := exec.Command(program("jailctl"), "doctor", "--probe", "--config", p.path("pbxjail.yaml"))
	printed, err := p.net.PBX.Output(cmd) // where the daemon's own rules are
	p.must(err)
	wantMatch(t, string(printed), `^enforcer: ipset, filter INPUT, v4 and v6$`)
	wantMatch(t, string(printed), `^udp, under way +v6 +ok$`)
	if strings.Contains(string(printed), "failed") {
		t.Errorf("got %s, want all well", printed)
	}
	if after := rules(); uncounted(after) != uncounted(before) {
		t.Errorf("got\n%s\nafter the probe, want\n%s", after, before)
	}
	if b := p.list()["203.0.113.9"]; b.Jail == "" {
		t.Errorf("the ban is gone")
	}
}

// uncounted is text of iptables-save without dates and counters.
func uncounted(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			line, _, _ = strings.Cut(line, "[")
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	return strings.Join(kept, "\n")
}

// TestProbeNeedsRoot says so, and how.
func TestProbeNeedsRoot(t *testing.T) {
	p := newPBX(t)
	cmd := p.asOrdinaryUser(exec.Command(program("jailctl"), "doctor", "--probe", "--config", p.path("pbxjail.yaml")))
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want exit status 1", err)
	}
	wantMatch(t, string(out), `^jailctl: cannot make a network namespace: operation not permitted$`)
	wantMatch(t, string(out), `^hint: give the command as root: sudo jailctl doctor --probe\. A container needs CAP_SYS_ADMIN`)
}
