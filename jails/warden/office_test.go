package warden

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/jails/home"
	"pbxjail/parsers"
)

const office = "203.0.113.50"

// asterisk writes what phones do into a log, or onto the wire.
type asterisk struct {
	s      *scene
	parser *parsers.Parser
	wire   bool
	calls  int
}

func asteriskOf(s *scene, wire bool) *asterisk {
	return &asterisk{s: s, parser: parsers.New(parsers.Clock{}), wire: wire}
}

func (a *asterisk) write(line string) {
	now := time.Now()
	a.parser.Block([]byte(line+"\n"), false, now, func(e *parsers.Event) { a.s.Hear("/log", e, now, now) })
}

// register is one attempt of a phone.
func (a *asterisk) register(addr, account string, good bool) {
	a.calls++
	now := time.Now().UTC()
	if a.wire {
		e := failure(addr)
		e.Channel, e.Evidence, e.Account = parsers.ChannelWire, parsers.Proven, parsers.TextOf([]byte(account))
		if good {
			e.Result, e.Kind, e.Password = parsers.Signal, parsers.Success, true
		}
		a.s.HearWire(e, now)
		return
	}
	event := func(name, severity, tail string) {
		a.write(fmt.Sprintf(`[%s] SECURITY[30287] res_security_log.c: SecurityEvent="%s",EventTV="%s+0000",Severity="%s",Service="PJSIP",EventVersion="1",AccountID="%s",SessionID="c%d",LocalAddress="IPV4/UDP/192.0.2.10/5060",RemoteAddress="IPV4/UDP/%s/5062"%s`,
			now.Format(time.DateTime), name, now.Format("2006-01-02T15:04:05.000"), severity, account, a.calls, addr, tail))
	}
	event("ChallengeSent", "Informational", `,Challenge="179533/0123456789abcdef"`)
	if good {
		event("SuccessfulAuth", "Informational", `,UsingPassword="1"`)
		return
	}
	event("ChallengeResponseFailed", "Error", `,Challenge="179533/0123456789abcdef",Response="260cd0181455ea62a00343fd9a356a56",ExpectedResponse=""`)
	a.write(fmt.Sprintf("[%s] NOTICE[23117] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:%s@192.0.2.10>' failed for '%s:5062' (callid: c%d) - Failed to authenticate",
		now.Format(time.DateTime), account, addr, a.calls))
}

// handset is a phone of the office.
type handset struct {
	account string
	every   time.Duration
	next    time.Time
	bad     bool
}

// TestOffice: twelve hours of an office whose password is changed, with a restart soon
// after. It is never banned, and reported once an hour; an attacker elsewhere is banned.
func TestOffice(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			play(t, func(t *testing.T, s *scene) {
				officeDay(t, s, rand.New(rand.NewPCG(seed, 12)), seed%2 == 1)
			}, "maxretry: 5\nfindtime: 10m\nbantime: 1h\nslow: {maxretry: 15, findtime: 3d}")
		})
	}
}

