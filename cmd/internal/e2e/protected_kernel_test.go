package e2e

import (
	"strings"
	"testing"

	"pbxjail/cmd/internal/lab"
)

// TestProtected: whatever a log says, our own addresses and those of ignoreip are not
// banned, and the event is reported.
func TestProtected(t *testing.T) {
	const trunk, bad = "198.51.100.7", "203.0.113.9"
	p := newPBX(t, "ignoreip: [198.51.100.0/24]")
	p.start()
	own4, own6 := lab.PBX4.String(), lab.PBX6.String()
	for _, addr := range []string{own4, own6, trunk, bad} {
		p.attack(addr, 6)
	}
	p.banned(bad) // its lines come last
	if list := p.list(); len(list) != 1 {
		t.Errorf("got bans %v, want one", list)
	}
	for addr, why := range map[string]string{own4: "an address of this machine", own6: "an address of this machine", trunk: "ignoreip 198.51.100.0/24"} {
		wantMatch(t, p.said(), `level=WARN msg="not banned: the address is protected" prefix=`+addr+`/\d+ jail=phones protection="`+why+`"`)
		wantMatch(t, p.refused("ban", addr), `is protected: `+why+`\nhint: .*--force`)
		wantMatch(t, p.ctl("why", addr), `never banned by a jail: `+why)
	}
	p.wantAnswers(true, trunk)

	// A wide prefix is refused because of a protected address in it.
	wantMatch(t, p.refused("ban", "192.0.2.0/24"), `is protected: an address of this machine\nhint: .*--force`)
	wantMatch(t, p.refused("ban", "198.51.0.0/16"), `is protected: ignoreip`)
	if got := strings.Count(p.kernel("ipset", "list", "pbxjail-4"), " timeout "); got != 2 { // the header has one too
		t.Errorf("got %d members in the kernel, want one", got-1)
	}

	// With force it is possible.
	p.ctl("ban", trunk, "--force", "--for", "1h")
	p.wantAnswers(false, trunk)
	p.ctl("unban", trunk)
	p.wantAnswers(true, trunk)
}

// TestNewlyProtected: who is in ignoreip from now on is let out.
func TestNewlyProtected(t *testing.T) {
	const addr = "203.0.113.9"
	p := newPBX(t)
	p.start()
	p.attack(addr, 3)
	p.banned(addr)
	p.wantAnswers(false, addr)
	p.configure("ignoreip: [203.0.113.0/24]")
	p.ctl("reload")
	p.eventually("an answer", func() bool { return p.answered(addr) })
	if list := p.list(); len(list) != 0 {
		t.Errorf("got bans %v, want none", list)
	}
}
