package parsers

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// wayOf is what a parser makes of a text, by one of the two ways it can read it.
type wayOf struct {
	events  []string
	counts  Counts
	records Records
	doubt   doubt
	near    string
	threads string
}

// readWay reads text in blocks of these many lines (0: all at once, with all that follows in
// sight). byLine reads each line by itself, without the look at the block's lines.
func readWay(text []byte, lines []int, byLine bool, make func() *Parser) (w wayOf) {
	p := make()
	p.byLine = byLine
	p.LookAhead()
	emit := func(e *Event) {
		w.events = append(w.events, fmt.Sprintf("%d %v %v %v %v %v %v %q %v %v %v %q %q %q %v %v", e.Row, e.Result, e.Kind, e.Addr, e.Port, e.Evidence, e.Points, e.Rule, e.Open, e.Suspect, e.Times,
			e.Line.Raw(), e.Account.Raw(), e.Doubt, e.Time.UnixMilli(), e.Twin))
	}
	rest := text
	for n := 0; len(rest) > 0; n++ {
		end := len(rest)
		for i, k := 0, lines[n%len(lines)]; k > 0; k-- {
			if i += bytes.IndexByte(rest[i:], '\n') + 1; i == 0 || bytes.IndexByte(rest[i:], '\n') < 0 {
				break
			}
			end = i
		}
		p.Continues(len(rest) - end)
		p.Block(rest[:end], false, time.Time{}, emit)
		rest = rest[end:]
	}
	p.Settle(time.Time{}, emit)
	w.counts, w.records, w.doubt = p.Counts(), p.Records(), p.doubt
	w.near = fmt.Sprintf("%q %v %v %d", p.near.stamp, p.near.known, p.near.kind, p.near.other)
	w.threads = fmt.Sprint(p.threads.highest, p.threads.news, p.threads.sessions, p.threads.guessed)
	return w
}

func sameWays(t *testing.T, text []byte, lines []int, make func() *Parser) {
	t.Helper()
	got, want := readWay(text, lines, false, make), readWay(text, lines, true, make)
	for i := range min(len(got.events), len(want.events)) {
		if got.events[i] != want.events[i] {
			t.Fatalf("got event\n%s\nwant, as line by line,\n%s\nof %.3000q", got.events[i], want.events[i], text)
		}
	}
	if len(got.events) != len(want.events) || got.counts != want.counts || got.records != want.records || got.doubt != want.doubt || got.near != want.near || got.threads != want.threads {
		t.Fatalf("got %d events, %+v, %+v\n%+v\n%s\n%s\nwant, as line by line, %d, %+v, %+v\n%+v\n%s\n%s\nof %.3000q", len(got.events), got.counts, got.records, got.doubt, got.near, got.threads,
			len(want.events), want.counts, want.records, want.doubt, want.near, want.threads, text)
	}
}

// oddText is a log of records, packets, cut lines and forged text, in an order of chance.
func oddText(r *rand.Rand, pieces int) []byte {
	rules := allRules()
	stamps := []string{"2024-03-05 06:07:08", "2024-03-05 06:07:09", "Mar  5 06:07:08", "x] y", ""}
	files := []string{"pbx.c", "app_dial.c", "file.c", "chan_sip.c", "res_pjsip/pjsip_options.c", "res_pjsip_registrar.c", "manager.c", "chan_iax2.c", "pjproject", "res_rtp_asterisk.c", "bridge_channel.c", "loader.c", "Ext. 100", "some:file.c", "x", ""}
	says := []string{
		`Executing [s@x:1] Set("SIP/1-2", "a=b") in new stack`, "Contact 1/sip:1@192.0.2.7:5060 is now Reachable.  RTT: 1.000 msec", "<SIP/1-2> Playing 'x.gsm' (language 'en')",
		"SIP/1-2 is ringing", "Channel SIP/1-2 joined 'simple_bridge' basic-bridge <1>", "Spawn extension (x, 1, 2) exited non-zero on 'SIP/1-2'", "Peer '1' is now Reachable. (3ms / 2000ms)",
		"Got  RTP packet from 192.0.2.7:1 (type 00)", "<--- Received SIP request (300 bytes) from UDP:203.0.113.5:5060 --->", "Error processing 60 bytes packet from UDP 203.0.113.5:5060 : PJSIP syntax error:",
		"", "x", "203.0.113.9 tried to authenticate with nonexistent user 'x'", "203.0.113.9 failed to authenticate as 'admin'", "Log queue threshold (1000) exceeded.", "Calculated serializer x to use", "\x1b[1;32mx\x1b[0m",
	}
	levels := []string{"VERBOSE", "VERBOSE", "VERBOSE", "DEBUG", "NOTICE", "WARNING", "ERROR", "SECURITY", "DTMF", "NOTICE ", "V"}
	ends := []string{"\n", "\n", "\n", "\n", "\n", "\n\n", "\r\n", " ", ""}
	one := func(of []string) string { return of[r.IntN(len(of))] }
	var b bytes.Buffer
	for range pieces {
		thread := 2000 + r.IntN(6)
		if r.IntN(8) == 0 {
			thread = r.IntN(1 << 17)
		}
		switch r.IntN(20) {
		case 0, 1, 2, 3:
			l := r.IntN(len(rules))
			w := writeRule(rules[l], l, trueAddrs[r.IntN(2)], []byte(forgeries[r.IntN(len(forgeries))]), []byte("x\ny"), []byte("z"))
			b.WriteString(w.in(r.IntN(3)))
		case 4:
			b.WriteString(one(says))
		case 5:
			b.WriteString(strings.Repeat("a", r.IntN(9000)))
		case 6:
			fmt.Fprintf(&b, "\x1b[1m[%s] \x1b[1;33mNOTICE\x1b[0m[%d] %s: %s", one(stamps), thread, one(files), one(says))
		case 7:
			fmt.Fprintf(&b, "[%s] %s[%d][C-%s] %s: %s", one(stamps), one(levels), thread, one([]string{"a b", "", "0000:00", strings.Repeat("0", 27), strings.Repeat("0", 30)}), strings.Repeat("f", r.IntN(170)), one(says))
		default:
			call := ""
			if r.IntN(2) == 0 {
				call = fmt.Sprintf("[C-%08x]", r.IntN(8))
			}
			fmt.Fprintf(&b, "[%s] %s[%d]%s %s: %s", stamps[min(r.IntN(30)/6, 4)/2], one(levels), thread, call, one(files), one(says))
		}
		b.WriteString(one(ends))
	}
	return b.Bytes()
}

