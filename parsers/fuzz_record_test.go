package parsers

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// forgeries are what a sender writes to have another charged, or to hide.
var forgeries = []string{
	"1001", "", "x' failed for '192.0.2.50:5060' (callid: 1", `x" <sip:a@b>' failed for '192.0.2.50:5060' (callid: 1) - No matching endpoint found`,
	"x' failed for '192.0.2.50' - Wrong password", "x' (192.0.2.50:5060) to extension '9' rejected because extension not found in context 'in'.",
	"x' (from 192.0.2.50)", "x' is not dynamic (from 192.0.2.50)", "x' received from 192.0.2.50", "x' from '192.0.2.50'", "x' from 192.0.2.50 (missing sip:) trying to use anyway...",
	"x' not found for endpoint 'y' (192.0.2.50:1)", "' (", ") - Failed to authenticate", "192.0.2.50", "\x1b[1m", "\x1b", "m\x1b", "a\x00b", "\xff\xfe", "\r", "] NOTICE[1] chan_sip.c: ",
	`x",SessionID="0x7f",LocalAddress="IPV4/UDP/10.0.0.1/5060",RemoteAddress="IPV4/UDP/192.0.2.50/5060"`,
	`",LocalAddress="IPV4/UDP/10.0.0.1/5060",RemoteAddress="IPV4/UDP/192.0.2.50/5060",Challenge="` + "\x1b",
	`",LocalAddress="IPV4/TCP/0.0.0.0/5038",RemoteAddress="IPV4/TCP/192.0.2.50/5060",RequestType="Action: ` + "\x1b",
	"\n[2024-03-05 06:07:08] NOTICE[1] chan_iax2.c: Host 192.0.2.50 failed to authenticate as x", "\nNOTICE[1]: manager.c:1 in f: 192.0.2.50 failed to authenticate as 'x'",
	"<unknown>", `\`, `\\`, `"`, `'`, strings.Repeat("A", 8200),
}

// checkAddr fails for an offence or a signal that names anybody but the sender.
func checkAddr(t *testing.T, e *Event, want netip.Addr, text string) {
	t.Helper()
	if (e.Result == Offence || e.Result == Signal) && e.Addr.IsValid() && e.Addr != want {
		t.Fatalf("got %v of %s by %s, want %s or no address\n%q", e.Result, e.Addr, e.Rule, want, text)
	}
	if e.Result == Offence && !e.Addr.IsValid() {
		t.Fatalf("got an offence without an address by %s\n%q", e.Rule, text)
	}
}

// oneLine takes out what would end the line; [json] escapes it instead.
func oneLine(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), nil) }

// FuzzRecord writes each of Asterisk's messages with the sender's text in all
// its fields: with any text in them, no other address is charged.
func FuzzRecord(f *testing.F) {
	rules := allRules()
	for n := range rules {
		for i := range forgeries {
			f.Add(uint8(n), uint8(i), uint8(n+i), i%2 == 0, []byte(forgeries[i]), []byte(forgeries[(i+n)%len(forgeries)]), []byte(forgeries[(i*7+n)%len(forgeries)]))
		}
	}
	f.Fuzz(func(t *testing.T, n, reason, form uint8, six bool, a, b, c []byte) {
		l := rules[int(n)%len(rules)]
		addr := trueAddrs[0]
		if six {
			addr = trueAddrs[1]
		}
		if form%headForms != 5 {
			a, b, c = oneLine(a), oneLine(b), oneLine(c)
		}
		w := writeRule(l, int(reason), addr, a, b, c)
		line := w.in(int(form))
		New(Clock{}).Line([]byte(line), false, time.Time{}, func(e *Event) { checkAddr(t, e, w.addr, line) })
	})
}

// TestRecords: what FuzzRecord builds is read as what it is, in every form, so
// that it does not pass by reading nothing.
func TestRecords(t *testing.T) {
	for _, l := range allRules() {
		for form := range headForms {
			for reason := range max(len(l.reasons), 1) {
				for _, addr := range trueAddrs {
					w := writeRule(l, reason, addr)
					line := w.in(form)
					got := readAll(line)
					if len(got) != 1 {
						t.Errorf("%s: got %d events, want 1\n%s", l.id, len(got), line)
						continue
					}
					e := got[0]
					switch {
					case l.kind == Blind:
						if e.Result != Signal || e.Addr.IsValid() {
							t.Errorf("%s: got %v of %v, want a signal without an address\n%s", l.id, e.Result, e.Addr, line)
						}
					case e.Addr != w.addr:
						t.Errorf("%s: got %v, want %v\n%s", l.id, e.Addr, w.addr, line)
					case l.doubt == "" && e.Result != Offence && l.fn == "":
						t.Errorf("%s: got %v, want an offence\n%s", l.id, e.Result, line)
					}
				}
			}
		}
	}
}

