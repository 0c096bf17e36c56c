package show

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestText(t *testing.T) {
	const evil = "a\x1b[2J\"\\ \u202eö\x80\u0085"
	tests := []struct{ name, got, want string }{
		{"quoted", Quoted(evil, 80), `"a\x1b[2J\"\\ \u202e\u00f6\x80\u0085"`},
		{"quoted, cut", Quoted("abcdef", 3), `"abc"...`},
		{"quoted, cut inside a letter", Quoted("aö", 2), `"a\xc3"...`},
		{"escaped", Escaped(evil), `a\x1b[2J\"\\ \u202e\u00f6\x80\u0085`},
		{"word", Word("trunk-1", 120), "trunk-1"},
		{"word of two", Word("trunk 1", 120), `"trunk 1"`},
		{"word, empty", Word("", 120), `""`},
		{"word, cut", Word("abcdef", 3), "abc"},
		{"flat", Flat(evil, 200), `a?[2J"\ ????`},
		{"flat, cut", Flat("abcdef", 3), "abc"},
		{"terminal", Terminal(evil), `a\x1b[2J"\ \u202e\u00f6\ufffd\u0085`},
		{"terminal, plain", Terminal(`a \x1b b`), `a \x1b b`},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

// FuzzText: whatever the text, what is shown is printable ASCII, and bounded where a
// bound was given.
func FuzzText(f *testing.F) {
	f.Add("a\x1b[2J\"\\ \u202eö\x80\u0085\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, got := range []string{Quoted(text, 60), Escaped(text), Word(text, 60), Flat(text, 60), Terminal(text)} {
			if strings.ContainsFunc(got, func(r rune) bool { return !printable(r) }) {
				t.Errorf("got %q of %q", got, text)
			}
		}
		if n := len(Quoted(text, 60)); n > 60*10+5 {
			t.Errorf("got %d bytes", n)
		}
		if n := len(Flat(text, 60)); n > 60 {
			t.Errorf("got %d bytes", n)
		}
	})
}

func TestDuration(t *testing.T) {
	tests := []struct {
		d               time.Duration
		duration, brief string
	}{
		{0, "forever", "0s"},
		{-time.Second, "0s", "0s"},
		{time.Millisecond, "1s", "0s"},
		{47 * time.Second, "47s", "47s"},
		{90 * time.Second, "1m30s", "1m30s"},
		{47*time.Minute + 20*time.Second, "47m20s", "47m"},
		{90 * time.Minute, "1h30m", "1h30m"},
		{76 * time.Hour, "3d4h", "3d4h"},
		{30 * 24 * time.Hour, "30d", "30d"},
		{28 * 24 * time.Hour, "4w", "28d"},
	}
	for _, tt := range tests {
		if got := Duration(tt.d); got != tt.duration {
			t.Errorf("Duration(%v): got %s, want %s", tt.d, got, tt.duration)
		}
		if got := Brief(tt.d); got != tt.brief {
			t.Errorf("Brief(%v): got %s, want %s", tt.d, got, tt.brief)
		}
	}
}

func TestValues(t *testing.T) {
	now := time.Date(2026, 1, 2, 1, 4, 5, 0, time.FixedZone("east", 2*3600))
	tests := []struct{ got, want string }{
		{Ago(now.Add(-90*time.Second), now), "1m30s ago"},
		{Ago(now, now), "just now"},
		{Ago(now.Add(time.Hour), now), "just now"},
		{Stamp(now), "2026-01-01 23:04:05 UTC"},
		{StampIn(now, time.FixedZone("CET", 3600)), "2026-01-02 00:04:05 CET"},
		{Date(now), "2026-01-01"},
		{Count(0, "day"), "0 days"},
		{Count(1, "day"), "1 day"},
		{Count(2, "day"), "2 days"},
		{Address(netip.MustParsePrefix("192.0.2.7/32")), "192.0.2.7"},
		{Address(netip.MustParsePrefix("192.0.2.0/24")), "192.0.2.0/24"},
		{Address(netip.MustParsePrefix("2001:db8::7/128")), "2001:db8::7"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
}
