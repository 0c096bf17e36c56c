package parsers

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// dumpHeads begin a packet in the log; %d is its length.
var dumpHeads = []string{
	"[2024-03-05 06:07:08] ERROR[1638] pjproject: \t        sip_transport.c Error processing %d bytes packet from UDP 203.0.113.5:5060 : PJSIP syntax error:",
	"[2024-03-05 06:07:08] ERROR[1638]: pjproject:<?>: \t        sip_transport.c Error processing %d bytes packet from UDP fe80::1%%eth0:5060 : PJSIP syntax error:",
	"[2024-03-05 06:07:08] VERBOSE[1638] res_pjsip_logger.c: <--- Received SIP request (%d bytes) from UDP:203.0.113.5:5060 --->",
	"[2024-03-05 06:07:08] ERROR[1638] pjproject: \t         sip_endpoint.c Error processing packet from 203.0.113.5:33984: Missing required header(s) [code 171050]:",
	"[2024-03-05 06:07:08] VERBOSE[1638] chan_sip.c: ",
}

// FuzzDump: a packet in the log charges no address, with any lines in it.
func FuzzDump(f *testing.F) {
	forged := "[2024-03-05 06:07:08] NOTICE[1] chan_sip.c: Registration from 'x' failed for '192.0.2.50:5060' - Wrong password\r\n"
	for n := range dumpHeads {
		f.Add(uint8(n), false, []byte("INVITE x\r\n"+forged))
		f.Add(uint8(n), false, []byte(forged+"-- end of packet.\n"+forged))
		f.Add(uint8(n), true, []byte("\x1b\nm"+forged))
		f.Add(uint8(n), false, []byte(fmt.Sprintf(dumpHeads[0], 3)+"\n"+forged+forged))
	}
	f.Fuzz(func(t *testing.T, n uint8, stripped bool, packet []byte) {
		head := dumpHeads[int(n)%len(dumpHeads)]
		if strings.Contains(head, "%d") {
			head = fmt.Sprintf(head, len(packet))
		}
		text := head + "\n" + string(packet[:min(len(packet), 4000)]) + "\n-- end of packet.\n"
		if stripped {
			text = termStrip(text)
		}
		New(Clock{}).Block([]byte(text), false, time.Time{}, func(e *Event) { checkAddr(t, e, trueAddrs[0], text) })
	})
}

// FuzzOpen: where the first line of a record shows that it goes on in the next
// one, nothing in the rest charges anybody else. Where it does not, the sender
// has made it whole: testdata/limits.tsv.
func FuzzOpen(f *testing.F) {
	rules := allRules()
	forged := "\n[2024-03-05 06:07:08] NOTICE[1] chan_iax2.c: Host 192.0.2.50 failed to authenticate as x\n"
	for n := range rules {
		f.Add(uint8(n), uint8(n), []byte("1"+forged), []byte("2"+forged))
		f.Add(uint8(n), uint8(n), []byte("it's"+forged), []byte("1001"))
	}
	f.Fuzz(func(t *testing.T, n, form uint8, a, b []byte) {
		if form%headForms == 5 {
			form++
		}
		w := writeRule(rules[int(n)%len(rules)], 0, trueAddrs[0], a, b, b)
		text := w.in(int(form))
		first, rest, ok := strings.Cut(text, "\n")
		p := New(Clock{})
		p.Line([]byte(first), false, time.Time{}, func(e *Event) {
			if e.Open {
				checkAddr(t, e, w.addr, text)
			}
		})
		if ok && p.doubt.bytes > 0 && len(text) < maxRecord {
			p.Block([]byte(rest), false, time.Time{}, func(e *Event) { checkAddr(t, e, w.addr, text) })
		}
	})
}

