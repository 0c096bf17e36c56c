package jails

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/jails/book"
	"pbxjail/jails/jailstest"
	"pbxjail/parsers"
)

// world knows places and feeds by an address's last byte.
type world struct{}

func (world) Version() uint64 { return 1 }

func (world) Place(a netip.Addr) book.Place {
	b := a.AsSlice()
	last := b[len(b)-1]
	return book.Place{Country: []string{"", "GB", "NL", "KP"}[last%4], ASN: uint32(64500 + int(last)%3)}
}

func (world) Listed(a netip.Addr, yield func(string, int32) bool) {
	b := a.AsSlice()
	for i := range b[len(b)-1] % 3 {
		if !yield(fmt.Sprint("list", i), 1500) {
			return
		}
	}
}

func everything() Senses {
	return Senses{
		Places: world{}, Feeds: world{}, Agents: configs.ShippedAgents(), Levels: configs.AgentFactors{Drop: 5, Score: 2, Info: 1},
		Numbers: configs.ShippedNumbers(), Fraud: defaultFraud(),
		Rules: configs.PlaceRules{Home: []string{"GB"}, Elsewhere: 1.7, Block: []string{"KP"}, ASN: []configs.ASN{{Number: 64501, Factor: 0.3}}},
	}
}

// defaultFraud is what holds on a machine without a main file.
func defaultFraud() configs.Fraud {
	main, err := configs.LoadMain("/no/such/file", false)
	if err != nil {
		panic(err)
	}
	return main.Fraud
}

// anything is an event that a log could report.
func anything(r *rand.Rand) *parsers.Event {
	text := func(list ...string) parsers.Text { return parsers.TextOf([]byte(list[r.IntN(len(list))])) }
	a := netip.AddrFrom4([4]byte{203, 0, 113, byte(r.IntN(12))})
	if r.IntN(4) == 0 {
		a = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(r.IntN(12))})
	}
	e := &parsers.Event{
		Result: []parsers.Result{parsers.Offence, parsers.Offence, parsers.Offence, parsers.Signal, parsers.Ambiguous}[r.IntN(5)],
		Kind:   parsers.Kind(r.IntN(int(parsers.Custom))) + 1, Evidence: parsers.Evidence(r.IntN(3)) + 1, Service: parsers.Service(r.IntN(4)),
		Channel: parsers.Channel(r.IntN(3)), Points: parsers.Points(r.IntN(3000) + 1), Addr: a, Rule: "R", Once: r.IntN(4) == 0, Twin: r.IntN(4) == 0,
		Account: text("100", "101", "102", "103", "alice", "", "<unknown>"), Number: text("", "00972597562518", "9011972597562518", "+46850780294", "200"),
		Agent: text("", "friendly-scanner", "eyeBeam"), Session: text("a", "b"), Challenge: text("", "n1", "n2"), Password: r.IntN(2) == 0,
		Line: text("a line", "another"),
	}
	if e.Result == parsers.Signal {
		e.Kind = []parsers.Kind{parsers.Success, parsers.Challenge}[r.IntN(2)]
	}
	return e
}

// randomJail has one of each kind of rule.
func randomJail(t *testing.T, r *rand.Rand, name string) *Jail {
	evidence := []string{"claimed", "seen", "proven"}[r.IntN(3)]
	return jailOf(t, name, fmt.Sprintf(`maxretry: %d
findtime: %ds
slow: {maxretry: 9, findtime: 10m}
widen: {members: %d, maxretry: %d}
fraud: %t
observe: %t
evidence: {ban: %s}
match: [{event: bad-password}, {event: unknown-account, points: 0.4}, {event: guest-call}, {event: unknown-extension}, {event: unanswered}, {event: scan}]`,
		r.IntN(8)+1, r.IntN(60)+5, []int{0, 2, 3}[r.IntN(3)], r.IntN(20)+5, r.IntN(2) == 0, r.IntN(4) == 0, evidence))
}

// TestDecisionsHold: whatever comes, in whatever order: no protected address is
// banned, what made the points of each record makes them again, and they add up to
// the decision; why adds up too.
func TestDecisionsHold(t *testing.T) {
	decided, widened, slow := 0, 0, 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 11))
		guard := NewGuard([]netip.Addr{addr("203.0.113.3"), addr("2001:db8::4")}, []netip.Prefix{prefix("203.0.113.8/31")})
		judge := NewJudge([]*Jail{randomJail(t, r, "a"), randomJail(t, r, "b")}, guard, book.NewBook(nil, nil), 50, false)
		judge.Home.ProtectLogins = time.Minute
		judge.SetSenses(everything())
		at := start
		for range 1500 {
			at = at.Add(time.Duration(jailstest.Leap(r, 20_000)) * time.Millisecond)
			src := judge.Source([]string{"/log", "/log", "/other"}[r.IntN(3)])
			judge.Hear(src, anything(r), at, func(v Verdict) {
				if v.Alarm {
					return
				}
				decided++
				b := v.Ban
				if why, ok := guard.Protects(b.Prefix); ok && v.Protected == "" {
					t.Fatalf("seed %d: got a ban of %s, which is protected: %s", seed, b.Prefix, why)
				}
				addsUp(t, judge.Jail(b.Jail), b.Sum, b.Lines)
				if b.Sum.Members > 0 {
					widened++
				}
				if b.Sum.Within > judge.Jail(b.Jail).Findtime {
					slow++
				}
				if b.Sum.Score < b.Sum.Maxretry {
					t.Fatalf("seed %d: got a ban on %s points, maxretry %s", seed, b.Sum.Score, b.Sum.Maxretry)
				}
				if v.Bans() {
					judge.book.Put(b.WithoutLines())
				}
			})
			if r.IntN(50) == 0 {
				for _, s := range judge.Why(anything(r).Addr, at).Jails {
					if len(s.Lines) < book.MaxLines {
						whyAddsUp(t, s)
					}
				}
			}
		}
	}
	if decided < 1000 || widened < 20 || slow < 20 {
		t.Errorf("got %d decisions, %d on networks, %d of the slow: the test tests too little", decided, widened, slow)
	}
}

func addsUp(t *testing.T, jail *Jail, sum *book.Reckoning, lines []book.Line) {
	t.Helper()
	total := sum.Rest
	for _, l := range lines {
		total += l.Counts
		again(t, l)
		if sum.Members == 0 && l.Counts != l.Points {
			t.Fatalf("a line of %s points counts %s", l.Points, l.Counts)
		}
	}
	if total != sum.Score {
		t.Fatalf("jail %s: lines and rest are %s points, and the score %s", jail.Name, total, sum.Score)
	}
	if len(lines) == 0 && sum.Earlier == 0 {
		t.Fatal("a ban without a record")
	}
}

// again computes the points of a record once more, from what its line reports.
func again(t *testing.T, l book.Line) {
	t.Helper()
	p := l.Base
	for _, f := range l.Factors {
		p = f.Of(p)
	}
	if p != l.Points {
		t.Fatalf("%s points and %v make %s, and %s are reported", l.Base, l.Factors, p, l.Points)
	}
}

func whyAddsUp(t *testing.T, s Standing) {
	t.Helper()
	var total parsers.Points
	for _, l := range s.Lines {
		total += l.Counts
		again(t, l)
	}
	if total != s.Sum.Score {
		t.Fatalf("why: lines count %s points, and the score is %s", total, s.Sum.Score)
	}
}
