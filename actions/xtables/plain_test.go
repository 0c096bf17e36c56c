package xtables

import (
	"net/netip"
	"strings"
	"testing"

	"pbxjail/actions/kernel"
)

var drop = []string{"-j", "DROP"}

func TestReadRule(t *testing.T) {
	tests := []struct {
		line           string
		args           string
		packets, bytes uint64
	}{
		{"-A PREROUTING -c 12 3456 -j pbxjail", "-A PREROUTING -j pbxjail", 12, 3456},
		{"-A PREROUTING -j pbxjail -c 12 3456", "-A PREROUTING -j pbxjail", 12, 3456},
		{"-A PREROUTING -j pbxjail", "-A PREROUTING -j pbxjail", 0, 0},
		{`-A PREROUTING -m comment --comment "-c my own" -c 1 2 -j ACCEPT`, `-A PREROUTING -m comment --comment "-c my own" -j ACCEPT`, 1, 2},
		{"-A x -c 1", "-A x -c 1", 0, 0},
		{"", "", 0, 0},
	}
	for _, test := range tests {
		got := readRule(test.line)
		if strings.Join(got.Args, " ") != test.args || got.Packets != test.packets || got.Bytes != test.bytes {
			t.Errorf("%q: got %v, want %q %d %d", test.line, got, test.args, test.packets, test.bytes)
		}
	}
}

func TestParseRule(t *testing.T) {
	const good = "-A pbxjail -s 192.0.2.0/24 -m comment --comment pbxjail-until-17 -c 1 2 -j DROP"
	want := plainRule{prefix: netip.MustParsePrefix("192.0.2.0/24"), until: 17, packets: 1, bytes: 2}
	for _, line := range []string{good, strings.Replace(good, "pbxjail-until-17", `"pbxjail-until-17"`, 1)} {
		if got, ok := parseRule(readRule(line), drop); !ok || got != want {
			t.Errorf("%s: got %v %v, want %v", line, got, ok, want)
		}
	}
	const ends = "-A pbxjail -s 192.0.2.0/24 -m comment --comment pbxjail-until-17 -m time --datestop 1970-01-01T00:00:16 -c 1 2 -j DROP"
	want.timed = true
	if got, ok := parseRule(readRule(ends), drop); !ok || got != want {
		t.Errorf("%s: got %v %v, want %v", ends, got, ok, want)
	}
	for name, line := range map[string]string{
		"another end":       strings.Replace(ends, "00:16", "00:17", 1),
		"never in time":     strings.Replace(ends, "until-17", "until-0", 1),
		"kernel time zone":  strings.Replace(ends, "00:16", "00:16 --kerneltz", 1),
		"accepts":           strings.Replace(good, "DROP", "ACCEPT", 1),
		"a condition more":  strings.Replace(good, "-m", "-p udp -m", 1),
		"everybody":         strings.Replace(good, "192.0.2.0/24", "0.0.0.0/0", 1),
		"not masked":        strings.Replace(good, "192.0.2.0/24", "192.0.2.9/24", 1),
		"inverted":          strings.Replace(good, "-s", "! -s", 1),
		"to, not from":      strings.Replace(good, "-s", "-d", 1),
		"no comment of us":  strings.Replace(good, "pbxjail-until-17", "17", 1),
		"no time":           strings.Replace(good, "until-17", "until-", 1),
		"negative time":     strings.Replace(good, "until-17", "until--17", 1),
		"odd time":          strings.Replace(good, "until-17", "until-+17", 1),
		"time out of range": strings.Replace(good, "until-17", "until-99999999999999999999", 1),
		"the set rule":      "-A pbxjail -m set --match-set pbxjail-4 src -c 0 0 -j DROP",
	} {
		if got, ok := parseRule(readRule(line), drop); ok {
			t.Errorf("%s: got %v, want none", name, got)
		}
	}
}

// FuzzParseRule: a rule that counts as a ban is exactly a rule that we would write.
func FuzzParseRule(f *testing.F) {
	f.Add("-A pbxjail -s 192.0.2.0/24 -m comment --comment pbxjail-until-17 -c 1 2 -j DROP")
	f.Add("-A pbxjail -s 2001:db8::/32 -m comment --comment \"pbxjail-until-0\" -j DROP -c 18446744073709551615 0")
	f.Add("-A pbxjail -s ::ffff:192.0.2.0/120 -m comment --comment pbxjail-until-0 -j DROP")
	f.Add("-c 1 2")
	f.Fuzz(func(t *testing.T, line string) {
		x := readRule(line)
		r, ok := parseRule(x, drop)
		if !ok {
			return
		}
		if again, ok := parseRule(Rule{append([]string{"-A", "c"}, r.spec(drop)...), r.packets, r.bytes}, drop); !ok || again != r {
			t.Errorf("%q: got %v, and %v of its own rule", line, r, again)
		}
		if r.prefix.Bits() == 0 || r.prefix != r.prefix.Masked() {
			t.Errorf("%q: got prefix %s", line, r.prefix)
		}
	})
}

// FuzzRuleOfABan: the rule of a ban says which ban it is.
func FuzzRuleOfABan(f *testing.F) {
	f.Add([]byte{192, 0, 2, 1}, 32, int64(0), false)
	f.Add([]byte{198, 51, 100, 0}, 24, int64(1800000000), true)
	f.Add(make([]byte, 16), 64, int64(1<<63-1), false)
	f.Fuzz(func(t *testing.T, raw []byte, bits int, until int64, timed bool) {
		addr, _ := netip.AddrFromSlice(raw)
		p, err := kernel.Canonical(netip.PrefixFrom(addr, bits))
		if err != nil || until < 0 {
			return
		}
		rule := plainRule{prefix: p, until: until, timed: timed && until > 0 && until <= latest}
		back, ok := parseRule(readRule("-A pbxjail "+strings.Join(rule.spec(drop), " ")+" -c 0 0"), drop)
		if !ok || back != rule {
			t.Errorf("got rule %v back, want %v", back, rule)
		}
	})
}
