package jails

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// at is a place and feeds of one's own for a test.
type known struct {
	place book.Place
	feeds map[string]int32
}

func (known) Version() uint64 { return 1 }

func (k known) Place(netip.Addr) book.Place { return k.place }

func (k known) Listed(_ netip.Addr, yield func(string, int32) bool) {
	for feed, by := range k.feeds {
		if !yield(feed, by) {
			return
		}
	}
}

func TestFactors(t *testing.T) {
	home := configs.PlaceRules{Home: []string{"GB", "IE"}, Elsewhere: 2, Block: []string{"KP"}, ASN: []configs.ASN{{Number: 64500, Factor: 1.5}}}
	for _, c := range []struct {
		name  string
		jail  string
		known known
		event func(*parsers.Event)
		want  string
	}{
		{"nothing", "", known{}, nil, "1:"},
		{"home", "", known{place: book.Place{Country: "IE"}}, nil, "1:"},
		{"not known", "", known{place: book.Place{}}, nil, "1:"},
		{"elsewhere", "", known{place: book.Place{Country: "NL"}}, nil, "2: country NL x2"},
		{"a network", "", known{place: book.Place{Country: "GB", ASN: 64500}}, nil, "1.5: network AS64500 x1.5"},
		{"both", "", known{place: book.Place{Country: "NL", ASN: 64500}}, nil, "3: country NL x2, network AS64500 x1.5"},
		{"the jail's own", "geoip: {elsewhere: 3}", known{place: book.Place{Country: "NL"}}, nil, "3: country NL x3"},
		{"the jail's own home", "geoip: {home: [NL]}", known{place: book.Place{Country: "NL"}}, nil, "1:"},
		{"a country or network alone never bans", "maxretry: 2", known{place: book.Place{Country: "NL"}}, nil, "1.999: country NL x2, a country or network alone never bans: set to 1.999 points"},
		{"enough by itself", "maxretry: 1", known{place: book.Place{Country: "NL"}}, nil, "2: country NL x2"},
		{"blocked", "", known{place: book.Place{Country: "KP"}}, nil, "5: country KP x2, blocked country KP: set to 5 points"},
		{"feeds", "", known{feeds: map[string]int32{"drop": 1500}}, nil, "1.5: feed drop x1.5"},
		{"agent", "", known{}, func(e *parsers.Event) { e.Agent = parsers.TextOf([]byte("friendly-scanner")) }, "5: agent friendly-scanner (drop) x5"},
		{"another agent", "", known{}, func(e *parsers.Event) { e.Agent = parsers.TextOf([]byte("not a friendly-scanner")) }, "1:"},
		{"claimed", "evidence: {ban: claimed}", known{}, func(e *parsers.Event) { e.Evidence = parsers.Claimed }, "0.5: claimed evidence x0.5"},
		{"claimed alone never bans", "maxretry: 2\nevidence: {ban: claimed}", known{}, func(e *parsers.Event) {
			e.Evidence, e.Agent = parsers.Claimed, parsers.TextOf([]byte("friendly-scanner"))
		}, "1.999: claimed evidence x0.5, agent friendly-scanner (drop) x5, a claimed address alone never bans: set to 1.999 points"},
		{"claimed and blocked", "evidence: {ban: claimed}", known{place: book.Place{Country: "KP"}}, func(e *parsers.Event) { e.Evidence = parsers.Claimed },
			"4.999: claimed evidence x0.5, country KP x2, blocked country KP: set to 5 points, a claimed address alone never bans: set to 4.999 points"},
	} {
		t.Run(c.name, func(t *testing.T) {
			judge := judgeOf(jailOf(t, "x", c.jail))
			judge.SetSenses(Senses{Places: c.known, Feeds: c.known, Rules: home, Agents: configs.ShippedAgents(), Levels: configs.AgentFactors{Drop: 5, Score: 2, Info: 1}})
			e := failure("203.0.113.9")
			if c.event != nil {
				c.event(e)
			}
			judge.look(e, start, nil)
			p, factors := judge.weigh(judge.jails[0], e, e.Points)
			var list []string
			for _, f := range factors {
				list = append(list, f.String())
			}
			if got := strings.TrimRight(fmt.Sprintf("%s: %s", p, strings.Join(list, ", ")), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// A country that is blocked bans on one line, and never a protected address.
func TestBlockedCountry(t *testing.T) {
	guard := NewGuard(nil, []netip.Prefix{prefix("203.0.113.7/32")})
	judge := NewJudge([]*Jail{jailOf(t, "x", "")}, guard, book.NewBook(nil, nil), 100, false)
	judge.SetSenses(Senses{Places: known{place: book.Place{Country: "KP"}}, Rules: configs.PlaceRules{Block: []string{"KP"}}})
	if got, want := words(hear(judge, failure("203.0.113.9"), start)), "ban 203.0.113.9/32 by x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := words(hear(judge, failure("203.0.113.7"), start)), "protected: ignoreip 203.0.113.7/32 203.0.113.7/32 by x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A little every hour is a ban in the end, unless the account logs in meanwhile: it is forgiven what it did before.
func TestSlow(t *testing.T) {
	const text = "maxretry: 5\nslow: {maxretry: 8, findtime: 1d}"
	login := func() *parsers.Event {
		return with(failure("203.0.113.9"), func(e *parsers.Event) {
			e.Result, e.Kind, e.Password, e.Account = parsers.Signal, parsers.Success, true, parsers.TextOf([]byte("1001"))
		})
	}
	for _, c := range []struct {
		name string
		each time.Duration
		in   int  // after so many failures somebody logs in
		deaf bool // no security event ever came: no login can be seen
		want int  // failures until the ban; 0: none in 30
	}{
		{"hourly", time.Hour, 0, false, 8}, {"every four hours", 4 * time.Hour, 0, false, 0}, {"hourly, and a login", time.Hour, 4, false, 12},
		{"fast", time.Second, 0, false, 5}, {"hourly, where no login can be seen", time.Hour, 0, true, 0}, {"fast, where no login can be seen", time.Second, 0, true, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			judge := judgeOf(jailOf(t, "x", text))
			judge.Home.ProtectLogins = 10 * time.Minute
			if !c.deaf {
				hear(judge, challenge("198.51.100.1", "x"), start)
			}
			got := 0
			for i := 1; i <= 30 && got == 0; i++ {
				at := start.Add(time.Duration(i) * c.each)
				if v := hear(judge, with(failure("203.0.113.9"), func(e *parsers.Event) { e.Account = parsers.TextOf([]byte("1001")) }), at); len(v) > 0 && v[0].Bans() {
					got = i
				}
				if i == c.in {
					hear(judge, login(), at.Add(30*time.Minute))
				}
			}
			if got != c.want {
				t.Errorf("got a ban after %d failures, want %d", got, c.want)
			}
		})
	}
}

// The monitor that asks for one account that we do not have is no slow attacker.
func TestSlowCountsRepeatsOnce(t *testing.T) {
	judge := judgeOf(jailOf(t, "x", "maxretry: 5\nslow: {maxretry: 8, findtime: 1d}"))
	for i := range 2000 {
		e := with(failure("203.0.113.9"), func(e *parsers.Event) { e.Once, e.Account = true, parsers.TextOf([]byte("monitor")) })
		if got := hear(judge, e, start.Add(time.Duration(i)*time.Minute)); len(got) > 0 {
			t.Fatalf("request %d: got %s", i, words(got))
		}
	}
}

func TestWiden(t *testing.T) {
	const text = "maxretry: 5\nwiden: {members: 3, maxretry: 6}"
	protected := NewGuard(nil, []netip.Prefix{prefix("198.51.100.7/32")})
	for _, c := range []struct {
		name, addrs, want string
	}{
		{"enough of a network", "203.0.113.1 203.0.113.2 203.0.113.3 203.0.113.1 203.0.113.2 203.0.113.3", "ban 203.0.113.0/24 by x"},
		{"too few", "203.0.113.1 203.0.113.2 203.0.113.1 203.0.113.2 203.0.113.1 203.0.113.2 203.0.113.1 203.0.113.2", ""},
		{"of two networks", "203.0.113.1 203.0.113.2 203.0.114.3 203.0.113.1 203.0.113.2 203.0.114.3", ""},
		{"one address alone", "203.0.113.1 203.0.113.1 203.0.113.1 203.0.113.1 203.0.113.1", "ban 203.0.113.1/32 by x"},
		{"IPv6", "2001:db8::1 2001:db8::2 2001:db8::3 2001:db8::4 2001:db8::5 2001:db8::6", "ban 2001:db8::/64 by x"},
		{"another /64", "2001:db8::1 2001:db8::2 2001:db8:0:1::3 2001:db8:0:1::4 2001:db8::5 2001:db8:0:1::6", ""},
		{"a protected address inside", "198.51.100.1 198.51.100.2 198.51.100.3 198.51.100.1 198.51.100.2 198.51.100.3", "protected: ignoreip 198.51.100.7/32 198.51.100.0/24 by x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			judge := NewJudge([]*Jail{jailOf(t, "x", text)}, protected, book.NewBook(nil, nil), 100, false)
			var got []Verdict
			for i, a := range strings.Fields(c.addrs) {
				got = append(got, hear(judge, failure(a), start.Add(time.Duration(i)*time.Second))...)
			}
			if words(got) != c.want {
				t.Errorf("got %q, want %q", words(got), c.want)
			}
		})
	}
}

// A log-in protects its network, and claimed addresses never widen a ban.
func TestWidenSpares(t *testing.T) {
	judge := judgeOf(jailOf(t, "x", "widen: {members: 2, maxretry: 2}\nevidence: {ban: claimed, factor: {claimed: 1}}"))
	judge.Home.ProtectLogins = time.Hour
	hear(judge, with(failure("203.0.113.200"), func(e *parsers.Event) { e.Result, e.Kind, e.Password = parsers.Signal, parsers.Success, true }), start)
	var got []Verdict
	for i := range 2 {
		got = append(got, hear(judge, failure(fmt.Sprint("203.0.113.", i+1)), start)...)
		got = append(got, hear(judge, with(failure(fmt.Sprint("198.51.100.", i+1)), func(e *parsers.Event) { e.Evidence = parsers.Claimed }), start)...)
	}
	if got, want := words(got), "protected: 203.0.113.200 logged in with a password 1s before 203.0.113.0/24 by x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
