package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pbxjail/cmd/internal/guard"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/parsers"
	"pbxjail/parsers/sensor"
	"pbxjail/watcher/wire"
)

// cable is a capture that a test plays packets into.
type cable struct {
	syncs   atomic.Int32
	packets chan *wire.Packet
	mu      sync.Mutex
	stats   wire.LiveStats
	fail    error // of the next Run
}

func (c *cable) Stats() wire.LiveStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// works makes the capture read, or fail.
func (c *cable) works(err error, since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail, c.stats.Complete = err, since
}

func (c *cable) SetPorts([]wire.Port) error { return nil }

func (c *cable) Sync(context.Context) { c.syncs.Add(1) }

func (c *cable) Run(ctx context.Context, deliver func(*wire.Packet)) error {
	c.mu.Lock()
	fail := c.fail
	c.mu.Unlock()
	if fail != nil {
		return fail
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-c.packets:
			deliver(p)
		}
	}
}

var (
	pbxEnd  = netip.MustParseAddrPort("192.0.2.10:5060")
	farEnd  = netip.MustParseAddrPort("203.0.113.9:5071")
	victim  = netip.MustParseAddr("198.51.100.77")
	message = strings.NewReplacer("\n", "\r\n")
)

// asks is a REGISTER from outside, answers what we said to it. n tells attempts apart.
func asks(at time.Time, n int) *wire.Packet {
	return &wire.Packet{Time: at, Src: farEnd, Dst: pbxEnd, Data: []byte(message.Replace(fmt.Sprintf(
		"REGISTER sip:192.0.2.10 SIP/2.0\nVia: SIP/2.0/UDP 203.0.113.9:5071;branch=z9hG4bK%[1]d\nFrom: <sip:%[2]d@192.0.2.10>;tag=%[1]d\nTo: <sip:%[2]d@192.0.2.10>\nCall-ID: %[1]d\nCSeq: 1 REGISTER\nUser-Agent: friendly-scanner\nContent-Length: 0\n\n", n, 100+n)))}
}

func answers(at time.Time, n int, status string) *wire.Packet {
	return &wire.Packet{Time: at, Src: pbxEnd, Dst: farEnd, Out: true, Data: []byte(message.Replace(fmt.Sprintf(
		"SIP/2.0 %[3]s\nVia: SIP/2.0/UDP 203.0.113.9:5071;branch=z9hG4bK%[1]d\nFrom: <sip:%[2]d@192.0.2.10>;tag=%[1]d\nTo: <sip:%[2]d@192.0.2.10>;tag=a\nCall-ID: %[1]d\nCSeq: 1 REGISTER\nContent-Length: 0\n\n", n, 100+n, status)))}
}

