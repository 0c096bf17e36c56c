package jails

import (
	"errors"
	"strings"
	"testing"

	"pbxjail/configs"
	"pbxjail/configs/show"
	"pbxjail/parsers"
)

func TestCompileRefuses(t *testing.T) {
	for _, c := range []struct{ name, match, want string }{
		{"unknown kind", `{event: bad-pasword}`, `:2: event: there is no kind "bad-pasword"`},
		{"no offence", `{event: success}`, `:2: event: there is no kind "success"`},
		{"unknown service", `{event: acl, service: gopher}`, `:2: service: there is no service "gopher"`},
		{"both", `{event: x, service: y}`, `:2: event: there is no kind "x"` + "\n" + `x.yaml:2: service: there is no service "y"`},
		{"not anchored", `{regex: 'NOTICE <ADDR>$'}`, `:2: regex: does not begin with "^"`},
		{"no address", `{regex: '^NOTICE'}`, ":2: regex: has no <ADDR>"},
		{"two addresses", `{regex: '^<ADDR> <HOST>'}`, ":2: regex: has more than one <ADDR>"},
		{"does not compile", `{regex: '^(<ADDR>'}`, ":2: regex: is not a valid regular expression (RE2): "},
		{"twice", `{regex: '^<ADDR>$'}, {regex: '^<ADDR>$'}`, ":2: regex: another entry above has the same regex"},
		{"event twice", `{event: acl}, {event: acl, points: 2}`, ":2: event: another entry above has the same event"},
		{"points too small", `{event: acl, points: 0.004}`, ":2: points: it takes 1250 such lines to reach maxretry, but at most 1000 lines of an address are remembered"},
		{"control bytes", `{event: "a\e[2J\u202e"}`, `:2: event: there is no kind "a?[2J?"`},
		{"control bytes in a regex", `{regex: "^<ADDR>(\e[2J\u202e"}`, ":2: regex: is not a valid regular expression (RE2): "},
		{"a book", `{event: ` + strings.Repeat("a", 9999) + `}`, ":2: event: there is no kind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec, err := configs.ParseJail("x.yaml", []byte("logs: [/log]\nmatch: ["+c.match+"]"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = Compile(spec)
			if err == nil || !strings.HasPrefix(err.Error(), "x.yaml"+c.want) {
				t.Fatalf("got %v, want x.yaml%s", err, c.want)
			}
			problems, ok := errors.AsType[configs.Problems](err)
			if !ok {
				t.Fatalf("got %T, want configs.Problems", err)
			}
			for _, p := range problems {
				checkProblem(t, p)
			}
		})
	}
}

// checkProblem holds what every problem has that an operator is shown.
func checkProblem(t *testing.T, p configs.Problem) {
	t.Helper()
	if p.Hint() == "" || p.Line == 0 || p.File == "" {
		t.Errorf("%v: got line %d, hint %q", p, p.Line, p.Hint())
	}
	if strings.ContainsFunc(p.Error()+p.Hint(), func(r rune) bool { return r < ' ' || r > '~' }) || len(p.Error()) > 400 {
		t.Errorf("got %q, want short ASCII", p.Error())
	}
}

func TestPoints(t *testing.T) {
	j := jailOf(t, "x", `match:
  - event: bad-password
  - {event: acl, points: 2}
  - {event: acl, service: ami, points: 3.5}
  - {event: malformed, service: iax2}
  - {event: malformed, points: 0.5}
  - {event: scan, service: http}
`)
	for _, c := range []struct {
		kind    parsers.Kind
		service parsers.Service
		want    parsers.Points
	}{
		{parsers.BadPassword, parsers.PJSIP, 1234},
		{parsers.BadPassword, parsers.NoService, 1234},
		{parsers.ACL, parsers.PJSIP, 2000},
		{parsers.ACL, parsers.AMI, 3500},
		{parsers.Malformed, parsers.IAX2, 1234},
		{parsers.Malformed, parsers.SIP, 500},
		{parsers.Scan, parsers.HTTP, 1234},
		{parsers.Scan, parsers.PJSIP, 0},
		{parsers.Rate, parsers.PJSIP, 0},
		{parsers.Success, parsers.PJSIP, 0},
		{parsers.Custom, parsers.Other, 0},
		{parsers.KindNone, parsers.Other, 0},
	} {
		if got := j.points(&parsers.Event{Kind: c.kind, Service: c.service, Points: 1234}); got != c.want {
			t.Errorf("%s of %s: got %d, want %d", c.kind, c.service, got, c.want)
		}
	}
}