// TestWays: a block whose lines are looked at together means what its lines mean one by one.
func TestWays(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	makers := []func() *Parser{
		func() *Parser { return New(Clock{}) },
		func() *Parser { p := New(Clock{}); p.SetForeign(^Services(0)); return p },
		func() *Parser {
			own, err := NewPattern("^VERBOSE pbx.c: .*from <ADDR>$")
			if err != nil {
				t.Fatal(err)
			}
			return New(Clock{}, own)
		},
		func() *Parser { // a caller can guess the numbers of threads
			p := New(Clock{})
			for i := range uint32(maxKept + 2) {
				p.threads.guessed[ofFile].isWrong(9000 + i)
				p.threads.guessed[ofCall].isWrong(9000 + i)
			}
			return p
		},
	}
	for range 400 {
		text := oddText(r, 1+r.IntN(120))
		lines := []int{0}
		if r.IntN(2) == 0 {
			lines = []int{1 + r.IntN(5), r.IntN(3), 1 + r.IntN(60)}
		}
		sameWays(t, text, lines, makers[r.IntN(len(makers))])
	}
	sameWays(t, genFull(3000), []int{0}, makers[0])
	sameWays(t, genFull(3000), []int{700, 1, 2}, makers[0])
	sameWays(t, genSecurity(2000), []int{300}, makers[0])
}

// FuzzWays is the same for any text.
func FuzzWays(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		f.Add(oddText(r, 12), uint8(r.IntN(8)))
	}
	f.Fuzz(func(t *testing.T, text []byte, lines uint8) {
		sameWays(t, text, []int{int(lines % 8)}, func() *Parser { return New(Clock{}) })
	})
}

// FuzzHeads: a head that is read from the bytes of a block is the head that is read from its
// line, and nothing of the line's is missing.
func FuzzHeads(f *testing.F) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 20 {
		f.Add(oddText(r, 6))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var heads Heads
		heads.begin(text)
		at := 0
		for i := 0; ; i++ {
			h := heads.get(i)
			if h == nil {
				break
			}
			line, _, _ := bytes.Cut(text[at:], newline)
			if int(h.at) != at || int(h.end) != at+len(line) {
				t.Fatalf("line %d: got %d to %d, want %d to %d", i, h.at, h.end, at, at+len(line))
			}
			at += len(line) + 1
			marked := bytes.Contains(line, noSuchUser) || bytes.Contains(line, queueIsFull)
			if h.is(empty) != (len(line) == 0) || h.is(userMark) != marked {
				t.Fatalf("%q: got empty %v and marked %v", line, h.is(empty), h.is(userMark))
			}
			if !h.is(headed) {
				continue
			}
			checkHead(t, h, line)
		}
		if at < len(text) {
			t.Fatalf("got %d bytes, want %d", at, len(text))
		}
	})
}

func checkHead(t *testing.T, h *lineHead, line []byte) {
	t.Helper()
	var got, want record
	p := New(Clock{})
	if !p.headOf(trimLine(line), &envelope{}, &want) {
		t.Fatalf("%q: got a head, want none", line)
	}
	h.record(line, &got)
	threadKey(&want)
	if a, b := fmt.Sprintf("%q", fmt.Sprintf("%+v", got)), fmt.Sprintf("%q", fmt.Sprintf("%+v", want)); a != b {
		t.Fatalf("%q: got %s, want %s", line, a, b)
	}
	if h.is(steady) != isSteady(&want) || h.is(isReadBy) != isRead(&want) || h.is(ofOwn) != ownThreads(want.file) {
		t.Fatalf("%q: got steady %v, read %v, own %v", line, h.is(steady), h.is(isReadBy), h.is(ofOwn))
	}
	if h.is(passable) {
		if !skippable(line) {
			t.Fatalf("%q is passed over", line)
		}
		p.tail = tailUnknown
		n, _, _ := p.reach(&want, line, false)
		end := int(h.reach)
		if h.closing != "" {
			end = p.upTo(end, len(line), []byte(h.closing))
		}
		if n != end {
			t.Fatalf("%q: got a reach of %d, want %d", line, end, n)
		}
	}
}
