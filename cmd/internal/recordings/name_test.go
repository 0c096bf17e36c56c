package recordings

import (
	"testing"
	"time"
)

func TestIsSound(t *testing.T) {
	for name, want := range map[string]bool{
		"a.wav": true, "a.WAV": true, "a.gsm": true, "a.mp3": true, "a.ogg": true, "a.g722": true, "a.ulaw": true, "a.g726-32": true,
		"a.b.wav": true, "passwd": false, "a.txt": false, "a.wav.gz": false, ".wav": false, "wav": false, "a.": false, "a.conf": false, "a.db": false, "a. wav": false,
	} {
		if got := isSound(name); got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
}

func TestNamedDate(t *testing.T) {
	for name, want := range map[string]string{
		"2026/01/02/out-0301234567-101-20260102-030405-1767322445.12.wav": "2026-01-02 03:04:05",
		"2026/01/02/call.wav":                    "2026-01-03 00:00:00",
		"x/2026/01/02/y/call.wav":                "2026-01-03 00:00:00",
		"internal-101-102-20260102-030405-1.wav": "2026-01-02 03:04:05",
		"call-20260102.wav":                      "",
		"2026/13/02/call.wav":                    "",
		"out-1-2-20261399-030405-1.wav":          "",
		"20260102-030405.wav":                    "",
	} {
		got := namedDate(name, time.UTC)
		if text := got.Format(time.DateTime); text != want && !(want == "" && got.IsZero()) {
			t.Errorf("%s: got %s, want %s", name, text, want)
		}
	}
}

func TestHasNumber(t *testing.T) {
	for _, c := range []struct {
		name, number string
		want         bool
	}{
		{"out-0301234567-101-20260102-030405-1767322445.12.wav", "0301234567", true},
		{"out-0301234567-101-20260102-030405-1767322445.12.wav", "+49 30 1234567", true},
		{"out-0301234567-101-20260102-030405-1767322445.12.wav", "+49 (30) 123-4567", true},
		{"out-00493012345670-101-20260102-030405-1.2.wav", "03012345670", true},
		{"out-0301234567-101-20260102-030405-1767322445.12.wav", "101", true},
		{"out-0301234567-101-20260102-030405-1767322445.12.wav", "20260102", false},
		{"out-0301234567-101-20260102-030405-1767322445.12.wav", "1767322445", false},
		{"out-0301234567-101-20260102-030405-1767322445.12.wav", "567", false},
		{"out-0301234567-101-20260102-030405-1767322445.12.wav", "", false},
		{"out-0301234567-101-20260102-030405-1767322445.12.wav", "000", false},
	} {
		r := Recording{Kind: Calls, File: c.name}
		if got := r.HasNumber(c.number); got != c.want {
			t.Errorf("%s in %s: got %v", c.number, c.name, got)
		}
	}
}

func TestID(t *testing.T) {
	a, b := idOf("2026/01/02/a.wav"), idOf("2026/01/02/b.wav")
	if a == b || len(a) != idLetters || !IsID(a) || !IsID(a[:LeastID]) {
		t.Errorf("got %s and %s", a, b)
	}
	if got := idOf("2026/01/02/a.wav"); got != a {
		t.Errorf("got %s and %s of one name", got, a)
	}
	for _, text := range []string{"", "abc", "../x", "abcdo", "ABCD", "a b c", a + "0"} {
		if IsID(text) {
			t.Errorf("%q is taken for an ID", text)
		}
	}
}

func TestParseMessage(t *testing.T) {
	text := ";\n; Message Information file\n;\n[message]\norigmailbox=101\ncallerid=\"Evil\x1b[2J\" <0301234567>\norigdate=Fri Jan  2\norigtime=1767322445\nmsg_id=1767322445-00000012\nduration=7\n"
	got := parseMessage(text)
	if got.id != "1767322445-00000012" || got.origtime.Unix() != 1767322445 || got.caller != "\"Evil\x1b[2J\" <0301234567>" {
		t.Errorf("got %+v", got)
	}
	if got := parseMessage("origtime=1767322445\ncallerid=x"); got.id != "1767322445 x" {
		t.Errorf("got %+v", got)
	}
	for _, bad := range []string{"", "origtime=", "origtime=-1", "origtime=99999999999999999999", "origtime=1e9", "=\n==\n"} {
		if got := parseMessage(bad); !got.origtime.IsZero() || got.id != "" {
			t.Errorf("%q: got %+v", bad, got)
		}
	}
}

// FuzzMessage: any text of a message is understood or not, and its time is one of this
// millennium or the past.
func FuzzMessage(f *testing.F) {
	f.Add("[message]\norigtime=1767322445\nmsg_id=1-2\ncallerid=x\n")
	f.Fuzz(func(t *testing.T, text string) {
		if m := parseMessage(text); m.origtime.Unix() >= 1<<40 || m.id == "" && !m.origtime.IsZero() {
			t.Errorf("got %+v of %q", m, text)
		}
	})
}

// FuzzName: any name has an ID that can be typed, and no date without its digits.
func FuzzName(f *testing.F) {
	f.Add("2026/01/02/out-0301234567-101-20260102-030405-1767322445.12.wav", "+49301234567")
	f.Fuzz(func(t *testing.T, name, number string) {
		if id := idOf(name); !IsID(id) {
			t.Errorf("got %q of %q", id, name)
		}
		if at := namedDate(name, time.UTC); !at.IsZero() && !digits.MatchString(name) {
			t.Errorf("got %v of %q", at, name)
		}
		hasNumber(name, number)
		isSound(name)
	})
}