func TestFollows(t *testing.T) {
	j := jailOf(t, "x", "logs: [/var/log/asterisk/full, '/var/log/asterisk/sec*']")
	for _, c := range []struct {
		file           string
		here, anywhere bool
	}{
		{"/var/log/asterisk/full", true, true},
		{"/var/log/asterisk/full.1", false, true},
		{"/tmp/full", false, true},
		{"full", false, true},
		{"full.2.gz", false, true},
		{"full-20260102", false, true},
		{"full-20260102.gz", false, true},
		{"full.2026-01-02.gz", false, true},
		{"corpus.1/full", false, true},
		{"/var/log/asterisk/security", true, true},
		{"/var/log/asterisk/security.1", true, true},
		{"sec.gz", false, true},
		{"/var/log/asterisk/sub/security", false, true},
		{"fullness", false, false},
		{"full.log", false, false},
		{"messages", false, false},
		{"", false, false},
	} {
		if got := j.follows(c.file, false); got != c.here {
			t.Errorf("%q: got followed %t, want %t", c.file, got, c.here)
		}
		if got := j.follows(c.file, true); got != c.anywhere {
			t.Errorf("%q anywhere: got followed %t, want %t", c.file, got, c.anywhere)
		}
	}
}

func TestBantime(t *testing.T) {
	const forever = "forever"
	for _, c := range []struct {
		name, text string
		strike     int
		evidence   parsers.Evidence
		want       string
	}{
		{"plain", "bantime: 1h", 3, parsers.Seen, "1h"},
		{"first", "bantime: 1h\nbantime_growth: {factor: 2}", 1, parsers.Seen, "1h"},
		{"no strike", "bantime: 1h\nbantime_growth: {factor: 2}", 0, parsers.Seen, "1h"},
		{"third", "bantime: 1h\nbantime_growth: {factor: 2}", 3, parsers.Seen, "4h"},
		{"fraction", "bantime: 1h\nbantime_growth: {factor: 1.5}", 2, parsers.Seen, "1h30m"},
		{"max", "bantime: 1h\nbantime_growth: {factor: 2, max: 3h}", 3, parsers.Seen, "3h"},
		{"no max", "bantime: 1d\nbantime_growth: {factor: 10, max: forever}", 4, parsers.Seen, "1000d"},
		{"strikes without end", "bantime: 1h\nbantime_growth: {factor: 100, max: forever}", 1 << 30, parsers.Seen, "36500d"},
		{"forever", "bantime: forever\nbantime_growth: {factor: 2, max: 4w}", 2, parsers.Seen, forever},
		{"seen", "bantime: 1h\nbantime_growth: {factor: 10}\nevidence: {max_bantime: {seen: 5h, proven: 2d}}", 2, parsers.Seen, "5h"},
		{"proven", "bantime: 1h\nbantime_growth: {factor: 10}\nevidence: {max_bantime: {seen: 5h, proven: 2d}}", 2, parsers.Proven, "10h"},
		{"proven long", "bantime: 1h\nbantime_growth: {factor: 10}\nevidence: {max_bantime: {seen: 5h, proven: 2d}}", 9, parsers.Proven, "2d"},
		{"claimed", "bantime: 1h", 1, parsers.Claimed, "15m"},
		{"claimed, forever", "bantime: forever", 1, parsers.Claimed, "15m"},
		{"by hand", "bantime: 1h\nevidence: {max_bantime: {seen: 5m, claimed: 5m, proven: 5m}}", 1, parsers.NoEvidence, "1h"},
	} {
		if got := show.Duration(jailOf(t, "x", c.text).BanLength(c.strike, c.evidence)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// No strike makes a ban shorter than the one before.
func TestBantimeGrows(t *testing.T) {
	for _, text := range []string{
		"bantime: 1s\nbantime_growth: {factor: 1.01, max: forever}",
		"bantime: 1h\nbantime_growth: {factor: 100, max: 4w}",
		"bantime: 200w\nbantime_growth: {factor: 7, max: forever}",
		"bantime: 15000w\nbantime_growth: {factor: 2, max: forever}",
	} {
		j, last := jailOf(t, "x", text), int64(0)
		for strike := range 5000 {
			d := int64(j.BanLength(strike, parsers.Seen))
			if d < last || d <= 0 {
				t.Fatalf("%s, strike %d: got %d ns after %d ns", text, strike, d, last)
			}
			last = d
		}
	}
}