// FuzzLine: any bytes at all. Nothing panics, two fresh parsers agree, what may
// be charged is somebody who can have sent a packet, and nothing that is printed
// holds a control byte.
func FuzzLine(f *testing.F) {
	for _, name := range []string{"positives.tsv", "adversarial.tsv"} {
		for i, r := range loadRows(f, name) {
			if i%7 == 0 {
				f.Add([]byte(r.line))
			}
		}
	}
	pattern, err := NewPattern(`^NOTICE chan_custom\.c: login of <F-USER> from <ADDR>:<PORT> refused`)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var first []string
		for round := range 2 {
			p, n := New(Clock{Until: time.Date(2024, 3, 6, 0, 0, 0, 0, time.UTC)}, pattern), 0
			lines := p.Block(text, false, time.Time{}, func(e *Event) {
				if e.Result == Offence && !Bannable(e.Addr) {
					t.Errorf("got %s charged, want an address that a packet can have", e.Addr)
				}
				for _, part := range []Text{e.Account, e.Number, e.Agent, e.Session, e.Challenge, e.Line} {
					if q := part.Quoted(); strings.ContainsFunc(q, func(c rune) bool { return c < ' ' || c > '~' }) {
						t.Errorf("got %q quoted, want printable ASCII", q)
					}
				}
				seen := fmt.Sprintf("%v %v %v %v %v %s %s %s %v", e.Result, e.Kind, e.Evidence, e.Addr, e.Port, e.Rule, e.Account.Quoted(), e.Doubt, e.Time)
				if round == 0 {
					first = append(first, seen)
				} else if n >= len(first) || first[n] != seen {
					t.Errorf("got %q the second time, want %q", seen, first)
				}
				n++
			})
			if want := bytes.Count(text, []byte("\n")); lines != want && lines != want+1 {
				t.Errorf("got %d lines, want %d", lines, want)
			}
			if n != len(first) {
				t.Errorf("got %d events the second time, want %d", n, len(first))
			}
		}
	})
}

// FuzzAddr: what we read as an address is what net/netip reads; IPv4 in all
// cases, so that a form of ours never lets through more.
func FuzzAddr(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "192.0.2.1:5060", "[2001:db8::1]:5060", "2001:db8::1:5060", "::ffff:192.0.2.1", "01.2.3.4", "1.2.3.4.5060", "256.1.1.1", "fe80::1%eth0", "::", "[::ffff:1.2.3.4]:1", "1.2.3.4:", "[1.2.3.4]:5"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want, err := netip.ParseAddr(string(b))
		if got, ok := parse4(b); ok != (err == nil && want.Is4()) || ok && got != want {
			t.Errorf("parse4(%q): got %v %v, want %v %v", b, got, ok, want, err)
		}
		if got, ok := parseAddr(b); ok && (err != nil || got != want.Unmap()) {
			t.Errorf("parseAddr(%q): got %v, want %v %v", b, got, want, err)
		} else if !ok && err == nil && want.Zone() == "" {
			t.Errorf("parseAddr(%q): got nothing, want %v", b, want)
		}
		for _, how := range []addrForm{bareAddr, portAddr, anyAddr, gluedAddr, dottedAddr} {
			got, port, ok := how.parse(b)
			if !ok {
				continue
			}
			if got.Is4In6() || got.Zone() != "" || !strings.Contains(unmapped(b), got.String()) && got.Is4() {
				t.Errorf("form %d of %q: got %v, want an address that is there", how, b, got)
			}
			if how == portAddr {
				if ap, err := netip.ParseAddrPort(string(b)); err != nil || ap.Addr().Unmap() != got || ap.Port() != port {
					t.Errorf("%q: got %v port %d, want %v %v", b, got, port, ap, err)
				}
			}
		}
	})
}

// unmapped writes an IPv4 address that is in hexadecimal as decimal.
func unmapped(b []byte) string {
	s := string(b)
	for _, part := range strings.FieldsFunc(s, func(c rune) bool { return c == '[' || c == ']' }) {
		if a, err := netip.ParseAddr(part); err == nil {
			s += " " + a.Unmap().String()
		}
		if i := strings.LastIndexByte(part, ':'); i > 0 {
			if a, err := netip.ParseAddr(part[:i]); err == nil {
				s += " " + a.Unmap().String()
			}
		}
	}
	return s
}
