package jails

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// hopper is the i-th address that one who has p makes up.
func hopper(p string, i int) netip.Addr {
	b := netip.MustParsePrefix(p).Addr().As16()
	bits := netip.MustParsePrefix(p).Bits() / 8
	for k := bits; k < 16; k++ {
		b[k] ^= byte((i + 1) * (37 + 10*k))
	}
	return netip.AddrFrom16(b)
}

// attempts plays one failure after another, a second apart, and names the verdicts.
func attempts(j *Judge, kind func(a string) *parsers.Event, source *Source, addrs []string) string {
	var out []string
	for i, a := range addrs {
		j.Hear(source, kind(a), start.Add(time.Duration(i)*time.Second), func(v Verdict) {
			if v.Bans() {
				j.book.Put(v.Ban)
			}
			out = append(out, fmt.Sprintf("%d: %s", i+1, word(v)))
		})
	}
	return strings.Join(out, "; ")
}

// onTheWire is a password that the wire saw refused.
func onTheWire(a string) *parsers.Event {
	return with(failure(a), func(e *parsers.Event) { e.Channel, e.Evidence = parsers.ChannelWire, parsers.Proven })
}

func TestCustomers(t *testing.T) {
	hops := func(p string, n, each int) (list []string) {
		for i := range n {
			for range each {
				list = append(list, hopper(p, i).String())
			}
		}
		return list
	}
	for _, c := range []struct {
		name  string
		bits  int
		addrs []string
		want  string
	}{
		{"a new address for each try", 64, hops("2001:db8:1:2::/64", 15, 1), "5: ban 2001:db8:1:2::/64 by x"},
		{"two tries each", 64, hops("2001:db8:1:2::/64", 7, 2), "5: ban 2001:db8:1:2::/64 by x"},
		{"as many tries as are allowed", 64, hops("2001:db8:1:2::/64", 3, 4), "5: ban 2001:db8:1:2::/64 by x"},
		{"until each is banned", 64, hops("2001:db8:1:2::/64", 3, 5), "5: ban " + hopper("2001:db8:1:2::/64", 0).String() + "/128 by x; 10: ban 2001:db8:1:2::/64 by x"},
		{"one address alone", 64, hops("2001:db8:1:2::/64", 1, 12), "5: ban " + hopper("2001:db8:1:2::/64", 0).String() + "/128 by x"},
		{"one address alone, and a neighbour's slips", 64, append(hops("2001:db8:1:2::/64", 1, 5), "2001:db8:1:2::7", "2001:db8:1:2::7", "2001:db8:1:2::8"), "5: ban " + hopper("2001:db8:1:2::/64", 0).String() + "/128 by x"},
		{"of two lines", 64, []string{"2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:1:2::2", "2001:db8:1:3::2", "2001:db8:1:2::3", "2001:db8:1:3::3", "2001:db8:1:2::4", "2001:db8:1:3::4"}, ""},
		{"a /48, scored by /64", 64, hops("2001:db8:1::/48", 15, 1), ""},
		{"a /48, scored as one", 48, hops("2001:db8:1::/48", 15, 1), "5: ban 2001:db8:1::/48 by x"},
		{"a /64, scored by /48", 48, hops("2001:db8:1:2::/64", 15, 1), "5: ban 2001:db8:1::/48 by x"},
		{"addresses by themselves alone", 128, hops("2001:db8:1:2::/64", 15, 1), ""},
		{"IPv4", 64, []string{"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "203.0.113.5", "203.0.113.6"}, ""},
		{"IPv4 as IPv6", 64, []string{"::ffff:203.0.113.1", "203.0.113.1", "::ffff:203.0.113.1", "203.0.113.1", "::ffff:203.0.113.1"}, "5: ban 203.0.113.1/32 by x"},
		{"neighbours in NAT64", 64, hops("64:ff9b::/96", 15, 1), ""},
		{"neighbours in NAT64, by a wide prefix", 48, hops("64:ff9b::/96", 15, 1), ""},
		{"one of NAT64", 64, hops("64:ff9b::/96", 1, 5), "5: ban " + hopper("64:ff9b::/96", 0).String() + "/128 by x"},
		{"one of NAT64 through two translators", 64, []string{"64:ff9b::203.0.113.9", "64:ff9b:1::203.0.113.9", "64:ff9b::203.0.113.9", "64:ff9b:1::203.0.113.9", "64:ff9b:1::203.0.113.9"}, "5: ban 64:ff9b:1::cb00:7109/128 by x"},
		{"neighbours in a NAT64 of their own", 64, []string{"64:ff9b:1::203.0.113.1", "64:ff9b:1::203.0.113.2", "64:ff9b:1::203.0.113.3", "64:ff9b:1::203.0.113.4", "64:ff9b:1::203.0.113.5", "64:ff9b:1::203.0.113.6"}, ""},
		{"clients of one Teredo server", 64, []string{"2001:0:c000:201::1", "2001:0:c000:201::2", "2001:0:c000:201::3", "2001:0:c000:201::4", "2001:0:c000:201::5"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, kind := range map[string]func(string) *parsers.Event{"log": failure, "wire": onTheWire} {
				judge := judgeOf(jailOf(t, "x", ""))
				judge.SetCustomer(c.bits)
				source := judge.Source("/log")
				if name == "wire" {
					source = judge.Wire()
				}
				if got := attempts(judge, kind, source, c.addrs); got != c.want {
					t.Errorf("%s: got %q, want %q", name, got, c.want)
				}
			}
		})
	}
}

// A protected address keeps its whole customer from being banned; its neighbours are
// banned by themselves. A line where accounts are at home has its allowance
// (TestAThiefHopsInHisHome).
func TestCustomersSpared(t *testing.T) {
	const phone, p = "2001:db8:1:2::101", "2001:db8:1:2::/64"
	for _, c := range []struct {
		name, bits, want string
		prepare          func(j *Judge)
	}{
		{"protected", "", "protected: ignoreip 2001:db8:1:2::101/128 2001:db8:1:2::/64 by x", func(j *Judge) {
			j.SetGuard(NewGuard(nil, []netip.Prefix{only(phone)}))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			judge := judgeOf(jailOf(t, "x", ""))
			c.prepare(judge)
			var hops, alone []string
			for i := range 5 {
				hops = append(hops, hopper(p, i).String())
				alone = append(alone, "2001:db8:1:2::bad")
			}
			if got := attempts(judge, failure, judge.Source("/log"), hops); !strings.HasPrefix(got, "5: "+c.want) || strings.Contains(got, "ban ") {
				t.Errorf("together: got %q, want 5: %s", got, c.want)
			}
			judge.Forget(prefix(p))
			if got, want := attempts(judge, failure, judge.Source("/log"), alone), "5: ban 2001:db8:1:2::bad/128 by x"; got != want {
				t.Errorf("alone: got %q, want %q", got, want)
			}
		})
	}
}

// A reason says that a whole line did it, and why says how the line of an address is.
func TestCustomerExplained(t *testing.T) {
	judge := judgeOf(jailOf(t, "x", ""))
	var last Verdict
	for i := range 5 {
		at := start.Add(time.Duration(i) * time.Second)
		if i == 4 {
			s := judge.Why(addr("2001:db8::ffff"), at).Jails
			if len(s) != 1 || s[0].Sum.Score != 0 || s[0].Customer.Score != 4*parsers.Point || s[0].Customer.Members != 4 || s[0].Customer.Customer != 64 {
				t.Errorf("a new address of the line: got %+v, want 4 points of 4 addresses", s)
			}
			s = judge.Why(addr("2001:db8:0:1::"), at).Jails
			if len(s) != 0 {
				t.Errorf("another line: got %+v, want nothing", s)
			}
		}
		for _, v := range hear(judge, failure(fmt.Sprint("2001:db8::", i+1)), at) {
			last = v
		}
	}
	if got, want := last.Ban.Reason, "5 points of 5 addresses of one /64 within 10m, maxretry 5"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := len(last.Ban.Lines); n != 5 {
		t.Errorf("got %d lines, want the five", n)
	}
	if b := judge.Why(addr("2001:db8::ffff"), start.Add(time.Minute)).Banned; b == nil || b.Prefix != prefix("2001:db8::/64") {
		t.Errorf("got %+v, want the ban of the /64", b)
	}
}

// Letting one address out forgets what its line did, and so does letting out the line.
func TestCustomerForgotten(t *testing.T) {
	for _, p := range []string{"2001:db8::1/128", "2001:db8::/64", "2001:db8::/32"} {
		judge := judgeOf(jailOf(t, "x", ""))
		for i := range 4 {
			hear(judge, failure(fmt.Sprint("2001:db8::", i+1)), start)
		}
		judge.Forget(prefix(p))
		if got := words(hear(judge, failure("2001:db8::9"), start)); got != "" {
			t.Errorf("%s let out: got %s", p, got)
		}
	}
	judge := judgeOf(jailOf(t, "x", ""))
	for range 4 {
		hear(judge, failure("64:ff9b::203.0.113.9"), start)
	}
	judge.Forget(only("64:ff9b::203.0.113.9"))
	if got := words(hear(judge, failure("64:ff9b::203.0.113.9"), start)); got != "" {
		t.Errorf("NAT64 let out: got %s", got)
	}
}

// The attacker chooses how many lines there are.
func TestCustomersAreBounded(t *testing.T) {
	judge := NewJudge([]*Jail{jailOf(t, "x", "")}, NewGuard(nil, nil), book.NewBook(nil, nil), 800, false)
	for i := range 5000 {
		hear(judge, failure(fmt.Sprintf("2001:db8:0:%x::1", i)), start)
	}
	if n := judge.customers.Size(); n > 800/networksShare {
		t.Errorf("got %d lines remembered, want at most %d", n, 800/networksShare)
	}
}

// No jail that widens bans IPv4 as a whole.
func TestWidenSparesNAT64(t *testing.T) {
	for _, bits := range []int{48, 64, 96, 120} {
		judge := judgeOf(jailOf(t, "x", fmt.Sprintf("widen: {members: 2, maxretry: 2, ipv6: %d}", bits)))
		judge.SetCustomer(48)
		for i := range 20 {
			for _, v := range hear(judge, failure(fmt.Sprintf("64:ff9b::203.0.113.%d", i)), start) {
				t.Errorf("widen to /%d: got %s", bits, word(v))
			}
			if bits > 64 {
				continue // that prefix holds nothing of NAT64
			}
			for _, v := range hear(judge, failure(fmt.Sprintf("64:ff9b:0:0:1::%x", i)), start) {
				t.Errorf("widen to /%d, beside NAT64: got %s", bits, word(v))
			}
		}
	}
}
