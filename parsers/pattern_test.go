package parsers

import (
	"net/netip"
	"regexp/syntax"
	"strings"
	"testing"
	"time"
)

func mustPattern(t testing.TB, text string) *Pattern {
	t.Helper()
	p, err := NewPattern(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

func TestNewPatternRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`login from <ADDR>`, `not begin with "^"`},
		{`(?i)^login from <ADDR>`, `not begin with "^"`},
		{`^login refused`, "no <ADDR>"},
		{`^from <ADDR> to <ADDR>`, "more than one <ADDR>"},
		{`^from <ADDR> to <HOST>`, "more than one <ADDR>"},
		{`^from (<ADDR>`, "is not a valid regular expression"},
		{`^from <ADDR>[`, "is not a valid regular expression"},
		{`^\Qfrom <ADDR>\E`, "is only text"},
		{`^from [<ADDR>]`, "is not a valid regular expression"},
		{"^" + strings.Repeat("(a)", 60) + "<ADDR>", "more than 50 groups"},
	} {
		if p, err := NewPattern(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v %v, want an error with %q", c.text, p, err, c.want)
		}
	}
}

// read gives what a pattern of a jail file makes of one line.
func readWith(t *testing.T, text, line string) []Event {
	t.Helper()
	var got []Event
	New(Clock{}, mustPattern(t, text)).Line([]byte(line), false, time.Time{}, func(e *Event) { got = append(got, *e) })
	return got
}

