package parsers

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestTextQuoted(t *testing.T) {
	for text, want := range map[string]string{
		"":                "",
		"101":             "101",
		"a\x1b[31mred":    `a\x1b[31mred`,
		"a\nb\rc\td\x00":  `a\nb\rc\td\x00`,
		`a"b\c`:           `a\"b\\c`,
		"\xff\xfe":        `\xff\xfe`,
		"日\u202e":         `\u65e5\u202e`,
		"\u009b31m\x9b1m": `\u009b31m\x9b1m`,
	} {
		if got := TextOf([]byte(text)).Quoted(); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// TestTextNeverPrintsItself: whatever verb somebody uses, no control byte comes out.
func TestTextNeverPrintsItself(t *testing.T) {
	evil := TextOf([]byte("a\x1b]2;x\x07\nb"))
	for _, verb := range []string{"%v", "%s", "%+v", "%#v", "%q", "%x", "%d"} {
		for _, got := range []string{fmt.Sprintf(verb, evil), fmt.Sprintf(verb, struct{ T Text }{evil}), fmt.Sprintf(verb, &evil)} {
			if strings.ContainsFunc(got, func(c rune) bool { return c < ' ' || c == 0x7f }) {
				t.Errorf("%s: got %q, want no control bytes", verb, got)
			}
		}
	}
}

func TestTextCopies(t *testing.T) {
	b := []byte("one")
	alias, clone := TextOf(b), TextOf(b).Clone()
	copied := TextOf(b).CopyInto(TextOf(make([]byte, 0, 8)), 2)
	copy(b, "two")
	if !alias.Is("two") || !clone.Is("one") || !copied.Is("on") {
		t.Errorf("got %q %q %q, want two, one, on", alias.Raw(), clone.Raw(), copied.Raw())
	}
	if !clone.Equal(TextOf([]byte("one"))) || clone.Equal(alias) || clone.Len() != 3 || clone.Empty() || !(Text{}).Empty() {
		t.Error("Equal, Len or Empty is wrong")
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  int
	}{{kindWords, int(kinds)}, {serviceWords, int(services)}, {channelWords, int(channels)}, {resultWords, int(Ambiguous) + 1}, {evidenceWords, int(Proven) + 1}} {
		if len(c.words) != c.want {
			t.Errorf("%v: got %d words, want %d", c.words, len(c.words), c.want)
		}
	}
	for _, word := range OffenceKinds() {
		if k, ok := ParseKind(word); !ok || k.String() != word {
			t.Errorf("kind %s: got %v %v", word, k, ok)
		}
	}
	for _, word := range []string{"", "success", "challenge", "blind", "custom", "Bad-Password", "nothing"} {
		if k, ok := ParseKind(word); ok {
			t.Errorf("kind %q: got %v, want none", word, k)
		}
	}
	for _, e := range []Evidence{Claimed, Seen, Proven} {
		if got, ok := ParseEvidence(e.String()); !ok || got != e {
			t.Errorf("evidence %v: got %v %v", e, got, ok)
		}
	}
	for s := PJSIP; s < services; s++ {
		if got, ok := ParseService(s.String()); !ok || got != s {
			t.Errorf("service %v: got %v %v", s, got, ok)
		}
	}
	if _, ok := ParseEvidence(""); ok {
		t.Error("no evidence is a word")
	}
	if _, ok := ParseService(""); ok {
		t.Error("no service is a word")
	}
}

func TestPointsString(t *testing.T) {
	for p, want := range map[Points]string{0: "0", Point: "1", 2500: "2.5", 10 * Point: "10", 250: "0.25", 1: "0.001", -Point: "-1"} {
		if got := p.String(); got != want {
			t.Errorf("%d: got %s, want %s", int(p), got, want)
		}
	}
}

func TestBannable(t *testing.T) {
	for addr, want := range map[string]bool{
		"203.0.113.5": true, "10.1.2.3": true, "2001:db8::1": true, "fd00::1": true, "240.0.0.1": true,
		"127.0.0.1": false, "0.1.2.3": false, "0.0.0.0": false, "169.254.1.1": false, "224.0.0.1": false, "239.255.255.255": false, "255.255.255.255": false,
		"::": false, "::1": false, "fe80::1": false, "ff02::1": false, "fe80::1%eth0": false, "::ffff:203.0.113.5": false, "": false,
	} {
		if got := Bannable(addrOf(addr)); got != want {
			t.Errorf("%q: got %v, want %v", addr, got, want)
		}
	}
}

func addrOf(s string) netip.Addr {
	a, _ := netip.ParseAddr(s)
	return a
}
