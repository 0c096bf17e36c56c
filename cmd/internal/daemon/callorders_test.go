package daemon

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pbxjail/jails/home"
	"pbxjail/parsers"
	"pbxjail/parsers/manager"
)

// A hangup that fails is tried again and is a problem meanwhile, until the call is over.
func TestHangupAgain(t *testing.T) {
	s := newSite(t, "calls: {enabled: true, country: DE, action: [hangup]}")
	asterisk := &asteriskDB{keys: map[string]bool{}, since: time.Now(), refuses: 40}
	d := s.open()
	d.calls.orders.setManager(asterisk)
	s.run(d, nil)
	var channels []string
	for i := range 12 {
		channels = append(channels, calling(d, "201", fmt.Sprintf("00972591%05d", i), i))
	}
	s.eventually("the problem", func() bool { return s.problem("cannot hang up the call on channel PJSIP/201-") })
	text := func(s string) parsers.Text { return parsers.TextOf([]byte(s)) }
	over, emergency := channels[0], channels[1]
	d.calls.heardAMI(&manager.Call{Kind: manager.Hangup, Channel: text(over)}, time.Now())
	d.calls.heardAMI(&manager.Call{Kind: manager.DialBegin, Channel: text(emergency), Dest: text("PJSIP/trunk-2"), Dialled: text("112@trunk")}, time.Now())
	asterisk.mu.Lock()
	asterisk.refuses = 0
	asterisk.mu.Unlock()
	at := time.Now()
	s.eventually("the hangups", func() bool {
		at = at.Add(time.Minute)
		d.calls.orders.do(t.Context(), at)
		return len(asterisk.ended()) >= len(channels)-2 && !s.problem("cannot hang up")
	})
	want := slices.Sorted(slices.Values(channels[2:]))
	if got := slices.Sorted(slices.Values(asterisk.ended())); !slices.Equal(got, want) {
		t.Errorf("hung up: %v, want %v", got, want)
	}
}

