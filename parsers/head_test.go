package parsers

import (
	"strings"
	"testing"
	"time"
)

func TestHeads(t *testing.T) {
	for _, c := range []struct {
		name, line                string
		level                     level
		stamp, lwp, file, fn, msg string
	}{
		{"default", "[2024-03-05 06:07:08] NOTICE[1638] chan_sip.c: a: b", levelNotice, "2024-03-05 06:07:08", "1638", "chan_sip.c", "", "a: b"},
		{"with a call id", "[Mar  5 06:07:08] WARNING[1][C-00000fa9] Ext. s: x", levelWarning, "Mar  5 06:07:08", "1", "Ext. s", "", "x"},
		{"no date", "[] ERROR[1] logger: x", levelError, "", "1", "logger", "", "x"},
		{"brackets in the date", "[[2024] 06:07] VERBOSE[1] pbx.c: x", levelVerbose, "[2024] 06:07", "1", "pbx.c", "", "x"},
		{"another level", "[2024-03-05 06:07:08] DTMF[1] channel.c: x", levelOther, "2024-03-05 06:07:08", "1", "channel.c", "", "x"},
		{"no message", "[2024-03-05 06:07:08] VERBOSE[1] chan_sip.c: ", levelVerbose, "2024-03-05 06:07:08", "1", "chan_sip.c", "", ""},
		{"a dialplan's own", "[May 01 00:11:06] SECURITY[] Unknown Call from  to 1", levelSecurity, "May 01 00:11:06", "", "", "", "Unknown Call from  to 1"},
		{"plain", "[2024-03-05 06:07:08] NOTICE[1]: res_x/y.c:12 func: x: y", levelNotice, "2024-03-05 06:07:08", "1", "res_x/y.c", "func", "x: y"},
		{"plain, no line", "[2024-03-05 06:07:08] ERROR[1]: pjproject:<?>: \tx", levelError, "2024-03-05 06:07:08", "1", "pjproject", "<?>", "\tx"},
		{"plain, with a call id", "[2024-03-05 06:07:08] WARNING[1][C-00000001]: Ext. s:4 @ ctx: x", levelWarning, "2024-03-05 06:07:08", "1", "Ext. s", "@ ctx", "x"},
		{"syslog", "Mar  5 06:07:08 pbx asterisk[812]: SECURITY[1]: f.c:1 in g: x", levelSecurity, "Mar  5 06:07:08", "1", "f.c", "g", "x"},
		{"syslog without a pid", "2024-03-05T06:07:08.123456+01:00 pbx.example asterisk: NOTICE[1]: f.c:1 in g: x", levelNotice, "2024-03-05T06:07:08.123456+01:00", "1", "f.c", "g", "x"},
		{"console in syslog", "Mar  5 06:07:08 pbx asterisk[1]: [2024-03-05 06:07:08] NOTICE[1]: f.c:1 g: x", levelNotice, "2024-03-05 06:07:08", "1", "f.c", "g", "x"},
		{"journal", "NOTICE[1]: f.c:1 in g: x", levelNotice, "", "1", "f.c", "g", "x"},
		{"console", "[Mar  5 06:07:08] \x1b[1;33mNOTICE\x1b[0m[1]: \x1b[1;37mf.c\x1b[0m:\x1b[1;37m1\x1b[0m \x1b[1;37mg\x1b[0m: x\x1b[1my", levelNotice, "Mar  5 06:07:08", "1", "f.c", "g", "x\x1b[1my"},
		{"console, black background", "[Mar  5 06:07:08] \x1b[1;33;40mNOTICE\x1b[0;37;40m[1]: \x1b[1;37;40mf.c\x1b[0;37;40m:\x1b[1;37;40m1\x1b[0;37;40m \x1b[1;37;40mg\x1b[0;37;40m: x", levelNotice, "Mar  5 06:07:08", "1", "f.c", "g", "x"},
		{"json", `{"hostname":"p","timestamp":"Mar  5 06:07:08","identifiers":{"lwp":1,"callid":""},"logmsg":{"location":{"filename":"f.c","function":"g","line":1},"level":"NOTICE","message":"x\ny\n"}}`, levelNotice, "Mar  5 06:07:08", "1", "f.c", "g", "x\ny"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := New(Clock{})
			if !headOf(p, c.line) {
				t.Fatalf("got no head: %q", c.line)
			}
			r := &p.record
			if r.level != c.level || string(r.stamp) != c.stamp || string(r.lwp) != c.lwp || string(r.file) != c.file || string(r.fn) != c.fn || string(r.msg) != c.msg {
				t.Errorf("got %d %q %q %q %q %q, want %d %q %q %q %q %q", r.level, r.stamp, r.lwp, r.file, r.fn, r.msg, c.level, c.stamp, c.lwp, c.file, c.fn, c.msg)
			}
			if whole := c.name == "json"; r.whole != whole {
				t.Errorf("got whole %v, want %v", r.whole, whole)
			}
		})
	}
}

