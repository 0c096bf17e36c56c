package ports

import (
	"regexp"
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"": "all", "all": "all", "sip": "sip", "sip,ami": "ami,sip", "sip,sip": "sip",
		"5061+5060": "5060+5061", "10000-20000/udp": "10000-20000/udp", "sip,22/tcp": "22/tcp,sip", "5060+5060": "5060",
		"ssh": "!", "sip,": "!", "0": "!", "65536": "!", "5-4": "!", "5060/sctp": "!", "05060": "!", "all,sip": "!", "5060 ": "!",
		"1+2+3+4+5+6+7+8+9+10+11+12+13+14+15+16": "!",
	} {
		got := "!"
		if s, err := Parse(text); err == nil {
			got = s.String()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestRead(t *testing.T) {
	for text, want := range map[string]string{
		"": "all", "all": "all", "sip": "sip", "5061, 5060,sip": "5060+5061,sip", "22/tcp": "22/tcp", "x": "!", "all,sip": "!", ",": "!",
	} {
		got := "!"
		if s, err := Read(text); err == nil {
			got = s.String()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestAndCovers(t *testing.T) {
	for _, test := range []struct {
		a, b, and Set
		covers    bool
	}{
		{All, All, All, true}, {All, "sip", All, true}, {"sip", All, All, false}, {"sip", "sip", "sip", true},
		{"sip", "iax", "iax,sip", false}, {"ami,sip", "sip", "ami,sip", true}, {"ami,sip", "iax,sip", "ami,iax,sip", false},
	} {
		if got := test.a.And(test.b); got != test.and {
			t.Errorf("%s and %s: got %s, want %s", test.a, test.b, got, test.and)
		}
		if got := test.a.Covers(test.b); got != test.covers {
			t.Errorf("%s covers %s: got %t, want %t", test.a, test.b, got, test.covers)
		}
	}
}

// FuzzParse: what is read is printed in one spelling, which is read as the same, and whose
// groups can name sets.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "all", "sip,iax", "5060+5061+10000-20000/udp", "1/tcp,sip"} {
		f.Add(text)
	}
	name := regexp.MustCompile(`^[a-z0-9]{1,7}$`)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(s.String())
		if err != nil || again != s {
			t.Fatalf("%q: got %q, and that as %q, error %v", text, s, again, err)
		}
		groups := s.Groups()
		if s != All && len(groups) != s.Places() {
			t.Errorf("%q: got groups %v, want %d", s, groups, s.Places())
		}
		for _, g := range groups {
			if _, list := s.Lists()[g]; !name.MatchString(g) || list == slices.Contains(Services(), g) {
				t.Errorf("%q: got group %q, a list: %t", s, g, list)
			}
		}
	})
}