// Counts of a day outlive a restart: the critical limit is reached by calls before and after it.
func TestCountsOutliveRestart(t *testing.T) {
	s := newSite(t, "calls: {enabled: true, country: DE, action: [tell]}")
	text := func(s string) parsers.Text { return parsers.TextOf([]byte(s)) }
	at := time.Now().Add(-10 * time.Hour)
	for _, want := range []string{"warning", "critical"} {
		d := s.open()
		stop := s.run(d, nil)
		for range 16 { // calls in a row to one number: 15 warn and 30 are critical
			at = at.Add(10 * time.Minute)
			channel := text(fmt.Sprintf("PJSIP/201-%08x", at.Unix()))
			d.calls.heardAMI(&manager.Call{Kind: manager.NewChannel, Channel: channel, Number: text("0097259123456")}, at)
			d.calls.heardAMI(&manager.Call{Kind: manager.DialBegin, Channel: channel, Dest: text("PJSIP/trunk-1"), Dialled: text("0097259123456@trunk")}, at)
			d.calls.heardAMI(&manager.Call{Kind: manager.Hangup, Channel: channel}, at.Add(time.Second))
		}
		if a := s.accountOf("201"); a.Level != want {
			t.Errorf("got %s, want %s", a.Level, want)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// A guest of chan_sip names an account in the domain of its From header: its calls count for no
// account, and no account is barred.
func TestGuestsClaim(t *testing.T) {
	for _, tt := range []struct {
		name, sip string
		context   string // where the calls of 201 begin
		critical  string
	}{
		{"a guest", "[general]\ncontext=public\n", "public", "(guests)"},
		{"the account, where guests begin elsewhere", "[general]\ncontext=public\n", "from-internal", "201"},
		{"no guests", "[general]\nallowguest=no\n", "public", "201"},
		{"the context of guests is not written", "[general]\n", "default", "(guests)"},
		{"the context of a domain", "[general]\ncontext=public\ndomain=pbx.example,inside\n", "inside", "(guests)"},
	} {
		s := newSite(t)
		s.write("asterisk/sip.conf", tt.sip)
		s.configure("calls: {enabled: true, country: DE, action: [hangup, bar]}")
		asterisk := &asteriskDB{keys: map[string]bool{}, since: time.Now()}
		d := s.open()
		d.calls.orders.setManager(asterisk)
		s.run(d, nil)
		text := func(s string) parsers.Text { return parsers.TextOf([]byte(s)) }
		call := func(channel, context, number string) {
			d.calls.heardAMI(&manager.Call{Kind: manager.NewChannel, Channel: text(channel), Number: text(number), Context: text(context)}, time.Now())
			d.calls.heardAMI(&manager.Call{Kind: manager.DialBegin, Channel: text(channel), Number: text(number), Dest: text("PJSIP/trunk-1"), Dialled: text(number + "@trunk")}, time.Now())
		}
		for i := range 12 {
			call(fmt.Sprintf("SIP/201-%08x", i), tt.context, fmt.Sprintf("00972591%05d", i))
			call(fmt.Sprintf("SIP/202-%08x", i), "from-internal", "03012345678")
		}
		for _, account := range []string{"201", "(guests)"} {
			if a := s.accountOf(account); (a.Level == "critical") != (account == tt.critical) {
				t.Errorf("%s: account %s is at level %s", tt.name, account, a.Level)
			}
		}
		d.calls.look(time.Now())
		d.calls.orders.do(t.Context(), time.Now())
		if barred := asterisk.has("pbxjail-barred/201"); barred != (tt.critical == "201") || asterisk.has("pbxjail-barred/(guests)") {
			t.Errorf("%s: barred %t", tt.name, barred)
		}
	}
}

// A call to an account that is registered at the address of a trunk leaves the PBX: it counts for
// that account, and not for its caller.
func TestRegisteredOutside(t *testing.T) {
	s := newSite(t, "calls: {enabled: true, country: DE, action: [tell]}")
	d := s.open()
	s.run(d, nil)
	d.calls.setPhones([]home.Registration{{Account: "202"}, {Account: "203"}})
	d.calls.setOutside(map[string]string{"202": "0097259123456"})
	text := func(s string) parsers.Text { return parsers.TextOf([]byte(s)) }
	for i := range 31 {
		for _, to := range []string{"202", "203"} {
			channel := text(fmt.Sprintf("PJSIP/201-%s%05x", to, i))
			d.calls.heardAMI(&manager.Call{Kind: manager.NewChannel, Channel: channel, Number: text(to)}, time.Now())
			d.calls.heardAMI(&manager.Call{Kind: manager.DialBegin, Channel: channel, Number: text(to), Dest: text("PJSIP/" + to + "-1"), Dialled: text(to)}, time.Now())
			d.calls.heardAMI(&manager.Call{Kind: manager.Hangup, Channel: channel}, time.Now())
		}
	}
	for account, want := range map[string]string{"201": "none", "202": "critical", "203": "none"} {
		if a := s.accountOf(account); a.Level != want {
			t.Errorf("account %s: got %s, want %s", account, a.Level, want)
		}
	}
}

// A caller ID with an empty line hides a call from AMI, and not its record: the call counts, and
// one that both report counts once.
func TestHiddenFromAMI(t *testing.T) {
	s := newSite(t)
	s.write("Master.csv", "")
	s.configure("calls: {enabled: true, country: DE, cdr: [" + s.path("Master.csv") + "], action: [hangup, bar]}")
	asterisk := &asteriskDB{keys: map[string]bool{}, since: time.Now()}
	d := s.open()
	d.calls.orders.setManager(asterisk)
	s.run(d, nil)
	text := func(s string) parsers.Text { return parsers.TextOf([]byte(s)) }
	began := time.Now().Add(-12 * time.Second)
	for i := range 6 { // every second call is seen
		at, channel, number := began.Add(time.Duration(2*i)*time.Second), text(fmt.Sprintf("PJSIP/201-%08x", 2*i)), fmt.Sprintf("0097259%06d", 2*i)
		d.calls.heardAMI(&manager.Call{Kind: manager.NewChannel, Channel: channel, Number: text(number)}, at)
		d.calls.heardAMI(&manager.Call{Kind: manager.DialBegin, Channel: channel, Number: text(number), Dest: text("PJSIP/trunk-1"), Dialled: text(number + "@trunk")}, at)
		d.calls.heardAMI(&manager.Call{Kind: manager.Hangup, Channel: channel}, at.Add(time.Second))
	}
	s.record(records("201", "0097259", 12))
	s.eventually("the bar", func() bool { return asterisk.has("pbxjail-barred/201") })
	if a := s.accountOf("201"); len(a.Counts) != 1 || a.Counts[0].Calls != 12 {
		t.Errorf("got %+v, want 12 calls", a.Counts)
	}
	if len(asterisk.ended()) > 0 || s.problem("cannot hang up") {
		t.Errorf("calls that are over are hung up: %v", asterisk.ended())
	}
}
