package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/lab"
)

// fixedTrunk is a trunk with an address of its own.
const fixedTrunk = `[carrier]
type=endpoint
context=from-internal
disallow=all
allow=ulaw
aors=carrier
[carrier]
type=aor
contact=sip:198.51.100.20:5060
`

// onAMI is what we read of status --json.
type onAMI struct {
	AMI struct {
		Since      *time.Time `json:"since"`
		Guarded    bool       `json:"guarded"`
		Events     int        `json:"events"`
		Doubtful   int        `json:"doubtful"`
		Registered int        `json:"registered"`
		Trunks     int        `json:"trunks"`
		Problem    string     `json:"problem"`
	} `json:"ami"`
}

func (p *pbx) ami() (s onAMI) {
	p.Helper()
	p.must(json.Unmarshal([]byte(p.ctl("status", "--json")), &s))
	return s
}

// newAMIPBX makes a PBX with a real Asterisk that writes no log, and pbxjail that sees neither
// logs nor packets: it has the manager interface alone. more are files of Asterisk by name.
func newAMIPBX(t *testing.T, version, manager string, more ...map[string]string) (*pbx, *lab.Asterisk) {
	t.Helper()
	p := &pbx{T: t, net: lab.ForTest(t, "iptables", "ip6tables", "ipset")}
	cache, err := os.UserCacheDir()
	p.must(err)
	root := filepath.Join(cache, "pbxlab", "asterisk-"+version)
	if _, err := os.Stat(root); err != nil {
		t.Skipf("this test needs the Asterisk that pbxlab e2e makes: %v", err)
	}
	dir, err := os.MkdirTemp("", "e2e")
	p.must(err)
	p.dir = dir
	t.Cleanup(func() { os.RemoveAll(dir) })
	p.must(os.Chmod(dir, 0o755))
	for _, name := range []string{"jails", "state", "asterisk", "pbx", "empty"} {
		p.must(os.Mkdir(p.path(name), 0o755))
	}
	files := map[string]string{"logger.conf": "[general]\n[logfiles]\n", "manager-more.conf": manager, "pjsip-more.conf": fixedTrunk}
	for _, m := range more {
		maps.Copy(files, m)
	}
	asterisk, err := p.net.StartAsterisk(t.Context(), root, version, p.path("pbx"), p.logs(), false, files)
	p.must(err)
	p.write("ami.secret", lab.GuardSecret+"\n")
	p.configure(fmt.Sprintf("jails: %s\ndatabase: %s\nsocket: %s\nasterisk: %s", p.path("jails"), p.path("state/pbxjail.db"), p.path("sock"), p.path("empty")),
		"wire: {enabled: false}\nheard: {enabled: false}\nday_one: false\nlogs: ["+p.logs()+"/none]",
		fmt.Sprintf("ami: {user: pbxjail, secret_file: %s}", p.path("ami.secret")))
	return p, asterisk
}

// send sends a REGISTER of a user to PJSIP, and answers a challenge with a wrong password.
func (p *pbx) send(from string, port uint16, user, call string) {
	p.Helper()
	s, err := p.net.NewSender(p.Context(), "udp", netip.MustParseAddr(from), port)
	p.must(err)
	defer s.Close()
	s.Patience = 2 * time.Second
	r := s.Request("REGISTER", "x", "x")
	r.From = "<sip:" + user + "@192.0.2.10>;tag=1"
	if call != "" {
		r.CallID = call
	}
	_, err = s.Authenticate(r, "1001", "guess")
	p.must(err)
}

// percentCoded writes each byte as % and two digits: pjproject reads it so in the name of a user.
func percentCoded(text string) string {
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, "%%%02x", text[i])
	}
	return b.String()
}

const victim = "8.8.8.8"

// amiForgeries are names of users that become lines, or whole events, in packets of the
// manager interface: Asterisk escapes nothing there.
func amiForgeries() map[string]string {
	address := "SessionID: x\r\nLocalAddress: IPV4/UDP/192.0.2.10/5060\r\nRemoteAddress: IPV4/UDP/" + victim + "/5060\r\n"
	head := "Privilege: security,all\r\nSystemName: pbx\r\nEventTV: 2026-11-27T14:09:08.174+0000\r\nSeverity: Error\r\nService: PJSIP\r\nEventVersion: 1\r\nAccountID: 1002\r\n"
	return map[string]string{
		"an address":            "x\r\n" + address + "X: ",
		"the end of the event":  "x\r\n" + address + "\r\nEvent: Foo\r\nX: ",
		"a whole event":         "x\r\n\r\nEvent: ChallengeResponseFailed\r\n" + head + address + "Challenge: x\r\nResponse: x\r\nExpectedResponse: \r\n\r\nEvent: Foo\r\nX: ",
		"two events that fit":   "x\r\n" + address + "\r\nEvent: InvalidAccountID\r\n" + head[:len(head)-2],
		"a log-in of a victim":  "x\r\n\r\nEvent: SuccessfulAuth\r\n" + head + address + "UsingPassword: 1\r\n\r\nEvent: Foo\r\nX: ",
		"lines with LF alone":   strings.ReplaceAll("x\r\n"+address+"\r\nEvent: Foo\r\nX: ", "\r\n", "\n"),
		"control bytes like CR": strings.ReplaceAll("x\r\n"+address+"\r\nEvent: Foo\r\nX: ", "\r\n", "\x0e\x0b"),
	}
}

