package version

import "testing"

func TestBefore(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"16.0.88", "16.0.89", true}, {"16.0.89", "16.0.89", false}, {"16.0.9", "16.0.89", true}, {"16.0.100", "16.0.89", false},
		{"17.0.2.36", "17.0.3", true}, {"17.0.3", "17.0.2.36", false}, {"17.0", "17.0.0", false}, {"17", "17.0.1", true}, {"2.9.0.9", "2.11.1.5", true},
	} {
		a, okA := Parse(c.a)
		b, okB := Parse(c.b)
		if got := a.Before(b); got != c.want || !okA || !okB {
			t.Errorf("got %v for %s before %s, want %v", got, c.a, c.b, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, bad := range []string{"", ".", "1.", ".1", "1..2", "1.x", "-1", "+1", "1.+2", "16.0.89-rc1", "99999999999", "1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1"} {
		if v, ok := Parse(bad); ok {
			t.Errorf("got %v of %q, want no version", v, bad)
		}
	}
	for text, want := range map[string]string{"16.28.0~dfsg-0+deb11u4": "16.28.0", "20.9.1": "20.9.1", "22.": "22", "GIT-master": ""} {
		if v, _, _ := Lead(text); v.String() != want {
			t.Errorf("got %v of %q, want %s", v, text, want)
		}
	}
}

func FuzzLead(f *testing.F) {
	f.Add("16.28.0~dfsg-0+deb11u4")
	f.Add("1.2.")
	f.Fuzz(func(t *testing.T, text string) {
		v, rest, ok := Lead(text)
		if ok && (len(v) == 0 || v.Before(v)) || len(rest) > len(text) {
			t.Errorf("got %v and %q of %q", v, rest, text)
		}
		if again, same := Parse(v.String()); ok && (!same || again.Before(v) || v.Before(again)) {
			t.Errorf("got %v of %v", again, v)
		}
	})
}
