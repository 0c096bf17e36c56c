package parsers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestUnwrap(t *testing.T) {
	for _, c := range []struct {
		name, line          string
		kind                envelopeKind
		tag                 tagKind
		stamp, writer, text string
	}{
		{"syslog", "Mar  5 06:07:08 pbx asterisk[812]: NOTICE[1]: x", syslogMessage, asteriskTag, "Mar  5 06:07:08", "pbx asterisk[812]:", "NOTICE[1]: x"},
		{"a day of one digit", "Mar 5 06:07:08 pbx asterisk[812]: NOTICE[1]: x", syslogMessage, asteriskTag, "Mar 5 06:07:08", "pbx asterisk[812]:", "NOTICE[1]: x"},
		{"journalctl -o short-precise", "Mar 05 06:07:08.123456 pbx asterisk[812]: NOTICE[1]: x", syslogMessage, asteriskTag, "Mar 05 06:07:08.123456", "pbx asterisk[812]:", "NOTICE[1]: x"},
		{"a priority", "<30>Mar  5 06:07:08 pbx asterisk[812]: NOTICE[1]: x", syslogMessage, asteriskTag, "Mar  5 06:07:08", "pbx asterisk[812]:", "NOTICE[1]: x"},
		{"no host", "<30>Mar  5 06:07:08 asterisk[812]: NOTICE[1]: x", syslogMessage, asteriskTag, "Mar  5 06:07:08", "asterisk[812]:", "NOTICE[1]: x"},
		{"RFC 5424", "<133>1 2026-03-02T10:00:00.123456+00:00 pbx asterisk 812 - - NOTICE[70]: x", syslogMessage, asteriskTag, "2026-03-02T10:00:00.123456+00:00", "pbx asterisk 812 - ", "NOTICE[70]: x"},
		{"RFC 5424 without its priority", "2026-03-02T10:00:00Z pbx asterisk 812 - - NOTICE[70]: x", syslogMessage, asteriskTag, "2026-03-02T10:00:00Z", "pbx asterisk 812 - ", "NOTICE[70]: x"},
		{"RFC 5424 with data", `<133>1 2026-03-02T10:00:00Z pbx asterisk - id [a@1 b="] NOTICE[1]: \"x\" "][c] ` + "\xef\xbb\xbfNOTICE[70]: x", syslogMessage, asteriskTag, "2026-03-02T10:00:00Z", "pbx asterisk - id ", "NOTICE[70]: x"},
		{"busybox", "Mar  5 06:07:08 pbx local0.notice asterisk[812]: NOTICE[1]: x", syslogMessage, asteriskTag, "Mar  5 06:07:08", "pbx local0.notice asterisk[812]:", "NOTICE[1]: x"},
		{"OpenWrt", "Thu Mar  5 06:07:08 2026 daemon.notice asterisk[812]: NOTICE[1]: x", syslogMessage, asteriskTag, "Thu Mar  5 06:07:08 2026", "daemon.notice asterisk[812]:", "NOTICE[1]: x"},
		{"a container", "Mar  2 10:00:00 srv oml-asterisk-server[1234]: [x] NOTICE[70]: x", syslogConsole, someTag, "Mar  2 10:00:00", "srv oml-asterisk-server[1234]:", "[x] NOTICE[70]: x"},
		{"docker", "Mar  2 10:00:00 srv docker/pbx[881]: [x] NOTICE[70]: x", syslogConsole, someTag, "Mar  2 10:00:00", "srv docker/pbx[881]:", "[x] NOTICE[70]: x"},
		{"a program", "Mar  2 10:00:00 srv sshd[881]: Failed password for root", syslogConsole, otherTag, "Mar  2 10:00:00", "srv sshd[881]:", "Failed password for root"},
		{"a program's part", "Mar  2 10:00:00 srv postfix/smtpd[881]: x", syslogConsole, otherTag, "Mar  2 10:00:00", "srv postfix/smtpd[881]:", "x"},
		{"no pid", "Mar  2 10:00:00 srv pbx: x", syslogConsole, otherTag, "Mar  2 10:00:00", "srv pbx:", "x"},
		{"cri", "2026-03-02T10:00:00.123456789Z stdout F [x] NOTICE[70]: x", criLine, asteriskTag, "2026-03-02T10:00:00.123456789Z", "stdout", "[x] NOTICE[70]: x"},
		{"cri, empty", "2026-03-02T10:00:00.123456789+02:00 stderr F ", criLine, asteriskTag, "2026-03-02T10:00:00.123456789+02:00", "stderr", ""},
		{"docker -t", "2026-03-02T10:00:00.123456789Z [x] NOTICE[70]: x", stampedLine, asteriskTag, "2026-03-02T10:00:00.123456789Z", "", "[x] NOTICE[70]: x"},
		{"json-file", `{"log":"[x] NOTICE[70]: \u003cx\u003e \"\\\n","stream":"stdout","time":"2026-03-02T10:00:00.1Z"}`, dockerLine, asteriskTag, "2026-03-02T10:00:00.1Z", "out", `[x] NOTICE[70]: <x> "\`},
		{"json-file with attributes", `{"log":"x\n","stream":"stderr","attrs":{"tag":"\"time\":\"1\"}"},"time":"2026-03-02T10:00:00Z"}`, dockerLine, asteriskTag, "2026-03-02T10:00:00Z", "err", "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var env envelope
			if _, ok := unwrap([]byte(c.line), nil, &env); !ok {
				t.Fatal("got no envelope")
			}
			if env.kind != c.kind || env.tag != c.tag || string(env.stamp) != c.stamp || string(env.writer) != c.writer || string(env.text) != c.text || env.part {
				t.Errorf("got %d %d %q %q %q %v", env.kind, env.tag, env.stamp, env.writer, env.text, env.part)
			}
		})
	}
}

func TestNoEnvelope(t *testing.T) {
	for _, line := range []string{
		"", "x", "Mar  5 06:07:08", "Mar  5 06:07:08 ", "Mar  5 06:07:08 pbx", "Mar  5 06:07:08 pbx asterisk", "Mar  5 06:07:08 p[x asterisk[1]: x", "Mar  5 06:07:08 pbx foo asterisk[1]: x",
		"Mar  5 06:07:08 a local0.notice b c: x", "Mar  5 06:07:08 pbx asterisk[1: x", "Mar  5 06:07:08 pbx asterisk[]: x", "Mar  5 06:07:08 pbx asterisk[x]: x", "Mar  5 06-07:08 pbx asterisk[1]: x", "Mar 555 06:07:08 pbx asterisk[1]: x",
		"<192>Mar  5 06:07:08 pbx asterisk[1]: x", "<>Mar  5 06:07:08 pbx asterisk[1]: x", "<1x>Mar  5 06:07:08 pbx asterisk[1]: x", "<30>", "<30>2 2026-03-02T10:00:00Z p a 1 - - x",
		"<133>1 2026-03-02T10:00:00Z pbx asterisk 812 - x", `<133>1 2026-03-02T10:00:00Z pbx asterisk 812 - [a b="c] x`, "2026-03-02 10:00:00 stdout F x", "2026-03-02T10:00:00Z stdout X x", "2026-03-02T10:00:00Z stdin F x", "2026-03-02T10:00:00Z x",
		`{"log":"x`, `{"log":"x\`, `{"log":"x\n"}`, `{"log":"x\n","stream":"other","time":"1"}`, `{"log":"x\n","stream":"stdout"}`, `{ "log":"x\n","stream":"stdout","time":"1"}`,
	} {
		var env envelope
		if _, ok := unwrap([]byte(line), nil, &env); ok {
			t.Errorf("%q: got an envelope of %q with text %q", line, env.writer, env.text)
		}
	}
}

const consoleHead = "[Mar  2 10:00:00] NOTICE[70]: manager.c:1 authenticate: "

// TestParts: a line that a container wrote in parts is one line, across blocks too.
func TestParts(t *testing.T) {
	cri := func(stream, tag, text string) string {
		return "2026-03-02T10:00:00.123456789Z " + stream + " " + tag + " " + text + "\n"
	}
	docker := func(stream, text string) string { return string(dockerLog(text, stream)) + "\n" }
	rest := "203.0.113.5 failed to authenticate as 'x'"
	forged := consoleHead + "192.0.2.50 failed to authenticate as 'x'"
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"two parts", []string{cri("stdout", "P", consoleHead), cri("stdout", "F", rest)}, []string{"203.0.113.5"}},
		{"three parts", []string{cri("stdout", "P", consoleHead[:9]), cri("stdout", "P", consoleHead[9:]), cri("stdout", "F", rest)}, []string{"203.0.113.5"}},
		{"a tag behind F", []string{cri("stdout", "F:x", consoleHead+rest)}, []string{"203.0.113.5"}},
		{"another stream between", []string{cri("stdout", "P", consoleHead), cri("stderr", "F", "warning"), cri("stdout", "F", rest)}, []string{"203.0.113.5"}},
		{"the last part holds a head", []string{cri("stdout", "P", consoleHead+"203.0.113.5 failed to authenticate as 'x"), cri("stdout", "F", forged)}, []string{"203.0.113.5"}},
		{"no end", []string{cri("stdout", "P", consoleHead+rest)}, nil},
		{"too long", append(slices.Repeat([]string{cri("stdout", "P", strings.Repeat("x", 4000))}, 4), cri("stdout", "F", forged)), nil},
		{"after one that was too long", append(slices.Repeat([]string{cri("stdout", "P", strings.Repeat("x", 4000))}, 4), cri("stdout", "F", ""), cri("stdout", "F", consoleHead+rest)), []string{"203.0.113.5"}},
		{"docker", []string{docker("stdout", consoleHead), docker("stdout", rest+"\n")}, []string{"203.0.113.5"}},
		{"docker, another stream", []string{docker("stdout", consoleHead), docker("stderr", forged+"\n")}, []string{"192.0.2.50"}},
		{"docker, an escaped newline inside", []string{docker("stdout", consoleHead+"203.0.113.5 failed to authenticate as 'x\\n"+forged+"'\n")}, []string{"203.0.113.5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := charged(strings.Join(c.lines, "")); !slices.Equal(got, c.want) {
				t.Errorf("in one block: got %v charged, want %v", got, c.want)
			}
			var got []string
			p := New(Clock{})
			for _, l := range c.lines {
				p.Block([]byte(l), false, time.Time{}, func(e *Event) {
					if e.Result == Offence {
						got = append(got, e.Addr.String())
					}
				})
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("in blocks of a line: got %v charged, want %v", got, c.want)
			}
		})
	}
}

// TestRepeated: a line that says that the line before was repeated counts as so many records.
func TestRepeated(t *testing.T) {
	const head = "Mar  2 10:00:00 pbx asterisk[812]: "
	text := "NOTICE[70]: manager.c:1 in f: 203.0.113.5 failed to authenticate as 'x'"
	other := "NOTICE[70]: manager.c:1 in f: 203.0.113.6 failed to authenticate as 'x'"
	again := func(n int, text string) string {
		return fmt.Sprintf("%smessage repeated %d times: [ %s]\n", head, n, text)
	}
	for _, c := range []struct {
		name, log string
		want      []int // Times of each offence
	}{
		{"once", head + text + "\n", []int{0}},
		{"57 times", head + text + "\n" + again(57, text), []int{0, 57}},
		{"and again", head + text + "\n" + again(57, text) + again(3, text), []int{0, 57, 3}},
		{"the log begins with it", again(57, text), []int{57}},
		{"without end", head + text + "\n" + again(99999999, text), []int{0, mostRepeated}},
		{"another record before it", head + other + "\n" + again(57, text), []int{0}},
		{"another program before it", "Mar  2 10:00:00 pbx sshd[1]: x\n" + again(57, text), nil},
		{"no times", head + text + "\n" + again(0, text), []int{0}},
		{"as others say it", head + text + "\nMar  2 10:00:00 pbx last message repeated 57 times\n", []int{0, 57}},
		{"as others say it, of nothing", "Mar  2 10:00:00 pbx last message repeated 57 times\n", nil},
		{"as others say it, of another program", "Mar  2 10:00:00 pbx sshd[1]: x\nMar  2 10:00:00 pbx last message repeated 57 times\n", nil},
		{"in a name", head + "NOTICE[70]: manager.c:1 in f: 203.0.113.5 failed to authenticate as 'message repeated 57 times: [ x]'\n", []int{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var whole, lines []int
			keep := func(list *[]int) func(*Event) {
				return func(e *Event) {
					if e.Result == Offence {
						*list = append(*list, int(e.Times))
					}
				}
			}
			New(Clock{}).Block([]byte(c.log), false, time.Time{}, keep(&whole))
			p := New(Clock{})
			for line := range strings.Lines(c.log) {
				p.Block([]byte(line), false, time.Time{}, keep(&lines))
			}
			if !slices.Equal(whole, c.want) || !slices.Equal(lines, c.want) {
				t.Errorf("got %v in one block and %v line by line, want %v", whole, lines, c.want)
			}
		})
	}
}

// TestEnvelopeOfAnother: a line in the envelope of a log that has none was written
// by a caller, and a plain line in a log of envelopes too.
func TestEnvelopeOfAnother(t *testing.T) {
	plain := "[Mar  2 10:00:00] NOTICE[70]: chan_sip.c:1 handle_request_register: Registration from 'x' failed for '%s:5060' - Wrong password"
	message := "NOTICE[70]: chan_sip.c:1 in handle_request_register: Registration from 'x' failed for '%s:5060' - Wrong password"
	forms := []string{
		plain, "Mar  2 10:00:00 pbx asterisk[1]: " + message, "Mar  2 10:00:00 pbx pbx[1]: " + plain, "2026-03-02T10:00:00.123456789Z stdout F " + plain,
		"2026-03-02T10:00:00.123456789Z " + plain, `{"log":"` + plain + `\n","stream":"stdout","time":"2026-03-02T10:00:00Z"}`,
	}
	for i, log := range forms {
		for k, forged := range forms {
			text := fmt.Sprintf(log, "203.0.113.5") + "\n" + fmt.Sprintf(forged, "203.0.113.6") + "\n"
			want := []string{"203.0.113.5"}
			if i == k {
				want = append(want, "203.0.113.6")
			}
			if got := charged(text); !slices.Equal(got, want) {
				t.Errorf("got %v charged, want %v\n%s", got, want, text)
			}
		}
	}
}

// TestEnvelopedDump: what counts of a dumped packet is what its writer wrote.
func TestEnvelopedDump(t *testing.T) {
	const tag = "Mar  2 10:00:00 pbx asterisk[812]: "
	packet := "OPTIONS sip:h SIP/2.0\n" + strings.Repeat("a\n", 60) + consoleHead + "192.0.2.50 failed to authenticate as 'x'\n"
	dump := fmt.Sprintf("[Mar  2 10:00:00] ERROR[70]: pjproject:0 <?>: \t sip_transport.c Error processing %d bytes packet from UDP 203.0.113.5:5060 : PJSIP syntax error:\n", len(packet)) + packet + "-- end of packet.\n"
	honest := consoleHead + "198.51.100.7 failed to authenticate as 'x'\n"
	for name, between := range map[string]string{"alone": "", "beside another program": "Mar  2 10:00:00 pbx sshd[1]: " + strings.Repeat("x", 3000) + "\n"} {
		var log strings.Builder
		for line := range strings.Lines(dump + honest) {
			log.WriteString(tag + line + between)
		}
		if got, want := charged(log.String()), []string{"203.0.113.5", "198.51.100.7"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %v charged, want %v", name, got, want)
		}
	}
}

// TestBanner: what Asterisk writes when it opens a log is known, and nothing of a
// caller's follows it.
func TestBanner(t *testing.T) {
	for _, c := range []struct {
		line string
		want bool
	}{
		{"[Mar  2 10:01:00] Asterisk 18.26.0 built by root @ pbx on a x86_64 running Linux on 2025-03-24 14:36:33 UTC", true},
		{"[Mar  2 10:01:00] Asterisk certified/18.9-cert3 built by mockbuild @ jenkins7 on a x86_64 running Linux on 2022-05-12 22:24:01 UTC", true},
		{"[2026-03-02 10:01:00] Asterisk 18.26.0 built by root @ pbx on a x86_64 running Linux on 2025-03-24 14:36:33 UTC", true},
		{"[Mar  2 10:01:00] Asterisk 18.26.0", false},
		{"[Mar  2 10:01:00] Asterisk is built by root @ pbx on a x86_64 running Linux", false},
		{"Asterisk 18.26.0 built by root @ pbx on a x86_64 running Linux on 2025-03-24 14:36:33 UTC", false},
		{"x [Mar  2 10:01:00] Asterisk 18.26.0 built by root @ pbx on a x86_64 running Linux on 2025-03-24 14:36:33 UTC", false},
	} {
		if got := isBanner([]byte(c.line)); got != c.want {
			t.Errorf("%q: got a banner %v, want %v", c.line, got, c.want)
		}
		if n, _ := headlessReach([]byte(c.line)); (n == 0) != c.want {
			t.Errorf("%q: got %d bytes in doubt behind it", c.line, n)
		}
	}
}

// FuzzUnwrap: whatever the line is, the text is a part of it, or what JSON says.
func FuzzUnwrap(f *testing.F) {
	w := written{level: "NOTICE", file: "manager.c", msg: "203.0.113.5 failed to authenticate as 'x'"}
	for form := range headForms {
		f.Add([]byte(w.in(form)))
	}
	f.Add([]byte("Mar  2 10:00:00 pbx last message repeated 57 times"))
	f.Add([]byte(`{"log":"\ud83d\ude00\ud800x\u0000\b\f\t\r\/","stream":"stdout","time":"1"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var env envelope
		buf, ok := unwrap(line, make([]byte, 0, 16), &env)
		if !ok {
			return
		}
		if env.kind == plainLine || env.times < 0 || env.times > mostRepeated || env.again < 0 || env.again > mostRepeated {
			t.Fatalf("got kind %d, times %d, again %d", env.kind, env.times, env.again)
		}
		if env.kind != dockerLine {
			if !bytes.Contains(line, env.text) || !bytes.Contains(line, env.stamp) || !bytes.Contains(line, env.writer) {
				t.Fatalf("%q: got %q %q %q, which are no parts of it", line, env.stamp, env.writer, env.text)
			}
			return
		}
		_ = buf
		var want struct{ Log string }
		if utf8.Valid(line) && json.Unmarshal(line, &want) == nil {
			if text := strings.TrimSuffix(want.Log, "\n"); text != string(env.text) && bytes.Count(line, []byte(`"log"`)) == 1 {
				t.Fatalf("%q: got %q, want %q", line, env.text, text)
			}
		}
	})
}

// FuzzEnveloped: a caller writes the lines of a container between two of Asterisk's.
// Only the true sender is charged for a complete record.
func FuzzEnveloped(f *testing.F) {
	for i, text := range forgeries {
		f.Add(uint8(i), []byte(text), []byte(forgeries[(i+3)%len(forgeries)]))
	}
	f.Fuzz(func(t *testing.T, form uint8, account, number []byte) {
		tag := []string{"2024-03-05T06:07:08.123456789Z stdout F ", "Mar  5 06:07:08 srv docker/pbx[881]: ", "Mar  5 06:07:08 pbx asterisk[812]: ", "2024-03-05T06:07:08Z "}[form%4]
		record := tag + "[Mar  5 06:07:08] NOTICE[1]: chan_iax2.c:1 f: Host 203.0.113.5 failed to authenticate as " + string(oneLine(account)) + "\n" +
			tag + "[Mar  5 06:07:08] NOTICE[1]: res_pjsip_session.c:1 f: anonymous: Call (UDP:203.0.113.5:5060) to extension '" + string(oneLine(number)) + "' rejected because extension not found in context 'in'.\n"
		New(Clock{}).Block([]byte(record), false, time.Time{}, func(e *Event) { checkAddr(t, e, trueAddrs[0], record) })
	})
}
