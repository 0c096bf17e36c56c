package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/actions"
	"pbxjail/configs"
	"pbxjail/parsers"
)

// scriptedGate is a gate whose answers a test chooses.
type scriptedGate struct {
	actions.Gate
	hearings map[string]actions.Hearing // by set; others have heard no address, and were always there
	guarded  [][]actions.Port
	checks   int
	recent   map[string][]netip.Addr
	within   time.Duration

	mu  sync.Mutex
	err error // guarded by mu, like guarded and checks
}

func (g *scriptedGate) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err = err
}

func (g *scriptedGate) Heard(_ netip.Addr, set string, _ time.Time) actions.Hearing {
	return g.hearings[set]
}

func (g *scriptedGate) Guard(ports []actions.Port, _ time.Time) (degraded []string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.guarded = append(g.guarded, ports)
	return nil, g.err
}

func (g *scriptedGate) Check(time.Time) (made []string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.checks++
	return nil, g.err
}

func (g *scriptedGate) Recent(list []netip.Addr, set string, within time.Duration, n int) []netip.Addr {
	g.within = within
	for _, a := range g.recent[set] {
		if len(list) < n {
			list = append(list, a)
		}
	}
	return list
}

// TestJudgeHearing: what a set says about a record of now, or of some time ago.
func TestJudgeHearing(t *testing.T) {
	now := time.Date(2024, 3, 5, 6, 7, 8, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for _, test := range []struct {
		name string
		h    actions.Hearing
		at   time.Time
		want parsers.Answer
	}{
		{"came", actions.Hearing{Heard: true}, now, parsers.Yes},
		{"came, though the set is full", actions.Hearing{Heard: true, Full: true, Since: now}, now, parsers.Yes},
		{"came, without a handshake that is known", actions.Hearing{Heard: true, Doubt: true}, now, parsers.CannotTell},
		{"did not come", actions.Hearing{Since: ago(time.Hour)}, now, parsers.No},
		{"did not come, nor without a handshake", actions.Hearing{Since: ago(time.Hour), Doubt: true}, now, parsers.No},
		{"blind", actions.Hearing{Blind: "no sets", Heard: true}, now, parsers.CannotTell},
		{"full", actions.Hearing{Since: ago(time.Hour), Full: true}, now, parsers.CannotTell},
		{"fresh", actions.Hearing{Since: ago(packetBefore - 1)}, now, parsers.CannotTell},
		{"no longer fresh", actions.Hearing{Since: ago(packetBefore)}, now, parsers.No},
		{"of a while ago", actions.Hearing{Since: ago(time.Hour)}, ago(actions.Memory - packetBefore - 1), parsers.No},
		{"of longer ago than is remembered", actions.Hearing{Since: ago(time.Hour)}, ago(actions.Memory - packetBefore), parsers.CannotTell},
	} {
		if got := judgeHearing(test.h, test.at, now); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// TestSendersAnswer: a service is heard on all its ports, and one set that cannot tell
// leaves it open.
func TestSendersAnswer(t *testing.T) {
	now := time.Date(2024, 3, 5, 6, 7, 8, 0, time.UTC)
	none, blind, came := actions.Hearing{Since: now.Add(-time.Hour)}, actions.Hearing{Blind: "no"}, actions.Hearing{Heard: true}
	for _, test := range []struct {
		service parsers.Service
		by      map[string]actions.Hearing // others: none
		want    parsers.Answer
	}{
		{parsers.PJSIP, nil, parsers.No},
		{parsers.PJSIP, map[string]actions.Hearing{"sipu": came}, parsers.Yes},
		{parsers.SIP, map[string]actions.Hearing{"sipt": came}, parsers.Yes},
		{parsers.SIP, map[string]actions.Hearing{"http": came}, parsers.Yes},
		{parsers.SIP, map[string]actions.Hearing{"iax": came, "ami": came}, parsers.No},
		{parsers.SIP, map[string]actions.Hearing{"sipu": blind, "http": came}, parsers.Yes},
		{parsers.SIP, map[string]actions.Hearing{"sipt": blind}, parsers.CannotTell},
		{parsers.IAX2, map[string]actions.Hearing{"sipu": came, "sipt": blind}, parsers.No},
		{parsers.IAX2, map[string]actions.Hearing{"iax": came}, parsers.Yes},
		{parsers.AMI, map[string]actions.Hearing{"ami": came}, parsers.Yes},
		{parsers.HTTP, map[string]actions.Hearing{"ami": came}, parsers.No},
		{parsers.Dialplan, map[string]actions.Hearing{"ami": came}, parsers.Yes},
		{parsers.Other, map[string]actions.Hearing{"iax": blind}, parsers.CannotTell},
	} {
		g := &scriptedGate{hearings: map[string]actions.Hearing{}}
		for _, set := range setsOf(parsers.Other) {
			g.hearings[set] = none
		}
		for set, h := range test.by {
			g.hearings[set] = h
		}
		s := &senders{gate: g, clock: func() time.Time { return now }}
		if got := s.Heard(netip.MustParseAddr("192.0.2.1"), test.service, now); got != test.want {
			t.Errorf("%s, %v: got %s, want %s", test.service, test.by, got, test.want)
		}
	}
}

func TestSendersSuspects(t *testing.T) {
	now := time.Date(2024, 3, 5, 6, 7, 8, 0, time.UTC)
	addrs := func(list ...string) (out []netip.Addr) {
		for _, a := range list {
			out = append(out, netip.MustParseAddr(a))
		}
		return out
	}
	many := make([]netip.Addr, 100)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
	}
	g := &scriptedGate{recent: map[string][]netip.Addr{"sipu": addrs("192.0.2.1"), "http": addrs("2001:db8::1"), "iax": many}}
	s := &senders{gate: g, clock: func() time.Time { return now }}
	had := addrs("203.0.113.1")
	if got, want := s.Suspects(had, parsers.PJSIP, now.Add(-3*time.Second)), addrs("203.0.113.1", "192.0.2.1", "2001:db8::1"); !slices.Equal(got, want) || g.within != 4*time.Second {
		t.Errorf("got %v within %s, want %v", got, g.within, want)
	}
	if got := s.Suspects(had, parsers.IAX2, now); len(got) != 1+mostSenders {
		t.Errorf("got %d suspects, want %d more than before", len(got), mostSenders)
	}
	if got := s.Suspects(had, parsers.IAX2, now.Add(time.Hour)); len(got) != 1 {
		t.Errorf("got %v for a record of the future", got)
	}
}

// TestGuardedPorts: Asterisk's own ports and those that the main file adds.
func TestGuardedPorts(t *testing.T) {
	s := newSite(t)
	s.write("asterisk/pjsip.conf", "[u]\ntype=transport\nbind=0.0.0.0:5160\n")
	main := &configs.Main{Asterisk: s.path("asterisk"), Heard: configs.Heard{Enabled: true, Ports: []configs.PortRange{{First: 5090, Last: 5099}}}}
	var words []string
	for _, p := range guardedPorts(main, newAsteriskSight(t.TempDir()), slog.New(slog.DiscardHandler)) {
		words = append(words, fmt.Sprintf("%s %s %d-%d", p.Service, p.Proto, p.From, p.To))
	}
	got := strings.Join(words, ", ")
	const want = "sipu udp 5160-5160, sipt tcp 5160-5160, iax udp 4569-4569, ami tcp 5038-5038, ami tcp 5039-5039, http tcp 8088-8088, http tcp 8089-8089, sipu udp 5090-5099, sipt tcp 5090-5099"
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	main.Heard.Enabled = false
	if got := guardedPorts(main, newAsteriskSight(t.TempDir()), slog.New(slog.DiscardHandler)); len(got) > 0 {
		t.Errorf("switched off: got %v", got)
	}
}

// TestSendersRun: the kernel is looked at each second, other ports are taken, and what is
// wrong is said once and shown until it is right.
func TestSendersRun(t *testing.T) {
	site := newSite(t)
	synctest.Test(t, func(t *testing.T) {
		main := &configs.Main{Asterisk: site.path("asterisk"), Heard: configs.Heard{Enabled: true}}
		g := &scriptedGate{}
		log := &ownLog{}
		s := &senders{log: slog.New(slog.NewTextHandler(log, nil)), gate: g, sight: newAsteriskSight(t.TempDir()), settings: func() *configs.Main { return main }, clock: time.Now}
		s.ports = guardedPorts(main, s.sight, s.log)
		stop, done := runFor(t, s.Run)
		time.Sleep(5*sendersEvery + 1)
		synctest.Wait()
		if g.checks != 5 || len(g.guarded) > 0 {
			t.Errorf("got %d checks, guarded %v, want 5 and none", g.checks, g.guarded)
		}
		site.write("asterisk/iax.conf", "[general]\nbindport=4570\n")
		g.fail(errors.New("no sets"))
		s.sight.look(main)
		time.Sleep(2 * sendersEvery)
		synctest.Wait()
		if len(g.guarded) != 1 || !slices.Contains(g.guarded[0], actions.Port{Service: "iax", Proto: "udp", From: 4570, To: 4570}) {
			t.Errorf("got guarded %v, want the new port, once", g.guarded)
		}
		if got := s.problems(); len(got) != 1 || !strings.Contains(got[0].What, "no sets") || strings.Count(log.String(), "no sets") != 1 {
			t.Errorf("got problems %v, log\n%s", got, log)
		}
		g.fail(nil)
		time.Sleep(2 * sendersEvery)
		synctest.Wait()
		if got := s.problems(); len(got) > 0 {
			t.Errorf("got problems %v", got)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// runFor runs until stop is called.
func runFor(t *testing.T, run func(context.Context) error) (stop func(), done chan error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done = make(chan error, 1)
	go func() { done <- run(ctx) }()
	return stop, done
}