func TestNoHeads(t *testing.T) {
	for _, line := range []string{
		"", "[", "[]", "[] NOTICE[", "[] NOTICE[1", "[] NOTICE[1]", "[] NOTICE[1] ", "[] NOTICE[1] f.c", "[] NOTICE[1] f.c:x", "[] notice[1] f.c: x", "[] NO[1] f.c: x", "[] NOTICE[1][C- f.c: x",
		"[] NOTICE[a] f.c: x", "[] NOTICE  [1] f.c: x", "[] FOO [1] f.c: x", "[2024-03-05 06:07:08] Asterisk 20.7.0 built by root @ x on a x86_64", "    -- Executing [s@default:1] Answer", "> requested format = ulaw,",
		"[" + strings.Repeat("x", 70) + "] NOTICE[1] f.c: x", "[] NOTICE[1]: f.c", "[] NOTICE[1]: :1 g: x", "NOTICE[1] f.c: x", "NOTICE[1]: f.c:1 in g", "NOTICE: f.c:1 in g: x",
		"Mar  5 06:07:08", "Mar  5 06:07:08 pbx", "Mar  5 06:07:08 pbx asterisk[1]", "Mar  5 06:07:08 pbx asterisk[]: NOTICE[1]: f.c:1 in g: x", "Mar  5 06:07:08 pbx asterisk[1]: f.c:1 in g: x", "Mar  5 06:07:08  asterisk[1]: NOTICE[1]: f.c:1 in g: x",
		"2024-03-05 06:07:08 pbx asterisk[1]: NOTICE[1]: f.c:1 in g: x", "{", "{}", `{"level":"NOTICE"`, `{"logmsg":{"level":"DEBUG"}}`,
		"\x1b", "\x1b[1;33mNOTICE", "\x1b[xmNOTICE\x1b[0m: x", "[x] \x1b]0;NOTICE\x07[1]: f.c:1 g: x",
		"[x] " + strings.Repeat("\x1b[0m", maxHead/4) + "NOTICE[1]: f.c:1 g\x1b[0m: x",
	} {
		p := New(Clock{})
		if headOf(p, line) {
			t.Errorf("%q: got a head of file %q and message %q, want none", line, p.record.file, p.record.msg)
		}
	}
}

// TestSecondHead: the head of a record in the sender's text hides no address: the
// address behind it is the true one, as long as the line is one record. A security
// event then is a witness, no more: two of them glued together look the same.
func TestSecondHead(t *testing.T) {
	for _, text := range []string{"[2024-03-05 06:07:08] NOTICE[1] x", "] SECURITY[", "x] WARNING[]: "} {
		for line, want := range map[string]Result{
			"[2024-03-05 06:07:08] NOTICE[1] chan_sip.c: Registration from '" + text + "' failed for '203.0.113.5:5060' - Wrong password":                                                                Offence,
			"[2024-03-05 06:07:08] NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '\"" + text + "\" <sip:a@b>' failed for '203.0.113.5:5060' (callid: 1) - No matching endpoint found": Offence,
			"[2024-03-05 06:07:08] NOTICE[1] chan_iax2.c: No registration for peer '" + text + "' (from 203.0.113.5)":                                                                                    Offence,
			strings.Replace(securityLine("InvalidAccountID", "PJSIP", "UDP", ""), "a1b2c3d4", text, 1):                                                                                                   Ambiguous,
		} {
			got := readAll(line)
			if len(got) != 1 || got[0].Result != want || got[0].Addr.String() != "203.0.113.5" {
				t.Errorf("got %+v, want one event of 203.0.113.5: %s\n%s", got, want, line)
			}
		}
	}
}

