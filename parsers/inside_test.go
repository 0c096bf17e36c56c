package parsers

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// doors are records of a sender, 203.0.113.5, into whose text he gets newlines. %s is
// that text, %.255s what is left of it; where it comes twice he has two fields.
var doors = []string{
	"NOTICE[5001][C-00000001] chan_sip.c: Supervised transfer attempted to replace non-existent call id (%s)!",
	"NOTICE[5002] chan_iax2.c: No registration for peer '%.255s' (from 203.0.113.5)",
	"NOTICE[5002] chan_iax2.c: Host 203.0.113.5 failed to authenticate as %.255s",
	"NOTICE[5002] chan_iax2.c: Host 203.0.113.5 failed MD5 authentication for 'x' (%.255s != 0123)",
	"NOTICE[5002] chan_iax2.c: Rejected connect attempt from 203.0.113.5:4569, who was trying to reach '%.255s@%.255s'",
	"NOTICE[5003] manager.c: 203.0.113.5 tried to authenticate with nonexistent user '%s'",
	"NOTICE[5003] manager.c: 203.0.113.5 failed to authenticate as '%s'",
	"NOTICE[5001] chan_sip.c: Call from '%s' (203.0.113.5:5060) to extension '1' rejected because extension not found in context 'in'.",
	"NOTICE[5001] chan_sip.c: Call from '' (203.0.113.5:5060) to extension '%s' rejected because extension not found in context 'in'.",
	"NOTICE[5004] res_pjsip_session.c: anonymous: Call (UDP:203.0.113.5:5060) to extension '%.80s' rejected because extension not found in context 'in'.",
	"WARNING[5004] res_pjsip_pubsub.c: state subscription failed: Extension %s does not exist in context 'in' or has no associated hint",
	"WARNING[5004] res_pjsip_registrar.c: AOR '%s' not found for endpoint 'x' (203.0.113.5:5060)",
	"VERBOSE[5005][C-00000001] pbx.c: Executing [%s@in:1] NoOp(\"SIP/a-1\", \"\") in new stack",
	"VERBOSE[5005][C-00000001] pbx.c: Executing [1@in:1] Set(\"SIP/a-1\", \"x=%s\") in new stack",
	"VERBOSE[5005][C-00000001] pbx.c: Spawn extension (in, %.79s, 1) exited non-zero on 'SIP/a-1'",
	"VERBOSE[5005][C-00000001] pbx_builtins.c: Goto (in,%.79s,1)",
	"VERBOSE[5005][C-00000001] app_verbose.c: %s",
	"VERBOSE[5003] manager.c: Manager 'x' from 10.0.0.1, hanging up channel: Local/%.79s@in-1;1",
	"VERBOSE[5002] chan_iax2.c: Hungup 'IAX2/%.79s-1'",
	"WARNING[5001] chan_sip.c: username mismatch, have <1>, digest has <%s>",
	"NOTICE[5003] manager.c: 203.0.113.5 tried to authenticate with nonexistent user '%[1]s'\n" + insideStamp + "NOTICE[5003] manager.c: 203.0.113.5 failed to authenticate as '%[1]s'",
	"NOTICE[5003] manager.c: 203.0.113.6 failed to authenticate as 'a'\n" + insideStamp + "NOTICE[5013] manager.c: 203.0.113.5 tried to authenticate with nonexistent user '%[1]s'\n" + insideStamp + "NOTICE[5013] manager.c: 203.0.113.5 failed to authenticate as '%[1]s'",
	"WARNING[5005][C-00000001] Ext. %.79s: hello",
	"NOTICE[5006] app_unknown.c: some text about %s here",
	"DEBUG[5006] http.c: Request from 203.0.113.5 for URI [%s] has no registered handler",
	`SECURITY[5007] res_security_log.c: SecurityEvent="InvalidAccountID",EventTV="2024-03-05T06:07:08.123+0000",Severity="Error",Service="AMI",EventVersion="1",AccountID="%s",SessionID="0x7f",LocalAddress="IPV4/TCP/10.0.0.1/5038",RemoteAddress="IPV4/TCP/203.0.113.5/5071"`,
	`SECURITY[5007] res_security_log.c: SecurityEvent="InvalidPassword",EventTV="2024-03-05T06:07:08.123+0000",Severity="Error",Service="SIP",EventVersion="2",AccountID="%s",SessionID="0x7f",LocalAddress="IPV4/UDP/10.0.0.1/5060",RemoteAddress="IPV4/UDP/203.0.113.5/5071",Challenge="1",ReceivedChallenge="1",ReceivedHash="2"`,
	`SECURITY[5007] res_security_log.c: SecurityEvent="SuccessfulAuth",EventTV="2024-03-05T06:07:08.123+0000",Severity="Informational",Service="SIP",EventVersion="1",AccountID="%s",SessionID="0x7f",LocalAddress="IPV4/UDP/10.0.0.1/5060",RemoteAddress="IPV4/UDP/203.0.113.5/5071",UsingPassword="1"`,
	`SECURITY[5007] res_security_log.c: SecurityEvent="InvalidAccountID",EventTV="2024-03-05T06:07:08.123+0000",Severity="Error",Service="PJSIP",EventVersion="1",AccountID="%.36s",SessionID="%s",LocalAddress="IPV4/UDP/10.0.0.1/5060",RemoteAddress="IPV4/UDP/203.0.113.5/5071"`,
	"VERBOSE[5004] res_pjsip_logger.c: <--- Received SIP request (9000 bytes) from UDP:203.0.113.5:5060 --->\n%s",
	"ERROR[5004] pjproject: \t         sip_endpoint.c Error processing packet from 203.0.113.5:33984: Missing required header(s) [code 171050]:\n%s\n-- end of packet.",
	"VERBOSE[5001] chan_sip.c: \n<--- SIP read from UDP:203.0.113.5:5060 --->\n%s\n<------------->",
}

