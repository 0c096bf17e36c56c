package jails_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/jails/geoip"
	"pbxjail/parsers"
)

const securityLog = "/var/log/asterisk/security"

// fullJudge judges as the daemon does on a machine without a main file: the shipped jails,
// every sense, and a kernel that knows who sends packets.
func fullJudge(b *testing.B) *jails.Judge {
	main, err := configs.LoadMain("/no/such/file", false)
	if err != nil {
		b.Fatal(err)
	}
	specs, bad := configs.LoadJails("")
	if len(bad) > 0 {
		b.Fatal(bad)
	}
	var list []*jails.Jail
	for _, spec := range specs {
		jail, err := jails.Compile(spec)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, jail)
	}
	j := jails.NewJudge(list, jails.NewGuard(nil, nil), book.NewBook(nil, nil), main.MaxAddresses, false)
	j.Home.ProtectLogins, j.Allowance = main.ProtectLogins, main.LoginAllowance
	j.SetCustomer(main.IPv6)
	j.SetSenses(jails.Senses{
		Places: geoip.Open(geoip.Options{Known: []string{}, Stored: b.TempDir()}), Rules: main.GeoIP.Rules(),
		Agents: configs.ShippedAgents(), Levels: main.AgentFactors, Numbers: configs.ShippedNumbers(), Fraud: main.Fraud,
	})
	j.SetWitnesses(everyoneSent{}, nil)
	return j
}

// everyoneSent is a witness that heard packets of every address.
type everyoneSent struct{}

func (everyoneSent) Heard(netip.Addr, parsers.Service, time.Time) parsers.Answer { return parsers.Yes }

func (everyoneSent) Suspects(list []netip.Addr, _ parsers.Service, _ time.Time) []netip.Addr {
	return list
}

// traffic are the events of a security log of phones and attackers, in any order. They are
// those that the parser makes of such records, with other addresses, accounts and challenges.
type traffic struct {
	phones    []netip.Addr
	attackers []netip.Addr
	accounts  []parsers.Text // one of each phone
	guesses   []parsers.Text
	unknown   parsers.Text
	logins    []*parsers.Event // by the parser
	sent      []*parsers.Event
	failures  []*parsers.Event // as often as attackers make them
	nonce     [32]byte
	plan      []planned // is played again and again
	at        int
}

// planned is one event to come: made here, so that the time to draw it is not measured.
type planned struct {
	event   *parsers.Event
	addr    netip.Addr
	account parsers.Text
	like    parsers.Evidence // the judge may change it in the event
}

func newTraffic(b *testing.B, phones, attackers int, mix func(r *rand.Rand) byte) *traffic {
	r := rand.New(rand.NewPCG(1, 2))
	t := &traffic{unknown: parsers.TextOf([]byte("<unknown>"))}
	for i := range phones {
		t.phones = append(t.phones, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}))
		t.accounts = append(t.accounts, parsers.TextOf(fmt.Append(nil, 1000+i)))
	}
	for range attackers {
		t.attackers = append(t.attackers, netip.AddrFrom4([4]byte{byte(20 + r.IntN(80)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))}))
	}
	for _, name := range strings.Fields("100 101 1000 200 201 admin test 6001 9001 sip trunk 0000 asterisk 7000 8888 user1") {
		t.guesses = append(t.guesses, parsers.TextOf([]byte(name)))
	}
	t.read(b)
	for range max(1<<16, 4*attackers) {
		t.plan = append(t.plan, t.draw(r, mix(r)))
	}
	return t
}

// read reads one record of each form.
func (t *traffic) read(b *testing.B) {
	for i, service := range []string{"PJSIP", "PJSIP", "PJSIP", "PJSIP", "SIP"} {
		read := func(times int, list []*parsers.Event, name, tail string) []*parsers.Event {
			e := eventOf(b, name, service, []string{"UDP", "TCP", "UDP", "TLS", "UDP"}[i], tail)
			return append(list, slices.Repeat([]*parsers.Event{e}, times)...)
		}
		t.logins = read(1, t.logins, "SuccessfulAuth", `,UsingPassword="1"`)
		t.sent = read(1, t.sent, "ChallengeSent", `,Challenge="1777593600/0123456789abcdef0123456789abcdef"`)
		t.failures = read(8, t.failures, "InvalidAccountID", "")
		t.failures = read(7, t.failures, "ChallengeResponseFailed", `,Challenge="1777593600/0123456789abcdef0123456789abcdef",Response="0123456789abcdef0123456789abcdef",ExpectedResponse=""`)
		t.failures = read(4, t.failures, "InvalidPassword", `,Challenge="01234567",ReceivedChallenge="01234567",ReceivedHash="0123456789abcdef0123456789abcdef"`)
		t.failures = read(1, t.failures, "FailedACL", `,ACLName="registration_attempt"`)
	}
}