func officeDay(t *testing.T, s *scene, r *rand.Rand, wire bool) {
	s.Tune(30*24*time.Hour, 3, 0)
	a := asteriskOf(s, wire)
	begin := time.Now()
	var phones []*handset
	for i := range 1 + r.IntN(10) + 1 + r.IntN(5) {
		every := time.Duration(60+r.IntN(3541)) * time.Second
		phones = append(phones, &handset{account: fmt.Sprint(101 + i), every: every, next: begin.Add(time.Duration(r.Int64N(int64(every))))})
	}
	bad := phones[:min(1+r.IntN(5), len(phones)-1)]
	changed, restarted, attacks := begin.Add(5*time.Hour), begin.Add(5*time.Hour+10*time.Minute), 0
	for time.Since(begin) < 12*time.Hour {
		pass(time.Second)
		now := time.Now()
		if changed.Equal(now) {
			for _, p := range bad {
				p.bad, p.every, p.next = true, time.Duration(20+r.IntN(101))*time.Second, now
			}
		}
		if restarted.Equal(now) {
			s.stop()
			s.begin()
			s.Tune(30*24*time.Hour, 3, 0)
		}
		for _, p := range phones {
			if !now.Before(p.next) {
				p.next = now.Add(p.every)
				a.register(office, p.account, !p.bad)
			}
		}
		if now.Sub(changed) > 3*time.Hour && attacks < 5 {
			attacks++
			a.register("198.51.100.66", "101", false)
		}
		if got := s.banned(); strings.Contains(got, office) {
			t.Fatalf("after %v: got %q banned", now.Sub(begin), got)
		}
	}
	if got := s.ban("198.51.100.66/32"); attacks < 5 || got.Jail == "" {
		if n := s.journal.count("ban prefix=198.51.100.66/32"); n != 1 {
			t.Errorf("got %d bans of the attacker, want one after 5 guesses", n)
		}
	}
	reports := s.journal.count("alarm for the admin prefix=" + office + "/32")
	if named := s.journal.count(" an old password: "); reports < 6 || reports > 8 || named != reports {
		t.Errorf("reported %d times in 7 hours, %d of them with the cause, want once an hour", reports, named)
	}
	if got := s.Guessed(); len(got) > 0 {
		t.Errorf("got alarms %v, want none", got)
	}
}

// TestHomesOutliveAWarden: who logged in, and what no one has seen yet, is there after a
// restart, and after a disk that was full meanwhile.
func TestHomesOutliveAWarden(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.Tune(30*24*time.Hour, 3, 0)
		a := asteriskOf(s, true)
		a.register(office, "101", true)
		s.ledger.failing(errDisk)
		for range 5 {
			a.register("198.51.100.66", "201", false)
			pass(20 * time.Minute)
		}
		a.register("198.51.100.66", "201", true)
		pass(2 * time.Minute)
		if got := s.problem("ledger"); got == "" {
			t.Error("the disk is full, and no problem is known")
		}
		s.ledger.failing(nil)
		pass(2 * time.Minute)
		if got := s.problem("ledger"); got != "" {
			t.Errorf("got %q, want all written", got)
		}
		s.stop()
		s.begin()
		s.Tune(30*24*time.Hour, 3, 0)
		if got := s.Guessed(); len(got) != 1 || got[0].Account != "201" || got[0].Guesses != 5 {
			t.Errorf("got %v, want the alarm", got)
		}
		if got := s.LoggedIn(time.Now()); len(got) != 1 || got[0].Addr.String() != office {
			t.Errorf("got %v at home, want the office", got)
		}
		if _, err := s.Order(Order{Prefix: prefix(office + "/32"), By: "root"}, time.Now()); err == nil {
			t.Error("got a ban by hand of an address at home, without force")
		}
		s.Ack(func(home.Guessed) bool { return true })
		s.stop()
		s.begin()
		if got := s.Guessed(); len(got) != 0 {
			t.Errorf("got %v, want it seen for good", got)
		}
	}, "maxretry: 6\nbantime: 1h")
}

// TestPardonOutlivesAWarden: what was done before an unban does not count after a restart
// either, and the accounts of an office keep their grace.
func TestPardonOutlivesAWarden(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		const addr = "203.0.113.9"
		s.attack(addr, 6)
		if s.ban(addr+"/32").Jail == "" {
			t.Fatal("not banned to begin with")
		}
		pass(time.Minute)
		s.Pardon([]netip.Prefix{prefix(addr + "/32")}, 10*time.Minute, time.Now())
		if _, err := s.Unban([]netip.Prefix{prefix(addr + "/32")}, "root", time.Now()); err != nil {
			t.Fatal(err)
		}
		before := time.Now().Add(-30 * time.Second)
		s.stop()
		s.begin()
		pass(time.Minute)
		for range 12 { // of a log that is read late
			s.Hear("/log", failure(addr), before, time.Now())
		}
		if got := s.banned(); strings.Contains(got, addr) {
			t.Errorf("got %q banned for what it did before it was let out", got)
		}
		s.attack(addr, 6)
		if got := s.banned(); !strings.Contains(got, addr) {
			t.Errorf("got %q banned, want %s for what it does now", got, addr)
		}
	}, "maxretry: 6\nbantime: 1h")
}
