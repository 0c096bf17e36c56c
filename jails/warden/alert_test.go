package warden

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pbxjail/jails"
	"pbxjail/jails/home"
	"pbxjail/parsers"
)

func TestProtectedIsReported(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.Change(s.jails, jails.NewGuard(nil, []netip.Prefix{prefix("10.0.0.0/8")}), jails.Senses{})
		s.attack("10.0.0.1", 100)
		s.attack("10.0.0.2", 2)
		if got := s.journal.count("not banned: the address is protected"); got != 2 {
			t.Errorf("got %d alerts, want one for each address", got)
		}
		pass(alertEvery - time.Second)
		s.attack("10.0.0.1", 2)
		if got := s.journal.count("protected"); got != 2 {
			t.Errorf("got %d alerts, want no more within %v", got, alertEvery)
		}
		pass(time.Second)
		s.attack("10.0.0.1", 2)
		if got := s.journal.count("prefix=10.0.0.1/32"); got != 2 {
			t.Errorf("got %d alerts, want another after %v", got, alertEvery)
		}
		for i := range 5 * maxAlerts { // an attacker can forge packets of any number of addresses
			s.attack(numbered(i+1000).String(), 2)
			s.attack("10.0.0.2", 2)
		}
		if got, want := s.journal.count("protected"), 2+maxAlerts; got != want {
			t.Errorf("got %d alerts with a flood, want %d", got, want)
		}
		pass(alertEvery)
		s.attack("10.0.0.2", 2)
		if got := s.journal.count("protected"); got != 2+maxAlerts+1 || len(s.alerted.last) > maxAlerts {
			t.Errorf("got %d alerts, %d remembered, want the flood forgotten", got, len(s.alerted.last))
		}
		s.expect("all", "", "", "")
	})
}

// A password that may be guessed is reported once, also for an address that was just
// reported as protected, and again only after jailctl ack.
func TestAlarmIsReportedOnce(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		s.Change(s.jails, jails.NewGuard([]netip.Addr{addr(nine)}, nil), jails.Senses{})
		login := func() {
			e := with(failure(nine), func(e *parsers.Event) {
				e.Result, e.Kind, e.Password, e.Account = parsers.Signal, parsers.Success, true, parsers.TextOf([]byte("1001"))
			})
			s.Hear("/log", e, time.Now(), time.Now())
		}
		fail := func() {
			for range 5 {
				e := with(failure(nine), func(e *parsers.Event) { e.Account = parsers.TextOf([]byte("1001")) })
				s.Hear("/log", e, time.Now(), time.Now())
			}
		}
		for range 5 {
			fail()
			login()
		}
		if got := s.journal.count("not banned: the address is protected"); got != 1 {
			t.Errorf("got %d alerts, want one", got)
		}
		if got := s.journal.count("alarm for the admin prefix=203.0.113.9/32"); got != 1 {
			t.Errorf("got %d alarms, want one", got)
		}
		seen, err := s.Ack(func(g home.Guessed) bool { return g.Account == "1001" })
		if len(seen) != 1 || err != nil || len(s.Guessed()) != 0 {
			t.Errorf("got %v seen, %v, and %v left", seen, err, s.Guessed())
		}
		fail()
		login()
		if got := s.journal.count("alarm for the admin prefix=203.0.113.9/32"); got != 2 {
			t.Errorf("got %d alarms, want another after the first was seen", got)
		}
	}, "maxretry: 3")
}

// A change of ignoreip or of our own addresses ends the bans of what it protects.
func TestChangeLetsOut(t *testing.T) {
	play(t, func(t *testing.T, s *scene) {
		for i := range 4 {
			s.attack(fmt.Sprintf("192.0.2.%d", i), 2)
		}
		s.Order(Order{Prefix: prefix("198.51.100.0/24"), For: new(24 * time.Hour)}, time.Now())
		pass(time.Second)
		s.kernel.failing(func(call string, p netip.Prefix) error { // not at the first try
			if call == "unban" && p == prefix("192.0.2.2/32") {
				return errors.New("busy")
			}
			return nil
		})
		s.Change([]*jails.Jail{jailOf(t, "a", "maxretry: 2\nignoreip: [192.0.2.3]")},
			jails.NewGuard([]netip.Addr{addr("192.0.2.1")}, []netip.Prefix{prefix("192.0.2.2/32"), prefix("198.51.100.7/32")}), jails.Senses{})
		pass(time.Second)
		some := "192.0.2.0/32 192.0.2.2/32 198.51.100.0/24"
		s.expect("the kernel is busy", some, some, some)
		s.kernel.failing(nil)
		pass(time.Second)
		some = "192.0.2.0/32 198.51.100.0/24" // a ban by hand was meant
		s.expect("then", some, some, some)
		pass(10 * time.Minute)
		s.stop()
		s.begin()
		s.expect("after a restart", some, some, some)
	})
}

// A full table has room for what it has already.
func TestOldReminderIsDueAgain(t *testing.T) {
	var r reminders
	now := start
	prefix := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)
	}
	for i := range maxAlerts {
		if !r.due(prefix(i), now.Add(time.Duration(i)*time.Millisecond)) {
			t.Fatalf("number %d is not due", i)
		}
	}
	now = now.Add(alertEvery)
	r.due(prefix(maxAlerts), now) // removes the old ones: only number 0 is old yet
	now = now.Add(pruneEvery / 2)
	if !r.due(prefix(1), now) {
		t.Error("a prefix that was reported ten minutes ago is not reported again")
	}
}
