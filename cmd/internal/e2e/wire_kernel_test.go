package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"pbxjail/cmd/internal/lab"
)

// newWirePBX is a PBX with an account, whose packets are read. The jails are the shipped
// ones, and there is no log but the one of phones.
func newWirePBX(t *testing.T, main ...string) *pbx {
	t.Helper()
	p := newPBX(t, append(main, "wire: {enabled: true}")...)
	for _, name := range []string{"guessing", "scanning", "toll-fraud", "silent"} {
		p.must(os.Remove(p.path("jails/" + name + ".yaml")))
	}
	p.sip.Challenge(map[string]string{"101": "right"})
	return p
}

// sender is a host that speaks SIP from an address.
func (p *pbx) sender(addr string) *lab.Sender {
	p.Helper()
	s, err := p.net.NewSender(p.Context(), "udp", netip.MustParseAddr(addr), lab.Port)
	p.must(err)
	p.Cleanup(func() { s.Close() })
	return s
}

// register returns the answer to a phone that registers; 0: none.
func (p *pbx) register(s *lab.Sender, user, password string) int {
	p.Helper()
	status, err := s.Register(user, password)
	p.must(err)
	return status
}

// onWire is what we read of `jailctl status --json` about the wire.
type onWire struct {
	Enabled  bool   `json:"enabled"`
	Complete string `json:"complete"`
	Packets  int    `json:"packets"`
	Events   int    `json:"events"`
	Forged   int    `json:"forged"`
	Problem  string `json:"problem"`
	Hint     string `json:"hint"`
}

func (p *pbx) wire() onWire {
	p.Helper()
	var s struct {
		Wire onWire `json:"wire"`
	}
	p.must(json.Unmarshal([]byte(p.ctl("status", "--json")), &s))
	return s.Wire
}

// TestWireAlone: without a line of a log a guesser and a scanner are banned by their
// packets and our answers, over v4 and v6, and an honest phone is left in peace.
func TestWireAlone(t *testing.T) {
	const guesser, scanner, phone = "203.0.113.9", "2001:db8:a1::9", "198.51.100.20"
	p := newWirePBX(t)
	p.start()
	p.eventually("the capture", func() bool { return p.wire().Complete != "" })

	seen := p.follow(guesser)
	honest := p.sender(phone)
	for range 12 { // more often than any jail allows failures
		if got := p.register(honest, "101", "right"); got != 200 {
			t.Fatalf("the phone got %d, want 200", got)
		}
	}
	bad := p.sender(guesser)
	bad.Patience = bad.Patience / 10
	p.untilBanned(guesser, func() int { return p.register(bad, "101", fmt.Sprintf("wrong%d", p.wire().Packets)) })
	if b := p.banned(guesser); b.By != "log" && b.By != "wire" {
		t.Errorf("got %+v, want a ban of a jail", b)
	}
	scan := p.sender(scanner)
	scan.Patience = scan.Patience / 10
	user := 200
	p.untilBanned(scanner, func() int { user++; return p.register(scan, fmt.Sprint(user), "") })
	p.banned(scanner)

	if got := p.register(honest, "101", "right"); got != 200 {
		t.Errorf("the phone got %d after the bans, want 200", got)
	}
	if list := p.list(); len(list) != 2 {
		t.Errorf("got %v, want the two", list)
	}
	if got := p.status().Counters.Lines; got != 0 {
		t.Errorf("got %d lines of logs, want none", got)
	}
	why := p.ctl("why", guesser)
	if !strings.Contains(why, "REGISTER as 101") || !strings.Contains(why, "401") {
		t.Errorf("why does not show the transactions behind the ban:\n%s", why)
	}
	p.eventually("the transactions of the guesser", func() bool {
		text := seen()
		return strings.Count(text, "REGISTER") >= 3 && strings.Contains(text, "401") && !strings.Contains(text, phone)
	})
	if got := p.ctl("agents"); !strings.Contains(got, "pbxlab") || !strings.Contains(got, "allow_agents: [pbxlab]") {
		t.Errorf("got agents\n%s", got)
	}
	p.stop()
}

// untilBanned attacks until the address is banned and gets no answer. No answer alone can be
// a slow one.
func (p *pbx) untilBanned(addr string, attack func() int) {
	p.Helper()
	p.eventually("the end of "+addr, func() bool {
		answer := attack()
		_, banned := p.list()[addr]
		return banned && answer == 0
	})
}

// follow runs jailctl wire until the test ends, and returns what it has printed so far.
func (p *pbx) follow(args ...string) func() string {
	p.Helper()
	out, err := os.Create(p.path("wire.txt"))
	p.must(err)
	p.Cleanup(func() { out.Close() })
	cmd := exec.Command(program("jailctl"), append(append([]string{"wire"}, args...), "--socket", p.path("sock"))...)
	cmd.Stdout, cmd.Stderr = out, out
	p.must(start(cmd))
	p.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	seen := func() string {
		text, err := os.ReadFile(out.Name())
		p.must(err)
		return string(text)
	}
	p.eventually("jailctl wire to begin", func() bool { return strings.Contains(seen(), "from now on") })
	return seen
}

// TestForgedRecord: a line with an address that sent nothing leads to no ban, while a
// sender that does what the line says is banned.
func TestForgedRecord(t *testing.T) {
	const victim, guesser = "198.51.100.77", "203.0.113.9"
	p := newWirePBX(t)
	p.start()
	p.eventually("the capture", func() bool { return p.wire().Complete != "" })
	p.attack(victim, 20)
	bad := p.sender(guesser)
	bad.Patience = bad.Patience / 10
	p.untilBanned(guesser, func() int { return p.register(bad, "101", fmt.Sprintf("wrong%d", p.wire().Packets)) })
	p.banned(guesser)
	p.eventually("the forged records", func() bool { return p.wire().Forged >= 20 })
	if list := p.list(); len(list) != 1 {
		t.Errorf("got %v, want the guesser alone", list)
	}
	p.wantAnswers(true, victim)
	p.logged(`level=WARN msg="alarm for the admin" .*forged`)
}

// TestWireNotPermitted: without CAP_NET_RAW the logs are still read, and status says
// what is missing and what to do.
func TestWireNotPermitted(t *testing.T) {
	p := newPBX(t, "enforcer: observe\n", "wire: {enabled: true}")
	p.startAs(p.asOrdinaryUser(p.command()))
	p.eventually("the problem", func() bool { return p.wire().Problem != "" })
	if w := p.wire(); !strings.Contains(w.Hint, "CAP_NET_RAW") {
		t.Errorf("got %+v, want what to do", w)
	}
	p.attack("203.0.113.9", 3)
	p.banned("203.0.113.9")
}
