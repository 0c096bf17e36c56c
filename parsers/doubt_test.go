package parsers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// forgedLine is a record that a packet, a user name or a number may hold.
const forgedLine = "[2024-03-05 06:07:08] NOTICE[1638] chan_sip.c: Registration from 'x' failed for '192.0.2.50:5060' - Wrong password"

// honestLine is a record that must be read once the danger is over.
const honestLine = "[2024-03-05 06:07:09] NOTICE[1638] manager.c: 198.51.100.7 failed to authenticate as 'x'\n"

func dump(head, packet string) string {
	if strings.Contains(head, "%d") {
		head = fmt.Sprintf(head, len(packet))
	}
	return head + "\n" + packet + "\n-- end of packet.\n\n"
}

const (
	countedDump   = "[2024-03-05 06:07:08] ERROR[1638] pjproject: \t        sip_transport.c Error processing %d bytes packet from UDP 203.0.113.5:5060 : PJSIP syntax error:"
	uncountedDump = "[2024-03-05 06:07:08] ERROR[1638] pjproject: \t         sip_endpoint.c Error processing packet from 203.0.113.5:33984: Missing required header(s) [code 171050]:"
	loggedPacket  = "[2024-03-05 06:07:08] VERBOSE[1638] res_pjsip_logger.c: <--- Received SIP request (%d bytes) from UDP:203.0.113.5:5060 --->"
	debuggedSIP   = "[2024-03-05 06:07:08] VERBOSE[1638] chan_sip.c: "
)

func TestTaint(t *testing.T) {
	packet := "INVITE x\r\n" + forgedLine + "\r\n"
	marked := packet + "-- end of packet.\n" + forgedLine + "\n<------------->\n" + forgedLine
	filler := strings.Repeat("[2024-03-05 06:07:08] NOTICE[1638] loader.c: "+strings.Repeat(".", 99)+"\n", 70) // past what the logger's buffer holds
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a counted packet", dump(countedDump, packet), []string{"203.0.113.5"}},
		{"with its own end marker", dump(countedDump, marked), []string{"203.0.113.5"}},
		{"and the next record", dump(countedDump, marked) + honestLine, []string{"203.0.113.5", "198.51.100.7"}},
		{"that ends with newlines", dump(countedDump, packet+"\n\n\n") + honestLine, []string{"203.0.113.5", "198.51.100.7"}},
		{"of one byte", dump(countedDump, "x") + honestLine, []string{"203.0.113.5", "198.51.100.7"}},
		{"that holds a verbose line, and a door behind it", dump(countedDump, "x\n[2024-03-05 06:07:08] VERBOSE[1] a.c: b\n") + "[2024-03-05 06:07:08] NOTICE[4001] app_x.c: y\n" + strings.Repeat("[2024-03-05 06:07:08] NOTICE[1] a: b\n", 220) + forgedLine + "\n", []string{"203.0.113.5"}},
		{"without an address", dump(strings.Replace(countedDump, "203.0.113.5", "fe80::1%%eth0", 1), packet) + honestLine, []string{"198.51.100.7"}},
		{"at another level", dump(strings.Replace(countedDump, "ERROR", "NOTICE", 1), packet) + honestLine, []string{"198.51.100.7"}},
		{"with a count that is a lie", dump(strings.Replace(countedDump, "%d", "99999999999999999999", 1), marked) + honestLine, []string{"203.0.113.5"}},
		{"a packet that is not counted", dump(uncountedDump, marked), []string{"203.0.113.5"}},
		{"and a record far behind it", dump(uncountedDump, marked) + filler + honestLine, []string{"203.0.113.5", "198.51.100.7"}},
		{"a packet in a packet", dump(countedDump, dump(countedDump, packet)+forgedLine), []string{"203.0.113.5"}},
		{"a packet that announces a longer one", dump(countedDump, fmt.Sprintf(countedDump, 8192)+"\n"+forgedLine) + honestLine, []string{"203.0.113.5", "198.51.100.7"}},
		{"pjsip set logger on", dump(loggedPacket, marked), nil},
		{"pjsip set logger on, and the next record", dump(loggedPacket, marked) + honestLine, []string{"198.51.100.7"}},
		{"sip set debug on", debuggedSIP + "\n<--- SIP read from UDP:203.0.113.5:5060 --->\n" + marked, nil},
		{"sip set debug on, far behind", debuggedSIP + "\n" + marked + "\n" + filler + honestLine, []string{"198.51.100.7"}},
		{"an empty verbose line of another module", "[2024-03-05 06:07:08] VERBOSE[1638] app_verbose.c: \n" + honestLine, nil},
		{"a record of another form", "[2024-03-05 06:07:08] NOTICE[1638] app_x.c: hello\n" + honestLine, nil},
		{"one of a module that writes no caller's text", "[2024-03-05 06:07:08] NOTICE[1638] loader.c: hello\n" + honestLine, []string{"198.51.100.7"}},
		{"an open record, address first", "[2024-03-05 06:07:08] NOTICE[1638] res_pjsip_session.c: a: Call (UDP:203.0.113.5:5060) to extension '1\n" + forgedLine + "\n'", []string{"203.0.113.5"}},
		{"an open record, address last", "[2024-03-05 06:07:08] NOTICE[1638] chan_iax2.c: No registration for peer 'x\n" + forgedLine + "\n' (from 203.0.113.5)\n", nil},
		{"an open record, and one far behind", "[2024-03-05 06:07:08] NOTICE[1638] chan_iax2.c: No registration for peer 'x\n" + filler + honestLine, []string{"198.51.100.7"}},
		{"a device's state is no open record", "[2024-03-05 06:07:08] NOTICE[1638] chan_iax2.c: Peer 'fax' is now UNREACHABLE! Time: 1\n" + honestLine, []string{"198.51.100.7"}},
		{"a broken list of chan_sip", securityLine("InvalidPassword", "SIP", "UDP", `,Foo="1"`) + "\n" + honestLine, nil},
		{"a broken list of PJSIP", securityLine("InvalidAccountID", "PJSIP", "UDP", `,Foo="1"`) + "\n" + honestLine, []string{"198.51.100.7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := charged(c.text); !slices.Equal(got, c.want) {
				t.Errorf("got %v charged, want %v\n%s", got, c.want, c.text)
			}
		})
	}
}