// playWire runs a wire in a bubble of its own time.
func playWire(t *testing.T, test func(t *testing.T, w *wireSource, c *cable, events func() []parsers.Event)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWireSource(configs.Wire{Enabled: true, Limit: 8000}, sensor.DefaultPorts(), quiet(), wire.LiveOptions{})
		c := &cable{packets: make(chan *wire.Packet)}
		w.live = c
		var mu sync.Mutex
		var found []parsers.Event
		w.hear = func(e *parsers.Event, _ time.Time) {
			w.Heard(e.Addr, e.Service, e.Time) // as the judge asks while it judges
			mu.Lock()
			defer mu.Unlock()
			found = append(found, *e)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		test(t, w, c, func() []parsers.Event {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return append([]parsers.Event(nil), found...)
		})
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestWireTellsWhatWeAnswered(t *testing.T) {
	playWire(t, func(t *testing.T, w *wireSource, c *cable, events func() []parsers.Event) {
		c.works(nil, time.Now())
		time.Sleep(2 * time.Second)
		for n := range 3 {
			c.packets <- asks(time.Now(), n)
			c.packets <- answers(time.Now(), n, "403 Forbidden")
			time.Sleep(time.Second)
		}
		got := 0
		for _, e := range events() {
			if e.Result == parsers.Offence && e.Addr == farEnd.Addr() && strings.Contains(e.Line.Quoted(), "REGISTER as 10") {
				got++
			}
		}
		if got != 3 {
			t.Errorf("got %d offences in %v, want 3", got, events())
		}
		if a := w.Heard(farEnd.Addr(), parsers.PJSIP, time.Now()); a != parsers.Yes {
			t.Errorf("got %v for who sent, want yes", a)
		}
		if a := w.Heard(victim, parsers.PJSIP, time.Now()); a != parsers.No {
			t.Errorf("got %v for who did not, want no", a)
		}
		if list := w.Suspects(nil, parsers.PJSIP, time.Now()); len(list) != 1 || list[0] != farEnd.Addr() {
			t.Errorf("got suspects %v", list)
		}
		if s := w.status(); s.Events < 3 || s.Complete == nil || len(s.Ports) == 0 {
			t.Errorf("got %+v", s)
		}
	})
}

// TestNothingFollowsFromAWireThatIsNotRead: not before it is read, not in a gap, and not
// while it is interrupted.
func TestNothingFollowsFromAWireThatIsNotRead(t *testing.T) {
	playWire(t, func(t *testing.T, w *wireSource, c *cable, events func() []parsers.Event) {
		want := func(what string, want parsers.Answer) {
			t.Helper()
			if got := w.Heard(victim, parsers.PJSIP, time.Now()); got != want {
				t.Errorf("%s: got %v, want %v", what, got, want)
			}
			if complete := w.Complete(victim, parsers.PJSIP, time.Now()); complete != (want == parsers.No) {
				t.Errorf("%s: complete is %t", what, complete)
			}
		}
		time.Sleep(time.Second)
		want("before it is read", parsers.CannotTell)
		c.works(nil, time.Now())
		time.Sleep(3 * time.Minute)
		want("when it is read", parsers.No)
		w.gap(time.Now().Add(-time.Hour), time.Now())
		want("after a gap", parsers.CannotTell)
		time.Sleep(3 * time.Minute)
		want("when the gap is long ago", parsers.No)
		c.works(nil, time.Time{})
		time.Sleep(5 * time.Second)
		want("while it is interrupted", parsers.CannotTell)
	})
}

// TestWireThatCannotBeRead: it is a problem with a hint, is tried again, and ends nothing.
func TestWireThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWireSource(configs.Wire{Enabled: true, Limit: 8000}, sensor.DefaultPorts(), quiet(), wire.LiveOptions{})
		c := &cable{packets: make(chan *wire.Packet)}
		c.works(hint.Add("give it CAP_NET_RAW", errors.New("operation not permitted")), time.Time{})
		w.live, w.hear = c, func(*parsers.Event, time.Time) {}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		synctest.Wait()
		list := w.problems(time.Now())
		if len(list) != 1 || !strings.Contains(list[0].What, "operation not permitted") || list[0].Hint != "give it CAP_NET_RAW" {
			t.Errorf("got %v", list)
		}
		c.works(nil, time.Now())
		time.Sleep(2 * wireRetry)
		if list := w.problems(time.Now()); len(list) != 0 {
			t.Errorf("got %v when it is read again", list)
		}
		c.mu.Lock()
		c.stats.Complete, c.stats.Dropped = time.Now(), 7
		c.mu.Unlock()
		if list := w.problems(time.Now()); len(list) != 1 || !strings.Contains(list[0].What, "It missed 7 packets since it started, because the buffer") {
			t.Errorf("got %v, want what was missed", list)
		}
		c.mu.Lock()
		c.stats.Dropped, c.stats.Sampled = 0, 7
		c.mu.Unlock()
		if list := w.problems(time.Now()); len(list) != 1 || !strings.Contains(list[0].What, "wire.limit is 8000 packets a second") || !strings.Contains(list[0].Hint, "{limit: 16000}") {
			t.Errorf("got %v, want the limit, and a larger one", list)
		}
		cancel()
		<-ended
	})
}

func TestSides(t *testing.T) {
	var s sides
	a := netip.MustParseAddr("192.0.2.10")
	if s.own(a) || s.known(a) {
		t.Error("the zero value knows an address")
	}
	s.set(guard.State{Own: []netip.Addr{a}}, nil)
	if !s.own(a) || s.own(victim) || s.known(a) {
		t.Errorf("got own %t, %t, known %t", s.own(a), s.own(victim), s.known(a))
	}
}

// TestOtherPorts: when Asterisk listens elsewhere, nothing follows from what was not read
// there before.
func TestOtherPorts(t *testing.T) {
	playWire(t, func(t *testing.T, w *wireSource, c *cable, events func() []parsers.Event) {
		c.works(nil, time.Now())
		time.Sleep(3 * time.Minute)
		dir := t.TempDir()
		main := &configs.Main{Asterisk: dir, Heard: configs.Heard{Ports: []configs.PortRange{{First: 5090, Last: 5091}}}}
		writeFile(t, filepath.Join(dir, "pjsip.conf"), "[a]\ntype=transport\nprotocol=udp\nbind=0.0.0.0:5070\n[b]\ntype=transport\nprotocol=tls\nbind=0.0.0.0:5443\n")
		at := time.Now()
		w.watch(wirePorts(main, newAsteriskSight(t.TempDir())), at)
		time.Sleep(2 * time.Second)
		words := w.status().Ports
		for _, want := range []string{"5070/udp", "5070/tcp", "5443/tls", "5090/udp", "5091/tcp", "4569/udp", "8089/tls"} {
			if !slices.Contains(words, want) {
				t.Errorf("got ports %v, want %s among them", words, want)
			}
		}
		if got := w.Heard(victim, parsers.PJSIP, at.Add(-time.Minute)); got != parsers.CannotTell {
			t.Errorf("got %v of the time before, want that it cannot tell", got)
		}
		if got := w.Heard(victim, parsers.PJSIP, time.Now()); got != parsers.No {
			t.Errorf("got %v of now, want no", got)
		}
		before := w.sensor
		if w.watch(wirePorts(main, newAsteriskSight(t.TempDir())), time.Now()); w.sensor != before {
			t.Error("the same ports empty the sensor")
		}
	})
}
