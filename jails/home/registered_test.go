package home

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pbxjail/jails/jailstest"
	"pbxjail/parsers"
)

// A registered phone that fails is reported. Its address gains nothing else: who has an
// account could register any address.
func TestRegistered(t *testing.T) {
	hs, now := New(noWire{}), jailstest.Start()
	hs.ProtectLogins = 30 * 24 * time.Hour
	own := jailstest.With(jailstest.Failure("203.0.113.50"), func(e *parsers.Event) { e.Account, e.Service = parsers.TextOf([]byte("101")), parsers.PJSIP })
	other := jailstest.With(jailstest.Failure("203.0.113.50"), func(e *parsers.Event) { e.Account, e.Service = parsers.TextOf([]byte("102")), parsers.PJSIP })
	elsewhere := jailstest.With(jailstest.Failure("203.0.113.51"), func(e *parsers.Event) { e.Account, e.Service = parsers.TextOf([]byte("101")), parsers.PJSIP })
	alarms := 0
	excused := func(e *parsers.Event, at time.Time) bool { return hs.Excuse(1, e, at, func(Alarm) { alarms++ }) }

	if excused(own, now) {
		t.Error("excused before it is registered")
	}
	list := []Registration{
		{parsers.PJSIP, "101", netip.MustParseAddr("203.0.113.50")},
		{parsers.PJSIP, "103", netip.MustParseAddr("0.0.0.0")}, {parsers.PJSIP, "", netip.MustParseAddr("203.0.113.51")}, {parsers.SSH, "101", netip.MustParseAddr("203.0.113.51")}, {},
	}
	hs.SetRegistered(list, now)
	for range reportFirst {
		if !excused(own, now) {
			t.Error("a registered phone is not excused")
		}
	}
	if alarms != 1 {
		t.Errorf("got %d reports, want one", alarms)
	}
	if excused(other, now) || excused(elsewhere, now) {
		t.Error("another account, or another address, is excused")
	}
	p := netip.MustParsePrefix("203.0.113.50/32")
	if _, protects := hs.Protects(p, now); protects || hs.LogsIn(p.Addr(), now) || hs.Phones(p.Addr(), now) > 0 || len(hs.LoggedIn(now)) > 0 || len(hs.Homes()) > 0 {
		t.Error("an address that registered is taken for a home")
	}
	if excused(own, now.Add(registeredFor+time.Minute)) {
		t.Error("a list that Asterisk does not renew counts too long")
	}
	hs.Forget(p, "")
	if excused(own, now) {
		t.Error("an erased address is excused")
	}
}

func TestRegisteredIsBounded(t *testing.T) {
	hs := New(noWire{})
	var list []Registration
	for i := range 3 * MaxRegistered {
		list = append(list, Registration{parsers.PJSIP, fmt.Sprint(i), jailstest.Numbered(i)})
	}
	hs.SetRegistered(list, jailstest.Start())
	if n := len(hs.registered.where); n != MaxRegistered {
		t.Errorf("got %d, want %d", n, MaxRegistered)
	}
}

type noWire struct{}

func (noWire) Reads(netip.Addr, parsers.Service, time.Time) bool { return false }