// ends close a door's field before its newline, so that the first line looks whole.
var ends = []string{
	"x", "", "x' (from 192.0.2.50)", "x' is not dynamic (from 192.0.2.50)", "x' not found for endpoint 'y' (192.0.2.50:5060)", "x' failed for '192.0.2.50:5060' - Wrong password",
	"x' received from 192.0.2.50", "x@y from 192.0.2.50, but there is no hint for that extension.", "x' from '192.0.2.50'", "x'", "x)!", `x", "") in new stack`, "x>", "x' (192.0.2.50:5060) to extension '1' rejected because extension not found in context 'in'.",
	`x",SessionID="0x1",LocalAddress="IPV4/TCP/0.0.0.0/5038",RemoteAddress="IPV4/TCP/192.0.2.50/1"`,
	`x",SessionID="0x1",LocalAddress="IPV4/1.1.1.1/1",RemoteAddress="IPV4/192.0.2.50/1",Challenge="x"`,
	`x",SessionID="0x1",LocalAddress="IPV4/1.1.1.1/1",RemoteAddress="IPV4/192.0.2.50/1",UsingPassword="1"`,
	`@in:1] NoOp("a", "b") in new stack`, `s: "Rejecting unknown SIP connection from 192.0.2.50"`,
}

// payloads are records that charge or protect 192.0.2.50, with a guessed thread.
var payloads = []string{
	"NOTICE[%d] chan_iax2.c: Host 192.0.2.50 failed to authenticate as y",
	"NOTICE[%d] chan_iax2.c: No registration for peer 'x' (from 192.0.2.50)",
	"NOTICE[%d] manager.c: 192.0.2.50 failed to authenticate as 'y'",
	"NOTICE[%d] chan_sip.c: Registration from 'x' failed for '192.0.2.50:5060' - Wrong password",
	"NOTICE[%d] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:1@x>' failed for '192.0.2.50:5060' (callid: x) - Failed to authenticate",
	"NOTICE[%d] acl.c: SIP ACL: Rejecting '192.0.2.50' due to a failure to pass ACL 'x'",
	"WARNING[%d] res_http_websocket.c: WebSocket connection from '192.0.2.50:1' could not be accepted - x",
	`WARNING[%d] Ext. s: "Rejecting unknown SIP connection from 192.0.2.50"`,
	`SECURITY[%d] res_security_log.c: SecurityEvent="SuccessfulAuth",EventTV="",Severity="",Service="PJSIP",EventVersion="1",AccountID="",SessionID="x",LocalAddress="IPV4/UDP/10.0.0.1/5060",RemoteAddress="IPV4/UDP/192.0.2.50/1",UsingPassword="1"`,
	`SECURITY[%d] res_security_log.c: SecurityEvent="ChallengeResponseFailed",EventTV="",Severity="",Service="PJSIP",EventVersion="1",AccountID="",SessionID="x",LocalAddress="IPV4/UDP/10.0.0.1/5060",RemoteAddress="IPV4/UDP/192.0.2.50/1",Challenge="1/2",Response="x",ExpectedResponse=""`,
	"VERBOSE[%d] manager.c: Client from 192.0.2.50, failed to authenticate in 30 seconds",
	"[] NOTICE[%d] a: b",
}

// through puts text into each field of a door.
func through(door, text string) string {
	n := strings.Count(door, "%")
	if strings.Contains(door, "%[1]s") {
		return fmt.Sprintf(door, text)
	}
	fields := []any{text, text}
	if strings.Contains(door, `"PJSIP"`) { // the Call-ID holds no newline
		fields[1] = strings.ReplaceAll(text, "\n", "")
	}
	return fmt.Sprintf(door, fields[:n]...)
}

const insideStamp = "[2024-03-05 06:07:08] "