// TestAMIAlone: with the manager interface alone, attackers are banned, what callers forge in
// its packets harms no one, and phones are protected at once after a restart.
func TestAMIAlone(t *testing.T) {
	for version, port := range map[string]uint16{"16": 5062, "22": 5060} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			p, asterisk := newAMIPBX(t, version, lab.GuardManager)
			p.start()
			p.eventually("a connection with a guard", func() bool { s := p.ami().AMI; return s.Since != nil && s.Guarded })

			sender := 0
			for name, user := range amiForgeries() {
				sender++
				from := fmt.Sprintf("203.0.113.%d", 100+sender)
				for range 12 {
					if _, banned := p.list()[from]; banned {
						break
					}
					p.send(from, port, percentCoded(user), "")
				}
				t.Logf("%s: sent %q", from, name)
			}
			p.eventually("the trunk", func() bool { return p.ami().AMI.Trunks == 1 })
			for range 12 { // an ESC in the Call-ID hides a guess from the log, and not here
				if _, banned := p.list()["203.0.113.70"]; !banned {
					p.send("203.0.113.70", port, "1001", "x\x1b\x0b\x0b\x0bEvent: x")
				}
			}
			p.banned("203.0.113.70")
			if _, banned := p.list()[victim]; banned || strings.Contains(p.ctl("protected"), victim) {
				t.Errorf("%s sent nothing, and is banned or protected", victim)
			}
			if s := p.ami().AMI; s.Events == 0 || s.Trunks != 1 {
				t.Errorf("got %+v, want events and one trunk", s)
			}
			if !strings.Contains(p.ctl("protected"), "198.51.100.20") {
				t.Errorf("the trunk is not protected:\n%s", p.ctl("protected"))
			}

			phone, err := p.net.NewSender(t.Context(), "udp", netip.MustParseAddr("203.0.113.30"), port)
			p.must(err)
			defer phone.Close()
			status, err := phone.Register("1001", "lab-1001-pass")
			p.must(err)
			if status != 200 {
				t.Fatalf("got %d, want that the phone is registered", status)
			}
			p.stop()
			p.must(os.RemoveAll(p.path("state")), os.Mkdir(p.path("state"), 0o755))
			p.start() // knows nothing of before
			p.eventually("the phone in the list", func() bool { return p.ami().AMI.Registered == 1 })
			for range 12 { // an old password, at its own address
				_, err := phone.Register("1001", "old")
				p.must(err)
			}
			for range 12 {
				if _, banned := p.list()["203.0.113.71"]; !banned {
					p.send("203.0.113.71", port, "1001", "")
				}
			}
			p.banned("203.0.113.71")
			if b, banned := p.list()["203.0.113.30"]; banned {
				t.Errorf("the phone is banned after a restart: %+v", b)
			}

			_, err = asterisk.CLI("core restart now") // ends it: no program starts it again
			t.Log("asterisk is gone:", err)
			p.eventually("a problem", func() bool { return p.ami().AMI.Problem != "" })
		})
	}
}

// TestAMIWithEventFilter: an eventfilter of the admin that lets events pass makes forged events
// pass, too. They charge and protect no one, and the admin knows.
func TestAMIWithEventFilter(t *testing.T) {
	t.Parallel()
	p, _ := newAMIPBX(t, "22", lab.GuardManager+"eventfilter = Event: .*\n")
	p.start()
	p.eventually("a connection", func() bool { return p.ami().AMI.Since != nil })
	for _, user := range amiForgeries() {
		for range 12 {
			p.send("203.0.113.66", 5060, percentCoded(user), "")
		}
	}
	p.eventually("doubtful events", func() bool { return p.ami().AMI.Doubtful > 0 })
	if list := p.list(); len(list) > 0 || p.ami().AMI.Guarded {
		t.Errorf("got bans %v, guarded %t", list, p.ami().AMI.Guarded)
	}
	if got := p.ctl("status"); !strings.Contains(got, "an eventfilter of user pbxjail in manager.conf lets events pass") {
		t.Errorf("status does not say why:\n%s", got)
	}
}

// TestAMIWithoutGuard: without the right to set a filter, forged events pass. They charge and
// protect no one, and the admin knows.
func TestAMIWithoutGuard(t *testing.T) {
	t.Parallel()
	p, _ := newAMIPBX(t, "22", strings.Replace(lab.GuardManager, "write = system,call", "write = call", 1))
	p.start()
	p.eventually("a connection", func() bool { return p.ami().AMI.Since != nil })
	for _, user := range amiForgeries() {
		for range 12 {
			p.send("203.0.113.66", 5060, percentCoded(user), "")
		}
	}
	p.eventually("doubtful events", func() bool { return p.ami().AMI.Doubtful > 0 })
	if list := p.list(); len(list) > 0 {
		t.Errorf("got bans %v", list)
	}
	if got := p.ctl("status"); !strings.Contains(got, "add system to the line write") {
		t.Errorf("status does not say what to do:\n%s", got)
	}
}