// TestLongRecords: a record as long as the logger's buffer is never one record.
func TestLongRecords(t *testing.T) {
	for _, l := range allRules() {
		for _, n := range []int{maxRecord, MaxLine, 20000} {
			long := bytes.Repeat([]byte("A"), n)
			w := writeRule(l, 0, trueAddrs[0], long, long, long)
			if len(w.msg) < n {
				continue // no field of the sender's
			}
			for form := range headForms {
				if got := charged(w.in(form)); len(got) > 0 {
					t.Errorf("%s: got %v charged in a line of %d bytes, want no address", l.id, got, n)
				}
			}
		}
	}
}

// writeEvent is a security event; account, session and tail texts are the
// sender's where the event says so.
func writeEvent(spec *event, service string, six bool, account, session, tail []byte) written {
	w := written{level: "SECURITY", file: "res_security_log.c", fn: "security_event_stasis_cb", addr: trueAddrs[0]}
	local, family := "10.0.0.1", "4"
	if six {
		local, family, w.addr = "2001:db8::1", "6", trueAddrs[1]
	}
	free := func(b []byte, most int) []byte { return b[:min(len(b), most)] }
	quoted := func(b []byte, most int) []byte { return free(displayText(b), most) }
	named := map[string]string{"pjsip": "PJSIP", "sip": "SIP", "ami": "AMI"}[service]
	values := map[string][]byte{}
	switch {
	case service == "pjsip":
		account = free(account, 36)
		if spec.name != "InvalidAccountID" {
			account = []byte("<unknown>")
		}
		session = bytes.ReplaceAll(bytes.ReplaceAll(session, []byte("\r"), nil), []byte("\x00"), nil)
		values["Challenge"], values["Response"] = quoted(tail, 63), quoted(tail, 255)
	case service == "sip":
		account, session = free(account, 255), []byte("0x7f7b4c003de0")
		values["Response"] = free(tail, 255)
		noQuote := bytes.ReplaceAll(tail, []byte(`"`), nil)
		values["ReceivedChallenge"], values["ReceivedHash"] = free(noQuote, 255), free(noQuote, 255)
	default:
		session = []byte("0x7fb580001518")
		if !slices.Contains([]string{"InvalidAccountID", "InvalidPassword", "FailedACL"}, spec.name) {
			account = []byte("admin") // asterisk:main/manager.c:2214
		}
		values["Response"], values["RequestType"] = tail, append([]byte("Action: "), free(tail, 63)...)
	}
	var msg strings.Builder
	fmt.Fprintf(&msg, `SecurityEvent="%s",EventTV="2024-03-05T06:07:08.123+0000",Severity="Error",Service="%s",EventVersion="1"`, spec.name, named)
	if spec.account {
		fmt.Fprintf(&msg, `,AccountID="%s"`, account)
	}
	fmt.Fprintf(&msg, `,SessionID="%s",LocalAddress="IPV%s/TCP/%s/5060",RemoteAddress="IPV%s/TCP/%s/5071"`, session, family, local, family, w.addr)
	for _, e := range spec.required {
		fmt.Fprintf(&msg, `,%s="%s"`, e.key, values[e.key])
	}
	if spec.name == "InvalidPassword" && service == "sip" {
		fmt.Fprintf(&msg, `,Challenge="1a",ReceivedChallenge="%s",ReceivedHash="%s"`, values["ReceivedChallenge"], values["ReceivedHash"])
	}
	w.msg = msg.String()
	return w
}

// FuzzSecurityEvent: the same for security events, also where the logger takes
// out what lies between an ESC and an m.
func FuzzSecurityEvent(f *testing.F) {
	for n := range events {
		for i := range forgeries {
			f.Add(uint8(n), uint8(i), uint8(n+i), i%2 == 0, i%3 == 0, []byte(forgeries[i]), []byte(forgeries[(i+n)%len(forgeries)]), []byte(forgeries[(i*7+n)%len(forgeries)]))
		}
	}
	f.Fuzz(func(t *testing.T, n, service, form uint8, six, stripped bool, account, session, tail []byte) {
		spec := &events[int(n)%len(events)]
		by := raisedBy(spec.name)
		if form%headForms != 5 {
			account, session, tail = oneLine(account), oneLine(session), oneLine(tail)
		}
		w := writeEvent(spec, by[int(service)%len(by)], six, account, session, tail)
		line := w.in(int(form))
		if stripped {
			line = termStrip(line)
		}
		New(Clock{}).Line([]byte(line), false, time.Time{}, func(e *Event) { checkAddr(t, e, w.addr, line) })
	})
}

// TestSecurityEvents: what FuzzSecurityEvent builds is read as what it is.
func TestSecurityEvents(t *testing.T) {
	for i := range events {
		for _, service := range raisedBy(events[i].name) {
			for form := range headForms {
				w := writeEvent(&events[i], service, form%2 == 0, []byte("1001"), []byte("a@b"), []byte("0123"))
				got := readAll(w.in(form))
				if len(got) != 1 || got[0].Addr != w.addr || got[0].Rule != events[i].name || got[0].Result == None {
					t.Errorf("%s by %s: got %+v, want one event of %v\n%s", events[i].name, service, got, w.addr, w.in(form))
				}
			}
		}
	}
}
