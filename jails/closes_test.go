package jails

import (
	"testing"
	"time"

	"pbxjail/configs/ports"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// What a ban closes: what was attacked, more for those who come back, and no more than that
// where the packets prove little.
func TestCloses(t *testing.T) {
	const nine = "203.0.113.9"
	of := func(s parsers.Service, c parsers.Channel, change ...func(*parsers.Event)) *parsers.Event {
		e := &parsers.Event{
			Result: parsers.Offence, Kind: parsers.BadPassword, Evidence: parsers.Seen, Service: s, Channel: c,
			Points: parsers.Point, Addr: addr(nine), Rule: "x", Line: parsers.TextOf([]byte("x")),
		}
		for _, f := range change {
			f(e)
		}
		return e
	}
	sip, ami, iax := of(parsers.PJSIP, parsers.ChannelNotice), of(parsers.AMI, parsers.ChannelNotice), of(parsers.IAX2, parsers.ChannelNotice)
	claimed := of(parsers.SIP, parsers.ChannelNotice, func(e *parsers.Event) { e.Evidence = parsers.Claimed })
	type step struct {
		hear []*parsers.Event
		want string // of the ban that it leads to; "-" is none
	}
	for name, test := range map[string]struct {
		jail  string
		steps []step
	}{
		"service":       {"", []step{{[]*parsers.Event{sip, sip}, "sip"}}},
		"two services":  {"", []step{{[]*parsers.Event{sip, ami}, "ami,sip"}}},
		"dialplan":      {"", []step{{[]*parsers.Event{of(parsers.Dialplan, parsers.ChannelDialplan), sip}, "iax,sip"}}},
		"not known":     {"", []step{{[]*parsers.Event{of(parsers.Other, parsers.ChannelSecurity), sip}, "ami,http,iax,sip"}}},
		"all":           {"\nports: all", []step{{[]*parsers.Event{sip, sip}, "all"}}},
		"a list":        {"\nports: [5060, 5061, 10000-20000/udp]", []step{{[]*parsers.Event{sip, sip}, "5060+5061+10000-20000/udp"}}},
		"a list, named": {"\nports: [sip, 22/tcp]", []step{{[]*parsers.Event{ami, ami}, "22/tcp,sip"}}},
		"comes back":    {"", []step{{[]*parsers.Event{sip, sip}, "sip"}, {[]*parsers.Event{sip, sip}, "sip"}, {[]*parsers.Event{sip, sip}, "all"}, {[]*parsers.Event{sip, sip}, "all"}}},
		"at once":       {"\nall_ports_from: 1", []step{{[]*parsers.Event{sip, sip}, "all"}}},
		"never all":     {"\nall_ports_from: 0", []step{{[]*parsers.Event{sip, sip}, "sip"}, {[]*parsers.Event{sip, sip}, "sip"}, {[]*parsers.Event{sip, sip}, "sip"}, {[]*parsers.Event{sip, sip}, "sip"}}},
		"claimed": {"\nall_ports_from: 1\nevidence: {ban: claimed, factor: {claimed: 1}}",
			[]step{{[]*parsers.Event{claimed, claimed, claimed}, "sip"}}},
	} {
		t.Run(name, func(t *testing.T) {
			jail := jailOf(t, "a", "maxretry: 2\nbantime: 10m"+test.jail)
			j := judgeOf(jail)
			now := start
			for i, s := range test.steps {
				got := "-"
				for _, e := range s.hear {
					j.Hear(j.Source("/log"), e, now, func(v Verdict) {
						got = v.Ban.Ports.String()
						j.Book().Put(v.Ban)
					})
					now = now.Add(time.Second)
				}
				if got != s.want {
					t.Errorf("ban %d: got %s, want %s", i+1, got, s.want)
				}
				now = now.Add(time.Hour)
			}
		})
	}
	t.Run("one service more", func(t *testing.T) {
		j := judgeOf(jailOf(t, "a", "maxretry: 2\nbantime: 10m"), jailOf(t, "b", "maxretry: 2\nbantime: 1m\nmatch: [{event: bad-password, service: iax2}]"))
		var bans []book.Ban
		hear := func(e *parsers.Event, at time.Time) {
			j.Hear(j.Source("/log"), e, at, func(v Verdict) {
				bans = append(bans, v.Ban)
				j.Book().Put(v.Ban)
			})
		}
		hear(sip, start)
		hear(sip, start)
		hear(sip, start) // written before the ban fell
		hear(sip, start)
		hear(iax, start.Add(time.Minute))
		hear(iax, start.Add(time.Minute))
		var last book.Ban
		for _, b := range bans {
			last = b
		}
		if len(bans) < 2 || bans[0].Ports != "sip" || last.Ports != "iax,sip" || last.Until.Before(bans[0].Until) || last.Strike != 1 {
			t.Errorf("got %+v, want SIP and then both, no shorter than the first", bans)
		}
		if got := j.Book().Places(); got != 2 {
			t.Errorf("got %d places, want 2", got)
		}
		j.Book().Lift(last.Prefix)
		if got := j.Book().Places(); got != 0 {
			t.Errorf("got %d places, want none", got)
		}
	})
	t.Run("packets that prove little", func(t *testing.T) {
		jail, widest := jailOf(t, "a", "all_ports_from: 1"), jailOf(t, "b", "ports: all")
		short := book.Ban{Ports: "sip", Strike: 9, Most: shortBan}
		if got := jail.Closed(short); got != "sip" {
			t.Errorf("got %s, want no more than SIP", got)
		}
		if got := widest.Closed(short); got != ports.All {
			t.Errorf("got %s, want what the jail says", got)
		}
	})
	t.Run("a pattern", func(t *testing.T) {
		j := judgeOf(jailOf(t, "a", "maxretry: 1\nmatch: [{regex: '^<ADDR> no$'}]"))
		p := j.Source("/log").Patterns()[0]
		e := of(parsers.Other, parsers.ChannelNotice, func(e *parsers.Event) { e.Kind, e.Pattern = parsers.Custom, p })
		var got book.Ban
		j.Hear(j.Source("/log"), e, start, func(v Verdict) { got = v.Ban })
		if !got.Prefix.IsValid() || got.Ports != ports.All {
			t.Errorf("got %+v, want every port: the service of the pattern is not known", got)
		}
	})
}