// TestTaintInside: forms that hold a packet inside their own line taint nothing.
func TestTaintInside(t *testing.T) {
	w := written{level: "ERROR", file: "pjproject", fn: "<?>", msg: "\t sip_transport.c Error processing 400 bytes packet from UDP 203.0.113.5:5060 : x:\n" + forgedLine + "\n-- end of packet.\n"}
	syslog := w
	syslog.msg = strings.NewReplacer("\n", "#012", "\t", "#011").Replace(w.msg)
	honest := written{level: "NOTICE", file: "manager.c", msg: "198.51.100.7 failed to authenticate as 'x'"}
	for form, text := range map[string]string{"json": w.in(5) + "\n" + honest.in(5), "syslog": syslog.in(2) + "\n" + honest.in(2)} {
		if got := charged(text); !slices.Equal(got, []string{"203.0.113.5", "198.51.100.7"}) {
			t.Errorf("%s: got %v charged, want the packet's sender and the next record's", form, got)
		}
	}
}

// TestTaintTime: a record is written at once, so text that arrives much later is
// no part of it; without arrival times only bytes count.
func TestTaintTime(t *testing.T) {
	start := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	open := "[2024-03-05 06:07:08] NOTICE[1638] chan_iax2.c: No registration for peer 'x"
	for _, c := range []struct {
		name          string
		first, second time.Time
		want          Result
	}{
		{"at once", start, start, Ambiguous},
		{"just within", start, start.Add(doubtLasts), Ambiguous},
		{"later", start, start.Add(doubtLasts + time.Millisecond), Offence},
		{"replayed", time.Time{}, time.Time{}, Ambiguous},
		{"a clock set back", start, start.Add(-time.Hour), Ambiguous},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := New(Clock{})
			p.Line([]byte(open), false, c.first, func(*Event) {})
			var got Event
			p.Line([]byte(strings.TrimSpace(honestLine)), false, c.second, func(e *Event) { got = *e })
			if got.Result != c.want {
				t.Errorf("got %v, want %v", got.Result, c.want)
			}
			if got.Result == Ambiguous && got.Evidence > Claimed {
				t.Errorf("got evidence %v of a doubted record, want at most claimed", got.Evidence)
			}
		})
	}
}

// TestTaintByBytes: each line counts with its newline, whatever it is.
func TestTaintByBytes(t *testing.T) {
	for extra := range 3 {
		packet := strings.Repeat("x", 50) + "\n"
		p := New(Clock{})
		p.Line([]byte(fmt.Sprintf(countedDump, len(packet)+extra)), false, time.Time{}, func(*Event) {})
		if p.doubt.bytes != len(packet)+extra {
			t.Fatalf("got %d bytes to come, want %d", p.doubt.bytes, len(packet)+extra)
		}
		p.Block([]byte(packet), false, time.Time{}, func(*Event) {})
		var got Event
		p.Line([]byte(strings.TrimSpace(honestLine)), false, time.Time{}, func(e *Event) { got = *e })
		if want := map[bool]Result{true: Offence, false: Ambiguous}[extra == 0]; got.Result != want {
			t.Errorf("%d bytes left: got %v, want %v", extra, got.Result, want)
		}
	}
}
