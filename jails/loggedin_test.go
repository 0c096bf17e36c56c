package jails

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"pbxjail/jails/home"
	"pbxjail/jails/recent"
	"pbxjail/parsers"
)

func TestLoggedIn(t *testing.T) {
	j := shippedJudge(t)
	j.Home.ProtectLogins = time.Hour
	heard(t, j, seven, login("192.0.2.9"), said("SuccessfulAuth", "SIP", victim, `,UsingPassword="1"`),
		said("SuccessfulAuth", "SIP", "192.0.2.10", `,UsingPassword="0"`))
	heard(t, j, seven.Add(time.Minute), said("SuccessfulAuth", "PJSIP", "192.0.2.9", `,UsingPassword="1"`))
	want := []home.Login{
		{Addr: netip.MustParseAddr("192.0.2.9"), Service: parsers.PJSIP, At: seven.Add(time.Minute)},
		{Addr: netip.MustParseAddr(victim), Service: parsers.SIP, At: seven.Add(time.Second)},
	}
	slices.SortFunc(want, func(x, y home.Login) int { return x.Addr.Compare(y.Addr) })
	if got := j.Home.LoggedIn(seven.Add(30 * time.Minute)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := j.Home.LoggedIn(seven.Add(3 * time.Hour)); len(got) != 0 {
		t.Errorf("hours later: got %v, want none", got)
	}
}

func TestRecentEach(t *testing.T) {
	r := recent.Map[int, int]{Max: 4}
	for i := range 7 {
		r.Put(i%5, i)
	}
	got := map[int]int{}
	for k, v := range r.Each {
		if _, twice := got[k]; twice {
			t.Errorf("got %d twice", k)
		}
		got[k] = v
		if want, _ := r.Get(k); v != want {
			t.Errorf("%d: got %d, want %d", k, v, want)
		}
	}
	if got[1] != 6 || got[0] != 5 {
		t.Errorf("got %v, want the latest of each", got)
	}
	for range r.Each {
		break
	}
}