// draw makes an event of a kind: a log-in (L), a challenge (C) or a failure (F).
func (t *traffic) draw(r *rand.Rand, what byte) (p planned) {
	i := r.IntN(len(t.phones))
	p.addr, p.account = t.phones[i], t.accounts[i]
	switch what {
	case 'L':
		p.event = t.logins[r.IntN(len(t.logins))]
	case 'C':
		p.event = t.sent[r.IntN(len(t.sent))]
		if r.IntN(2) == 0 {
			p.account = t.unknown
		}
	default:
		at := r.Float64() // few addresses make most of them
		p.event, p.addr, p.account = t.failures[r.IntN(len(t.failures))], t.attackers[int(float64(len(t.attackers))*at*at)], t.guesses[r.IntN(len(t.guesses))]
	}
	p.like = p.event.Evidence
	return p
}

// eventOf is what the parser makes of a security event.
func eventOf(b *testing.B, name, service, transport, tail string) *parsers.Event {
	var got parsers.Event
	const head = `[2026-05-01 00:00:00] SECURITY[2246] res_security_log.c: SecurityEvent="%s",EventTV="2026-05-01T00:00:00.861+0000",Severity="Error",Service="%s",EventVersion="1",AccountID="1070",SessionID="a9991480a717406a83d44edd814c093d",LocalAddress="IPV4/%s/198.51.100.20/5060",RemoteAddress="IPV4/%s/203.0.113.9/21882"%s` + "\n"
	p := parsers.New(parsers.Clock{Zone: time.UTC})
	n := 0
	keep := func(e *parsers.Event) {
		got = *e
		got.Account, got.Session, got.Challenge, got.Line = e.Account.Clone(), e.Session.Clone(), e.Challenge.Clone(), e.Line.Clone()
		n++
	}
	p.Block(fmt.Appendf(nil, head, name, service, transport, transport, tail), false, time.Time{}, keep)
	p.Settle(time.Time{}, keep)
	if n != 1 {
		b.Fatalf("got %d events of %s %s, want 1", n, name, service)
	}
	return &got
}

// next returns an event, which holds until the next call.
func (t *traffic) next() *parsers.Event {
	p := &t.plan[t.at%len(t.plan)]
	t.at++
	e := p.event
	e.Addr, e.Account, e.Evidence = p.addr, p.account, p.like
	if !e.Challenge.Empty() {
		for i, x := 0, t.at; x > 0; i, x = i+1, x>>4 {
			t.nonce[i] = "0123456789abcdef"[x&15]
		}
		e.Challenge = parsers.TextOf(t.nonce[:])
	}
	return e
}

func only(what byte) func(*rand.Rand) byte { return func(*rand.Rand) byte { return what } }

// answered are challenges to phones that log in about once a minute.
func answered(r *rand.Rand) byte {
	if r.IntN(50) == 0 {
		return 'L'
	}
	return 'C'
}

// usual is what a security log of a PBX under attack has.
func usual(r *rand.Rand) byte {
	switch n := r.IntN(100); {
	case n < 30:
		return 'L'
	case n < 75:
		return 'C'
	}
	return 'F'
}

// BenchmarkJudge is one event of a security log with 200 lines a second. The time to make
// the event is in it: "events alone" says how much that is.
func BenchmarkJudge(b *testing.B) {
	for _, c := range []struct {
		name              string
		phones, attackers int
		mix               func(*rand.Rand) byte
	}{
		{"logins", 300, 2000, only('L')},
		{"challenges", 300, 2000, answered},
		{"failures", 300, 2000, only('F')},
		{"mixed", 300, 2000, usual},
		{"mixed, 10000 phones and 100000 attackers", 10_000, 100_000, usual},
	} {
		b.Run(c.name, func(b *testing.B) {
			judge, t := fullJudge(b), newTraffic(b, c.phones, c.attackers, c.mix)
			src, at := judge.Source(securityLog), time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
			decide := func(v jails.Verdict) {
				if v.Bans() {
					judge.Book().Put(v.Ban.WithoutLines())
				}
			}
			hear := func() {
				if t.at%200 == 0 {
					at = at.Add(time.Second)
				}
				judge.Hear(src, t.next(), at, decide)
			}
			for range 400_000 { // the first of each address, and tables that grow
				hear()
			}
			b.ReportAllocs()
			for b.Loop() {
				hear()
			}
		})
	}
	b.Run("events alone", func(b *testing.B) {
		t := newTraffic(b, 300, 2000, usual)
		for b.Loop() {
			t.next()
		}
	})
}