// TestSkippable: what is passed over without being taken apart is what holds
// nothing for us.
func TestSkippable(t *testing.T) {
	head := "[2024-03-05 06:07:08] "
	for line, want := range map[string]bool{
		head + "VERBOSE[1] pbx.c: Executing [1@in:1]":  true,
		head + "VERBOSE[1][C-00000001] app_dial.c: x":  true,
		head + "DEBUG[1] chan_sip.c: x":                true,
		"":                                             true,
		head + "VERBOSE[1] manager.c: x":               false,
		head + "VERBOSE[1][C-00000001] chan_iax2.c: x": false,
		head + "VERBOSE[1] chan_sip.c: ":               false,
		head + "VERBOSE[1] res_pjsip_logger.c: <--- Received SIP request (1 bytes)": false,
		head + "VERBOSE[1]: pbx.c:4500 f: x":                                        false,
		head + "NOTICE[1] x.c: x":                                                   false,
		head + "VERBOSE[1]":                                                         false,
		"x":                                                                         false,
	} {
		if got := skippable([]byte(line)); got != want {
			t.Errorf("%q: got %v, want %v", line, got, want)
		}
	}
}

// TestEventFields: what else an event tells.
func TestEventFields(t *testing.T) {
	line := "[2024-03-05 06:07:08] NOTICE[1] res_pjsip/pjsip_distributor.c: Request 'OPTIONS' from '\"x\" <sip:100@b>' failed for '203.0.113.5:5071' (callid: a@b) - No matching endpoint found after 7 tries in 9.000 ms"
	e := readAll(line)[0]
	if e.Kind != Scan || e.Port != 5071 || !e.Session.Is("a@b") || !e.Account.Is(`"x" <sip:100@b>`) || !strings.HasPrefix(e.Rule, "J2 ") || !e.Line.Is(line) || !e.Time.Equal(time.Date(2024, 3, 5, 6, 7, 8, 0, time.UTC)) {
		t.Errorf("got %+v", e)
	}
	e = readAll(securityLine("ChallengeResponseFailed", "PJSIP", "UDP", `,Challenge="1709619000/01",Response="2",ExpectedResponse=""`))[0]
	if !e.Challenge.Is("1709619000/01") || !e.Account.Is("1001") || e.Port != 5071 {
		t.Errorf("got %+v", e)
	}
	for using, want := range map[string]bool{"1": true, "0": false} {
		if e := readAll(securityLine("SuccessfulAuth", "PJSIP", "UDP", `,UsingPassword="`+using+`"`))[0]; e.Password != want || e.Result != Signal || e.Kind != Success {
			t.Errorf("UsingPassword %s: got %+v", using, e)
		}
	}
	e = readAll("[2024-03-05 06:07:08] NOTICE[1] res_pjsip_session.c: in: Call (UDP:203.0.113.5:5060) to extension '00972' rejected because extension not found in context 'x'.")[0]
	if !e.Number.Is("00972") {
		t.Errorf("got number %q, want 00972", e.Number.Quoted())
	}
	e = readAll("[2024-03-05 06:07:08] SECURITY[] Unknown Call from 101 to 900 IPdetails sip:u@203.0.113.5:1 UA friendly-scanner")[0]
	if !e.Number.Is("900") || !e.Agent.Is("friendly-scanner") || !e.Account.Is("u") || e.Port != 1 {
		t.Errorf("got %+v", e)
	}
}

// headOf takes the head off a line, in an envelope or not.
func headOf(p *Parser, line string) bool {
	text := []byte(line)
	p.env = envelope{}
	if _, ok := unwrap(text, nil, &p.env); ok {
		text = p.env.text
	} else {
		p.env = envelope{}
	}
	return p.headOf(text, &p.env, &p.record)
}