// TestInside: through no door, however its field ends, in whatever date, and wherever a
// block ends, a caller's record charges or protects anybody.
func TestInside(t *testing.T) {
	victim := netip.MustParseAddr("192.0.2.50")
	known := insideStamp + "NOTICE[5008] chan_sip.c: Registration from 'x' failed for '203.0.113.6:5060' - Wrong password\n"
	start := time.Date(2024, 3, 5, 6, 7, 8, 0, time.UTC)
	for _, door := range doors {
		for _, end := range ends {
			for k, payload := range payloads {
				for _, stamp := range []string{insideStamp, "[Mar  5 06:07:08] ", "[] "} {
					lines := end
					for range 3 {
						lines += "\n" + stamp + fmt.Sprintf(payload, k+1)
					}
					text := known + insideStamp + through(door, lines+"\n"+stamp+"NOTICE[1] a: b") + "\n" + known
					for _, cutAfter := range []int{0, 2, 3, 4} {
						checkInside(t, text, cutAfter, start, victim)
						if t.Failed() {
							return
						}
					}
				}
			}
		}
	}
}

// checkInside reads text in two blocks that arrive at once, the first of so many lines.
func checkInside(t *testing.T, text string, cutAfter int, at time.Time, victim netip.Addr) {
	t.Helper()
	p := New(Clock{})
	p.LookAhead()
	emit := func(e *Event) {
		if (e.Result == Offence || e.Result == Signal) && e.Addr == victim && e.Evidence > Claimed {
			t.Errorf("got %s of %s by %s, and a caller wrote it; block of %d lines\n%s", e.Result, e.Addr, e.Rule, cutAfter, text)
		}
	}
	n := 0
	for range cutAfter {
		n += strings.IndexByte(text[n:], '\n') + 1
	}
	for i, block := range []string{text[:n], text[n:]} {
		arrived := at.Add(time.Duration(i) * time.Millisecond)
		if cutAfter == 0 {
			arrived = time.Time{}
		}
		p.Block([]byte(block), false, arrived, emit)
	}
	p.Settle(time.Time{}, emit)
}

// TestInsideHidesNoAddress: who writes records of his own is charged where his own record
// shows who he is before his text, and honest records behind it are read.
func TestInsideHidesNoAddress(t *testing.T) {
	prefix := insideStamp + "NOTICE[5009] chan_sip.c: Registration from 'x' failed for '198.51.100.7:5060' - Wrong password\n"
	for _, door := range doors {
		log := prefix + insideStamp + through(door, "x\n"+insideStamp+fmt.Sprintf(payloads[0], 1)) + "\n" + prefix
		got := charged(log)
		if slices.Contains(got, "192.0.2.50") || !slices.Contains(got, "198.51.100.7") {
			t.Errorf("got %v charged, want 198.51.100.7 and not 192.0.2.50\n%s", got, log)
		}
		honest := 0
		New(Clock{}).Block([]byte(log), false, time.Time{}, func(e *Event) {
			if e.Result == Offence && e.Addr.String() == "198.51.100.7" {
				honest++
			}
		})
		if honest != 2 {
			t.Errorf("got %d honest records believed, want the one behind the door too\n%s", honest, log)
		}
	}
}

// FuzzInside: whatever a caller writes through a door, an address that he made up is
// not charged with more than a claim. His threads are guesses: none of those that the
// log has shown.
func FuzzInside(f *testing.F) {
	for i, end := range ends {
		f.Add(uint8(i), uint8(i), []byte(end+"\n"+insideStamp+fmt.Sprintf(payloads[i%len(payloads)], 7)))
	}
	f.Fuzz(func(t *testing.T, door, cut uint8, text []byte) {
		for _, own := range []string{"5001", "5002", "5003", "5004", "5005", "5006", "5007", "5008", "5013", "203.0.113"} {
			if strings.Contains(string(text), own) {
				return
			}
		}
		if len(text) > 200 || strings.Contains(string(text), "\x1b") {
			return
		}
		log := insideStamp + "NOTICE[5008] chan_sip.c: Registration from 'x' failed for '203.0.113.6:5060' - Wrong password\n" +
			insideStamp + through(doors[int(door)%len(doors)], string(text)) + "\n"
		p := New(Clock{})
		p.LookAhead()
		emit := func(e *Event) {
			if (e.Result == Offence || e.Result == Signal) && e.Addr.IsValid() && !strings.HasPrefix(e.Addr.String(), "203.0.113.") && e.Evidence > Claimed {
				t.Fatalf("got %s of %s by %s\n%q", e.Result, e.Addr, e.Rule, log)
			}
		}
		n := 0
		for range cut % 4 {
			if i := strings.IndexByte(log[n:], '\n'); i >= 0 {
				n += i + 1
			}
		}
		at := time.Date(2024, 3, 5, 6, 7, 8, 0, time.UTC)
		p.Block([]byte(log[:n]), false, at, emit)
		p.Block([]byte(log[n:]), false, at, emit)
		p.Settle(time.Time{}, emit)
	})
}
