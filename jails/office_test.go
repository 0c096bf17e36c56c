package jails

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// play is what several phones do, as two logs of Asterisk report it.
type play struct {
	from time.Time
	acts []act
}

// act is one attempt to register.
type act struct {
	at      time.Time
	addr    string
	account string
	good    bool
}

// phone registers each so often from one time to before another.
func (p *play) phone(addr, account string, good bool, from, to time.Time, every time.Duration) {
	for at := from; at.Before(to); at = at.Add(every) {
		p.acts = append(p.acts, act{at, addr, account, good})
	}
}

// logs are the records from one time to before another: of security events, and of notices.
func (p *play) logs(from, to time.Time) (security, messages string) {
	slices.SortStableFunc(p.acts, func(x, y act) int { return x.at.Compare(y.at) })
	var s, m strings.Builder
	for i, a := range p.acts {
		if a.at.Before(from) || !a.at.Before(to) {
			continue
		}
		event := func(name, severity, tail string) {
			fmt.Fprintf(&s, `[%s] SECURITY[30287] res_security_log.c: SecurityEvent="%s",EventTV="%s+0000",Severity="%s",Service="PJSIP",EventVersion="1",AccountID="%s",SessionID="c%d",LocalAddress="IPV4/UDP/192.0.2.10/5060",RemoteAddress="IPV4/UDP/%s/5062"%s`+"\n",
				a.at.Format(time.DateTime), name, a.at.Format("2006-01-02T15:04:05.000"), severity, a.account, i, a.addr, tail)
		}
		event("ChallengeSent", "Informational", `,Challenge="179533/0123456789abcdef"`)
		if a.good {
			event("SuccessfulAuth", "Informational", `,UsingPassword="1"`)
			continue
		}
		event("ChallengeResponseFailed", "Error", `,Challenge="179533/0123456789abcdef",Response="260cd0181455ea62a00343fd9a356a56",ExpectedResponse=""`)
		fmt.Fprintf(&m, "[%s] NOTICE[23117] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:%s@192.0.2.10>' failed for '%s:5062' (callid: c%d) - Failed to authenticate\n",
			a.at.Format(time.DateTime), a.account, a.addr, i)
	}
	return s.String(), m.String()
}

// shippedHome is a judge of the shipped jails, as replay and the daemon set it up.
func shippedHome(t testing.TB) *Judge {
	j := NewJudge(shippedJails(t), NewGuard([]netip.Addr{addr("192.0.2.10")}, nil), book.NewBook(nil, nil), 10_000, true)
	j.Home.ProtectLogins, j.Allowance = 30*24*time.Hour, 3
	return j
}

// replayed plays the records from one time to before another.
func (p *play) replayed(t testing.TB, j *Judge, from, to time.Time) (verdicts []Verdict) {
	t.Helper()
	security, messages := p.logs(from, to)
	r := Replay{Judge: j}
	logs := []Log{{"/var/log/asterisk/security", strings.NewReader(security), to}, {"/var/log/asterisk/messages", strings.NewReader(messages), to}}
	if err := r.Run(logs, func(v Verdict) { verdicts = append(verdicts, v) }); err != nil {
		t.Fatal(err)
	}
	return verdicts
}

// anOffice is an office with good phones, and bad ones that have the old password after it
// is changed in the middle; an attacker at another address begins two hours later.
func anOffice(r *rand.Rand, good, bad int, from time.Time) (p *play, changed, end time.Time) {
	p = &play{from: from}
	changed, end = from.Add(5*time.Hour), from.Add(12*time.Hour)
	for i := range good {
		every := time.Duration(60+r.IntN(3541)) * time.Second
		p.phone(office, fmt.Sprint(101+i), true, from.Add(time.Duration(r.Int64N(int64(every)))), end, every)
	}
	for i := range bad {
		every := time.Duration(60+r.IntN(3541)) * time.Second
		p.phone(office, fmt.Sprint(151+i), true, from.Add(time.Duration(r.Int64N(int64(every)))), changed, every)
		every = time.Duration(20+r.IntN(101)) * time.Second
		p.phone(office, fmt.Sprint(151+i), false, changed.Add(time.Duration(r.Int64N(int64(every)))), end, every)
	}
	p.phone("198.51.100.66", "151", false, changed.Add(2*time.Hour), changed.Add(2*time.Hour+time.Minute), 2*time.Second)
	return p, changed, end
}