func TestPatternMatch(t *testing.T) {
	const login = `^NOTICE chan_custom\.c: login of <F-USER> from <ADDR>:<PORT> refused$`
	head := "[2024-03-05 06:07:08] NOTICE[1638] chan_custom.c: "
	for _, c := range []struct {
		name, pattern, line string
		want                string // address, "" for no event
		result              Result
		port                uint16
		account             string
	}{
		{"plain", login, head + "login of 101 from 203.0.113.5:5060 refused", "203.0.113.5", Offence, 5060, "101"},
		{"with a call id", login, "[2024-03-05 06:07:08] NOTICE[1638][C-0000000a] chan_custom.c: login of 101 from 203.0.113.5:5060 refused", "203.0.113.5", Offence, 5060, "101"},
		{"syslog", login, "Mar  5 06:07:08 pbx asterisk[1]: NOTICE[1638]: chan_custom.c:77 in f: login of 101 from 203.0.113.5:5060 refused", "203.0.113.5", Offence, 5060, "101"},
		{"json", login, `{"timestamp":"2024-03-05 06:07:08","identifiers":{"lwp":1},"logmsg":{"location":{"filename":"chan_custom.c","function":"f","line":1},"level":"NOTICE","message":"login of 101 from 203.0.113.5:5060 refused\n"}}`, "203.0.113.5", Offence, 5060, "101"},
		{"last octet of two digits", `^NOTICE chan_custom\.c: refused <ADDR>`, head + "refused 203.0.113.57", "203.0.113.57", Offence, 0, ""},
		{"IPv6 in brackets", login, head + "login of 101 from [2001:db8::5]:5060 refused", "2001:db8::5", Offence, 5060, "101"},
		{"IPv6 bare", `^NOTICE chan_custom\.c: refused <ADDR>$`, head + "refused 2001:db8::5", "2001:db8::5", Offence, 0, ""},
		{"IPv6 is taken whole", `^NOTICE chan_custom\.c: refused <ADDR>`, head + "refused 2001:db8::57 again", "2001:db8::57", Offence, 0, ""},
		{"mapped", `^NOTICE chan_custom\.c: refused <HOST>$`, head + "refused ::ffff:203.0.113.5", "203.0.113.5", Offence, 0, ""},
		{"HOST is ADDR", `^NOTICE chan_custom\.c: login of .* from <HOST> `, head + "login of x from 203.0.113.5 refused", "203.0.113.5", Offence, 0, ""},
		{"F- around an expression", `^NOTICE chan_custom\.c: login of <F-USER>[0-9]+</F-USER> from <ADDR>`, head + "login of 101 from 203.0.113.5", "203.0.113.5", Offence, 0, "101"},
		{"F- of another name", `^NOTICE chan_custom\.c: <F-MSG> from <ADDR>$`, head + "login from 203.0.113.5", "203.0.113.5", Offence, 0, ""},
		{"a line without a head", `^\S+ myphone: refused <ADDR>$`, "x myphone: refused 203.0.113.5", "203.0.113.5", Offence, 0, ""},
		{"one of two", `^NOTICE (?:a|chan_custom)\.c: refused <ADDR>$`, head + "refused 203.0.113.5", "203.0.113.5", Offence, 0, ""},
		{"case folded", `^(?i)notice chan_custom\.c: REFUSED <ADDR>$`, head + "refused 203.0.113.5", "203.0.113.5", Offence, 0, ""},
		{"a level has its own name", `^DEBUG chan_custom\.c: refused <ADDR>$`, "[2024-03-05 06:07:08] DEBUG[1] chan_custom.c: refused 203.0.113.5", "203.0.113.5", Offence, 0, ""},
		{"a level of a module", `^MYLEVEL chan_custom\.c: refused <ADDR>$`, "[2024-03-05 06:07:08] MYLEVEL[1] chan_custom.c: refused 203.0.113.5", "203.0.113.5", Offence, 0, ""},
		{"the old name of all other levels", `^OTHER chan_custom\.c: refused <ADDR>$`, "[2024-03-05 06:07:08] DEBUG[1] chan_custom.c: refused 203.0.113.5", "203.0.113.5", Offence, 0, ""},

		{"wrong level", login, "[2024-03-05 06:07:08] VERBOSE[1638] chan_custom.c: login of 101 from 203.0.113.5:5060 refused", "", None, 0, ""},
		{"wrong file", login, "[2024-03-05 06:07:08] NOTICE[1638] chan_sip.c: login of 101 from 203.0.113.5:5060 refused", "", None, 0, ""},
		{"the second alternative is anchored too", `^NOTICE x|refused <ADDR>`, head + "refused 203.0.113.5", "", None, 0, ""},
		{"a name", `^NOTICE chan_custom\.c: refused <ADDR>`, head + "refused pbx.example", "", None, 0, ""},
		{"leading zeros", `^NOTICE chan_custom\.c: refused <ADDR>$`, head + "refused 203.0.113.005", "", None, 0, ""},
		{"five octets", `^NOTICE chan_custom\.c: refused <ADDR>$`, head + "refused 1.203.0.113.5", "", None, 0, ""},
		{"loopback", `^NOTICE chan_custom\.c: refused <ADDR>$`, head + "refused 127.0.0.1", "", None, 0, ""},
		{"not from within a number", `^NOTICE chan_custom\.c: refused .*<ADDR>$`, head + "refused 203.0.113.5", "203.0.113.5", Offence, 0, ""},

		{"one reading of two addresses", login, head + "login of x from 192.0.2.50:1 refused from 203.0.113.5:5060 refused", "203.0.113.5", Offence, 5060, "x from 192.0.2.50:1 refused"},
		{"two addresses, no end", `^NOTICE chan_custom\.c: login of <F-USER> from <ADDR>`, head + "login of x from 192.0.2.50 from 203.0.113.5", "203.0.113.5", Ambiguous, 0, ""},
		{"the same address at both ends", `^NOTICE chan_custom\.c: login of <F-USER> from <ADDR> with <F-AGENT>$`, head + "login of x from 192.0.2.50 with y from 203.0.113.5 with z from 192.0.2.50 with q", "192.0.2.50", Ambiguous, 0, ""},
		{"lazy and greedy mixed", `^NOTICE chan_custom\.c: .*? via .* from <ADDR>`, head + "1 via x from 192.0.2.50 via y from 203.0.113.5", "203.0.113.5", Ambiguous, 0, ""},
		{"a second head", `^NOTICE chan_custom\.c: login of <F-USER> from <ADDR>`, head + "login of x[2024-03-05 06:07:08] NOTICE[1] y from 203.0.113.5", "203.0.113.5", Ambiguous, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := readWith(t, c.pattern, c.line)
			if c.want == "" {
				if len(got) > 0 {
					t.Fatalf("got %+v, want nothing", got)
				}
				return
			}
			if len(got) != 1 {
				t.Fatalf("got %d events, want 1", len(got))
			}
			e := got[0]
			if e.Result != c.result || e.Addr != netip.MustParseAddr(c.want) || e.Kind != Custom || e.Pattern == nil || e.Pattern.String() != c.pattern {
				t.Errorf("got %v %v of kind %v by %q, want %v %v of kind custom by %q", e.Result, e.Addr, e.Kind, e.Pattern, c.result, c.want, c.pattern)
			}
			if e.Result == Offence && (e.Port != c.port || !e.Account.Is(c.account)) {
				t.Errorf("got port %d account %q, want %d %q", e.Port, e.Account.Quoted(), c.port, c.account)
			}
		})
	}
}

