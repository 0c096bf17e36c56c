package parsers

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"
)

// A small log that looks like a busy PBX's, the same on every run: what the
// benchmarks and the allocation tests read.

const genPBX = "192.0.2.10"

type logGen struct {
	r     *rand.Rand
	out   bytes.Buffer
	at    time.Time
	calls []int // the threads of the calls that go on
	next  int
}

func newLogGen() *logGen {
	return &logGen{r: rand.New(rand.NewPCG(1, 2)), at: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
}

func (g *logGen) pick(words ...string) string { return words[g.r.IntN(len(words))] }
func (g *logGen) hex(n int) string            { return fmt.Sprintf("%0*x", n, g.r.Uint64())[:n] }
func (g *logGen) phone() string {
	return fmt.Sprintf("10.20.%d.%d", g.r.IntN(4), 1+g.r.IntN(250))
}
func (g *logGen) attacker() string {
	if g.r.IntN(50) == 0 {
		return fmt.Sprintf("2001:db8:%x::%x", g.r.IntN(60000), 1+g.r.IntN(60000))
	}
	return fmt.Sprintf("203.0.%d.%d", g.r.IntN(256), 1+g.r.IntN(250))
}
func (g *logGen) port() int { return 1024 + g.r.IntN(60000) }

func hostPort(addr string, port int) string {
	if bytes.ContainsRune([]byte(addr), ':') {
		return fmt.Sprintf("[%s]:%d", addr, port)
	}
	return fmt.Sprintf("%s:%d", addr, port)
}

// line writes one record; 200 of them make a second.
func (g *logGen) line(level, call, file, msg string) {
	g.write(level, 2200+g.r.IntN(40), call, file, msg)
}

// ofCall writes one record of a call, which has a thread of its own.
func (g *logGen) ofCall(level, file, msg string) {
	if len(g.calls) < 20 || g.r.IntN(50) == 0 {
		g.next++
		g.calls = append(g.calls, 2300+g.next)
		g.calls = g.calls[max(len(g.calls)-30, 0):]
	}
	lwp := g.calls[g.r.IntN(len(g.calls))]
	g.write(level, lwp, fmt.Sprintf("[C-%08x]", lwp-2300), file, msg)
}

func (g *logGen) write(level string, lwp int, call, file, msg string) {
	g.at = g.at.Add(5 * time.Millisecond)
	fmt.Fprintf(&g.out, "[%s] %s[%d]%s %s: %s\n", g.at.Format(time.DateTime), level, lwp, call, file, msg)
}

// genFull is a full log, five attacks in a hundred lines.
func genFull(lines int) []byte {
	g := newLogGen()
	for range lines {
		if g.r.IntN(20) == 0 {
			g.attack()
		} else {
			g.traffic()
		}
	}
	return g.out.Bytes()
}

func (g *logGen) traffic() {
	ext := fmt.Sprint(1000 + g.r.IntN(300))
	switch n := g.r.IntN(100); {
	case n < 60:
		g.ofCall("VERBOSE", "pbx.c", fmt.Sprintf(`Executing [%s@from-internal:%d] %s("PJSIP/%s-%s", "CALLERID(number)=%s") in new stack`,
			ext, g.r.IntN(60), g.pick("Set", "GotoIf", "NoOp", "Dial"), ext, g.hex(8), ext))
	case n < 72:
		g.ofCall("VERBOSE", g.pick("app_dial.c", "file.c", "app_queue.c"), fmt.Sprintf("PJSIP/%s-%s is ringing", ext, g.hex(8)))
	case n < 78:
		g.line("VERBOSE", "", "res_pjsip_registrar.c", fmt.Sprintf("Added contact 'sip:%s@%s:5060;ob' to AOR '%s' with expiration of 300 seconds", ext, g.phone(), ext))
	case n < 90:
		g.ofCall("DEBUG", "res_rtp_asterisk.c", fmt.Sprintf("Got RTP packet from %s:%d (type 08, seq %06d, ts 000160, len 000160)", g.phone(), g.port(), g.r.IntN(65536)))
	case n < 94:
		g.line("NOTICE", "", "chan_sip.c", fmt.Sprintf("Peer '%s' is now Reachable. (%dms / 2000ms)", ext, g.r.IntN(90)))
	case n < 96:
		g.ofCall("WARNING", "chan_sip.c", fmt.Sprintf("Retransmission timeout reached on transmission %s@%s for seqno 102 (Critical Response) -- See the wiki", g.hex(16), genPBX))
	case n < 98:
		g.line("VERBOSE", "", "manager.c", fmt.Sprintf("Manager 'admin' logged %s from 127.0.0.1", g.pick("on", "off")))
	default:
		g.line("NOTICE", "", "res_pjsip/pjsip_configuration.c", fmt.Sprintf("Endpoint %s is now Reachable", ext))
	}
}

func (g *logGen) attack() {
	addr := g.attacker()
	host, user := hostPort(addr, g.port()), g.pick("100", "101", "1000", "admin", "test")
	switch n := g.r.IntN(100); {
	case n < 35:
		g.line("NOTICE", "", "chan_sip.c", fmt.Sprintf(`Registration from '"%s" <sip:%s@%s:5060>' failed for '%s' - %s`, user, user, genPBX, host, g.pick("Wrong password", "No matching peer found")))
	case n < 55:
		g.line("NOTICE", "[C-00000001]", "chan_sip.c", fmt.Sprintf("Call from '' (%s) to extension '900441516014742' rejected because extension not found in context 'default'.", host))
	case n < 85:
		g.line("NOTICE", "", "res_pjsip/pjsip_distributor.c", fmt.Sprintf("Request 'REGISTER' from '<sip:%s@%s>' failed for '%s' (callid: %s) - %s", user, genPBX, host, g.hex(16),
			g.pick("No matching endpoint found", "No matching endpoint found after 7 tries in 904.220 ms", "Failed to authenticate")))
	case n < 95:
		g.line("NOTICE", "[C-00000002]", "res_pjsip_session.c", fmt.Sprintf(" anonymous: Call (UDP:%s) to extension '00972595934161' rejected because extension not found in context 'public'.", host))
	case n < 98:
		g.line("NOTICE", "", "chan_iax2.c", fmt.Sprintf("Host %s failed MD5 authentication for '%s' (%s != %s)", addr, user, g.hex(16), g.hex(16)))
	default:
		g.line("NOTICE", "", "manager.c", fmt.Sprintf("%s tried to authenticate with nonexistent user '%s'", addr, user))
	}
}

// genSecurity is a security log, one attack in four lines.
func genSecurity(lines int) []byte {
	g := newLogGen()
	for range lines {
		service, session := "PJSIP", g.hex(16)+"@"+genPBX
		if g.r.IntN(5) == 0 {
			service, session = "SIP", "0x7f"+g.hex(10)
		}
		bad := g.r.IntN(4) == 0
		name, version, account, addr, tail := "ChallengeSent", "1", fmt.Sprint(1000+g.r.IntN(300)), g.phone(), fmt.Sprintf(`,Challenge="1795332261/%s"`, g.hex(16))
		switch n := g.r.IntN(100); {
		case bad && n < 40:
			name, tail = "InvalidAccountID", ""
		case bad && n < 75:
			name, account, tail = "ChallengeResponseFailed", "<unknown>", fmt.Sprintf(`,Challenge="1795332261/%s",Response="%s",ExpectedResponse=""`, g.hex(16), g.hex(16))
		case bad && n < 95:
			name, version, tail = "InvalidPassword", "2", fmt.Sprintf(`,Challenge="%s",ReceivedChallenge="%s",ReceivedHash="%s"`, g.hex(8), g.hex(8), g.hex(16))
		case bad:
			name, tail = "FailedACL", `,ACLName="domain_must_match"`
		case n < 40:
			name, tail = "SuccessfulAuth", `,UsingPassword="1"`
		}
		family := "4"
		if bad {
			if addr = g.attacker(); bytes.ContainsRune([]byte(addr), ':') {
				family = "6"
			}
		}
		local := map[string]string{"4": genPBX, "6": "2001:db8::10"}[family]
		g.line("SECURITY", "", "res_security_log.c", fmt.Sprintf(`SecurityEvent="%s",EventTV="%s",Severity="Error",Service="%s",EventVersion="%s",AccountID="%s",SessionID="%s",LocalAddress="IPV%s/UDP/%s/5060",RemoteAddress="IPV%s/UDP/%s/%d"%s`,
			name, g.at.Format("2006-01-02T15:04:05.000-0700"), service, version, account, session, family, local, family, addr, g.port(), tail))
	}
	return g.out.Bytes()
}
