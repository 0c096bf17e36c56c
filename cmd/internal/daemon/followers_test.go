package daemon

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"

	"pbxjail/cmd/internal/control"
	"pbxjail/parsers"
	"pbxjail/parsers/sensor"
)

func transaction(from netip.AddrPort, method string) *sensor.Transaction {
	return &sensor.Transaction{
		Remote: from, Local: pbxEnd, Service: parsers.PJSIP, Method: method,
		Account: parsers.TextOf([]byte("10\x1b1")), Agent: parsers.TextOf([]byte("friendly-scanner")), Status: 403, Answer: "403",
	}
}

func TestFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l followers
		l.tell(transaction(farEnd, "REGISTER")) // when no one follows
		ctx, cancel := context.WithCancel(t.Context())
		var all, one []control.Transaction
		slow := make(chan struct{})
		ended := make(chan error, 2)
		go func() {
			ended <- l.follow(ctx, netip.Addr{}, caller(func(t control.Transaction) error { <-slow; all = append(all, t); return nil }))
		}()
		go func() {
			ended <- l.follow(ctx, farEnd.Addr(), caller(func(t control.Transaction) error { one = append(one, t); return nil }))
		}()
		synctest.Wait()
		for range maxUnread + 11 {
			l.tell(transaction(netip.AddrPortFrom(victim, 5060), "OPTIONS")) // would hang here
		}
		l.tell(transaction(farEnd, "REGISTER"))
		close(slow)
		synctest.Wait()
		l.tell(transaction(farEnd, "INVITE"))
		synctest.Wait()
		if len(one) != 2 || one[0].Method != "REGISTER" || one[0].Account != `10\x1b1` || one[0].Status != 403 {
			t.Errorf("got %+v, want those of the address", one)
		}
		lost := uint64(0)
		for _, x := range all {
			lost += x.Dropped
		}
		if uint64(len(all))+lost != maxUnread+13 || lost == 0 {
			t.Errorf("got %d and %d lost, want %d together", len(all), lost, maxUnread+13)
		}
		cancel()
		<-ended
		<-ended
		if len(l.list) != 0 {
			t.Errorf("got %d followers left", len(l.list))
		}
	})
}

func caller(send func(control.Transaction) error) control.Caller[control.Transaction] {
	return control.Caller[control.Transaction]{Begin: func() error { return nil }, Send: send}
}

func TestFollowersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l followers
		gone := errors.New("gone")
		ended := make(chan error, maxFollowers)
		for range maxFollowers {
			go func() {
				ended <- l.follow(t.Context(), netip.Addr{}, caller(func(control.Transaction) error { return gone }))
			}()
		}
		synctest.Wait()
		err := l.follow(t.Context(), netip.Addr{}, caller(func(control.Transaction) error { return nil }))
		if status(err) != 409 {
			t.Errorf("got %v for one too many", err)
		}
		l.tell(transaction(farEnd, "REGISTER"))
		for range maxFollowers {
			if err := <-ended; !errors.Is(err, gone) {
				t.Errorf("got %v, want why it could not be sent", err)
			}
		}
	})
}

// TestWireIsOff: what only the wire can answer says what to do.
func TestWireIsOff(t *testing.T) {
	s := newSite(t)
	s.run(s.open(), nil)
	if _, err := control.Ask(t.Context(), s.client(), control.CallAgents, control.None{}); status(err) != 409 {
		t.Errorf("got %v", err)
	}
	err := control.Follow(t.Context(), s.client(), control.StreamWire, control.WireRequest{}, func() {}, func(control.Transaction) error { return nil })
	if status(err) != 409 {
		t.Errorf("got %v", err)
	}
}