// TestPatternNotInText: own patterns read nothing out of a dumped packet, a line
// too long, or a damaged one.
func TestPatternNotInText(t *testing.T) {
	own := mustPattern(t, `^NOTICE x\.c: refused <ADDR>`)
	line := "[2024-03-05 06:07:08] NOTICE[1] x.c: refused 203.0.113.5"
	for _, c := range []struct {
		name, text string
		want       int // offences
	}{
		{"as it is", line, 1},
		{"in a dump", "[2024-03-05 06:07:08] ERROR[1] pjproject: \t sip_transport.c Error processing 300 bytes packet from UDP 203.0.113.9:5060 : x:\n" + line, 1}, // the dump's own sender
		{"too long", line + strings.Repeat(" ", maxRecord), 0},
		{"with a NUL", line + "\x00", 0},
	} {
		n := 0
		New(Clock{}, own).Block([]byte(c.text), false, time.Time{}, func(e *Event) {
			if e.Result == Offence {
				n++
			}
		})
		if n != c.want {
			t.Errorf("%s: got %d offences, want %d", c.name, n, c.want)
		}
	}
	New(Clock{}, own).Block([]byte(line), true, time.Time{}, func(e *Event) { t.Errorf("cut: got %v, want nothing", e.Result) })
}

// TestPatternsBesideRules: both make events, and other patterns can be set.
func TestPatternsBesideRules(t *testing.T) {
	line := []byte("[2024-03-05 06:07:08] NOTICE[1] manager.c: 203.0.113.5 failed to authenticate as 'x'")
	p := New(Clock{}, mustPattern(t, `^NOTICE manager\.c: <ADDR> failed`), mustPattern(t, `^NOTICE manager\.c: <ADDR> tried`))
	count := func() (builtin, own int) {
		p.Line(line, false, time.Time{}, func(e *Event) {
			if e.Pattern == nil {
				builtin++
			} else {
				own++
			}
		})
		return
	}
	if b, o := count(); b != 1 || o != 1 {
		t.Errorf("got %d and %d events, want 1 and 1", b, o)
	}
	p.SetPatterns(nil)
	if b, o := count(); b != 1 || o != 0 {
		t.Errorf("without patterns: got %d and %d events, want 1 and 0", b, o)
	}
}

// FuzzPattern: a pattern compiles or says why not; what compiles is anchored, and
// takes its address out of the text it was given, at one place.
func FuzzPattern(f *testing.F) {
	for _, c := range []struct{ pattern, text string }{
		{`^NOTICE x\.c: login of <F-USER> from <ADDR>:<PORT> refused$`, "NOTICE x.c: login of 1 from 203.0.113.5:5060 refused"},
		{`^a|b <HOST>`, "x b 203.0.113.5"}, {`^<ADDR>`, "[2001:db8::5]:5060"}, {`^.*<ADDR>.*`, "203.0.113.5 192.0.2.50"},
		{`^(?i)x<F-A>[^']*</F-A>'<ADDR>`, "Xy'203.0.113.5"}, {`^(?-s:.)(?:x{2,3}?<ADDR>)?`, "axx203.0.113.5"}, {`^\b<ADDR>\z`, "203.0.113.5"},
	} {
		f.Add(c.pattern, []byte(c.text))
	}
	f.Fuzz(func(t *testing.T, pattern string, text []byte) {
		if len(pattern) > 200 {
			return
		}
		p, err := NewPattern(pattern)
		if err != nil {
			if err.Error() == "" || p != nil {
				t.Errorf("%q: got %v with error %q, want an error that says why", pattern, p, err)
			}
			return
		}
		if tree, err := syntax.Parse(p.greedy.String(), syntax.Perl); err != nil || !anchored(tree) {
			t.Errorf("%q: got an expression that is not anchored: %s", pattern, p.greedy)
		}
		var e Event
		if !p.match(text, &e) {
			return
		}
		found := false
		for i := range text {
			for n := i + 2; n <= min(len(text), i+60) && !found; n++ {
				a, _, ok := anyAddr.parse(text[i:n])
				found = ok && a == e.Addr
			}
		}
		if !found {
			t.Errorf("%q on %q: got %v, want an address that is there", pattern, text, e.Addr)
		}
	})
}

// anchored reports whether every way through the expression begins at the text's beginning.
func anchored(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginText, syntax.OpBeginLine:
		return true
	case syntax.OpConcat, syntax.OpCapture:
		return anchored(re.Sub[0])
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !anchored(sub) {
				return false
			}
		}
		return true
	}
	return false
}