// TestOffice: an office whose password is changed is never banned, and reported once an
// hour, whatever its phones do; the judge is made from the ledger again in the middle. An
// attacker is banned as fast as ever.
func TestOffice(t *testing.T) {
	for seed := range uint64(24) {
		r := rand.New(rand.NewPCG(seed, 12))
		good, bad := 1+r.IntN(10), 1+r.IntN(5)
		p, changed, end := anOffice(r, good, bad, time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC))
		restart := changed.Add(time.Duration(r.IntN(7200)-3600) * time.Second)
		before := shippedHome(t)
		verdicts := p.replayed(t, before, p.from, restart)
		after := shippedHome(t)
		after.Home.LoadHomes(before.Home.Homes(), restart)
		after.Home.LoadGuessed(before.Home.Guessed())
		verdicts = append(verdicts, p.replayed(t, after, restart, end)...)

		attacker := time.Time{}
		var reported []time.Time
		for _, v := range verdicts {
			a := v.Ban.Prefix.Addr().String()
			switch {
			case a == office && !v.Alarm:
				t.Errorf("seed %d, %d good and %d bad phones: got a ban of the office: %s", seed, good, bad, v.Ban.Reason)
			case a == office && !strings.Contains(v.Ban.Reason, " an old password: "):
				t.Errorf("seed %d: the cause is not named: %s", seed, v.Ban.Reason)
			case a == office:
				reported = append(reported, v.Ban.Since)
			case v.Bans() && attacker.IsZero():
				attacker = v.Ban.Since
			}
		}
		if want := changed.Add(2*time.Hour + 8*time.Second); !attacker.Equal(want) {
			t.Errorf("seed %d: got the attacker banned at %v, want %v", seed, attacker, want)
		}
		if len(reported) == 0 {
			t.Errorf("seed %d: there is no alarm about the office", seed)
		}
		for i, at := range reported {
			if i > 0 && at.Sub(reported[i-1]) < time.Hour && !(reported[i-1].Before(restart) && !at.Before(restart)) {
				t.Errorf("seed %d: reported again after %v", seed, at.Sub(reported[i-1]))
			}
		}
	}
}

// TestThiefWithAnAccount: an attacker with an account guesses the passwords of others no
// more often than the allowance until it is banned, on each service, slow and fast. The
// table is in the log of the test.
func TestThiefWithAnAccount(t *testing.T) {
	const thief = "203.0.113.91"
	event := func(service parsers.Service, wire bool) func(good bool, account string) *parsers.Event {
		return func(good bool, account string) *parsers.Event {
			e := of(failure(thief), account)
			e.Service, e.Evidence, e.Channel = service, parsers.Proven, parsers.ChannelSecurity
			switch {
			case wire:
				e.Channel = parsers.ChannelWire
			case service == parsers.PJSIP:
				e.Evidence = parsers.Seen
			}
			if good {
				e.Result, e.Kind, e.Password = parsers.Signal, parsers.Success, wire || service != parsers.AMI
			}
			return e
		}
	}
	t.Logf("%-22s %8s %24s", "service, witness", "every", "guesses until the ban")
	for _, c := range []struct {
		name    string
		service parsers.Service
		wire    bool
	}{
		{"SIP, logs", parsers.PJSIP, false}, {"SIP, wire", parsers.PJSIP, true}, {"IAX2, wire", parsers.IAX2, true},
		{"AMI, logs", parsers.AMI, false}, {"AMI, wire", parsers.AMI, true},
	} {
		for _, every := range []time.Duration{time.Second, 30 * time.Second, 2 * time.Minute, 15 * time.Minute, time.Hour} {
			j, make := shippedHome(t), event(c.service, c.wire)
			j.jails = slices.DeleteFunc(j.jails, func(jail *Jail) bool { return jail.Observe })
			if c.wire {
				j.SetWitnesses(nil, packets{heard: from(thief)})
			}
			guesses, banned := 0, false
			for i := 0; i < 200 && !banned; i++ {
				at := start.Add(time.Duration(i) * every)
				own := make(true, "900")
				if c.wire {
					hearWire(j, own, at)
				} else {
					hearIn(j, "/var/log/asterisk/security", own, at)
				}
				guesses++
				e, at := make(false, fmt.Sprint(201+i%7)), at.Add(100*time.Millisecond)
				verdicts := []Verdict(nil)
				if c.wire {
					verdicts = hearWire(j, e, at)
				} else {
					verdicts = hearIn(j, "/var/log/asterisk/security", e, at)
				}
				banned = slices.ContainsFunc(verdicts, Verdict.Bans)
			}
			t.Logf("%-22s %8s %24d", c.name, every, guesses)
			if limit := map[bool]int{true: 15, false: 45}[every <= 30*time.Second]; !banned || guesses > limit {
				t.Errorf("%s, every %v: got %d guesses, banned %t, want no more than %d", c.name, every, guesses, banned, limit)
			}
		}
	}
}
