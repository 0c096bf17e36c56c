package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/beat"
	"pbxjail/configs/hint"
	"pbxjail/parsers"
	"pbxjail/parsers/sensor"
	"pbxjail/watcher/wire"
)

// capture reads packets. *wire.Live is one.
type capture interface {
	Run(ctx context.Context, deliver func(*wire.Packet)) error
	Stats() wire.LiveStats
	SetPorts(ports []wire.Port) error
	Sync(ctx context.Context)
}

// wireSource is the source of what packets say: a capture, and the sensor that reads
// what was asked and what we answered. It is the judge's witness too. All methods may be
// called from any goroutine; Run only once.
//
// The warden asks while it judges, with its own lock held. So mu is never held while the
// warden is called.
type wireSource struct {
	log   *slog.Logger
	main  configs.Wire
	live  capture
	hear  func(e *parsers.Event, now time.Time) // set before Run
	known func()                                // closes ready, once
	ready chan struct{}                         // closed when it is known whether packets are read
	ended chan struct{}                         // closed when Run ends

	followers followers

	mu      sync.Mutex // guards all below
	ports   []sensor.Port
	since   time.Time // when the ports were last changed
	sensor  *sensor.Sensor
	piece   sensor.Packet
	found   *findings // what follows from the packet at hand
	spare   *findings // empty, so that the next packet needs no memory of its own
	problem error     // why packets are not read
}

// wireRetry is how long we wait before a capture that could not begin is tried again.
const wireRetry = 10 * time.Second

// newWireSource captures nothing before Run. traffic says what the capture must know of
// addresses.
func newWireSource(main configs.Wire, ports []sensor.Port, log *slog.Logger, traffic wire.LiveOptions) *wireSource {
	w := &wireSource{log: log, main: main, ports: ports, ready: make(chan struct{}), ended: make(chan struct{})}
	w.known = sync.OnceFunc(func() { close(w.ready) })
	w.sensor = w.newSensor()
	traffic.Ports = portsOf(w.ports)
	traffic.Cards, traffic.Limit = main.Interfaces, main.Limit
	traffic.Gap, traffic.Problem = w.gap, w.interrupted
	known := traffic.Known
	traffic.Known = func(a netip.Addr) bool { return known != nil && known(a) || w.loggedIn(a) }
	w.live = wire.NewLive(traffic)
	return w
}

// newSensor makes a sensor that knows nothing yet. mu is held, or nothing runs.
func (w *wireSource) newSensor() *sensor.Sensor {
	return sensor.New(sensor.Options{Ports: w.ports, Finished: w.followers.tell})
}

// wirePorts are the ports that are read: those of Asterisk's configuration, and those
// where the main file says that SIP comes in.
func wirePorts(main *configs.Main, sight *asteriskSight) (ports []sensor.Port) {
	found, _ := sight.ports(main) // its problems are logged with the senders
	for _, p := range found {
		switch p.Service {
		case asterisk.SIP:
			ports = append(ports, sensor.Port{Number: p.Number, Service: parsers.PJSIP})
			ports = append(ports, sensor.Port{Number: p.Number, TCP: true, TLS: p.TLS, Service: parsers.PJSIP})
		case asterisk.IAX:
			ports = append(ports, sensor.Port{Number: p.Number, Service: parsers.IAX2})
		case asterisk.AMI:
			ports = append(ports, sensor.Port{Number: p.Number, TCP: true, TLS: p.TLS, Service: parsers.AMI})
		case asterisk.HTTP:
			ports = append(ports, sensor.Port{Number: p.Number, TCP: true, TLS: p.TLS, Service: parsers.HTTP})
		}
	}
	for _, r := range slices.Concat(main.Heard.Ports, main.PacketRules.Ports) {
		for n := int(r.First); n <= int(r.Last) && len(ports) < maxWirePorts; n++ {
			for _, tcp := range []bool{false, true} {
				p := sensor.Port{Number: uint16(n), TCP: tcp, Service: parsers.PJSIP}
				if !slices.ContainsFunc(ports, func(o sensor.Port) bool { return o.Number == p.Number && o.TCP == p.TCP }) {
					ports = append(ports, p)
				}
			}
		}
	}
	return ports
}

// maxWirePorts bounds the kernel's filter.
const maxWirePorts = 256

// watch reads other ports from now on. The sensor starts empty: nothing follows from what
// it did not see there before.
func (w *wireSource) watch(ports []sensor.Port, now time.Time) {
	w.mu.Lock()
	same := slices.Equal(ports, w.ports)
	if !same {
		w.ports, w.since = ports, now
		w.sensor = w.newSensor()
	}
	w.mu.Unlock()
	if same {
		return
	}
	if err := w.live.SetPorts(portsOf(ports)); err != nil {
		w.interrupted(err)
		return
	}
	w.log.Info("the ports whose packets are read have changed", "ports", len(ports))
}

func portsOf(list []sensor.Port) (ports []wire.Port) {
	for _, p := range list {
		ports = append(ports, wire.Port{Number: p.Number, TCP: p.TCP})
	}
	return ports
}

// Run reads packets until ctx ends. That they cannot be read is a problem for status, and
// is tried again: the logs are read all the same.
func (w *wireSource) Run(ctx context.Context) error {
	var ticking sync.WaitGroup
	ticking.Go(func() { w.tick(ctx) })
	defer ticking.Wait()
	defer close(w.ended)
	for {
		err := w.live.Run(ctx, w.packet)
		if ctx.Err() != nil {
			return nil
		}
		w.interrupted(err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wireRetry):
		}
	}
}

// wireStarts is how often we look whether the capture has begun.
const wireStarts = 20 * time.Millisecond

// tick tells the sensor each second what time it is: a challenge without an answer is
// an event without a packet.
func (w *wireSource) tick(ctx context.Context) {
	next := time.NewTimer(wireStarts)
	defer next.Stop()
	for began := false; ; {
		select {
		case <-ctx.Done():
			return
		case now := <-next.C:
			complete := w.live.Stats().Complete
			began = began || !complete.IsZero()
			if next.Reset(wireStarts); began || w.failing() {
				next.Reset(beat.Until(now, time.Second))
			}
			if w.failing() && !complete.IsZero() {
				w.interrupted(nil)
			}
			w.read(now, func() { w.pass(now, complete) })
			if began || w.failing() {
				w.known()
			}
		}
	}
}

// pass notes that time has passed, and whether packets are read: while they are not,
// nothing follows from what is not there. mu is held.
func (w *wireSource) pass(now, complete time.Time) {
	if complete.IsZero() {
		w.sensor.Gap(now)
	} else {
		w.sensor.Begin(later(complete, w.since))
	}
	w.sensor.Tick(now, w.keep)
}

// packet reads one packet, and judges what follows from it.
func (w *wireSource) packet(p *wire.Packet) {
	w.read(p.Time, func() {
		w.piece = sensor.Packet{Time: p.Time, TCP: p.TCP, Src: p.Src, Dst: p.Dst, Out: p.Out, Data: p.Data, Start: p.Start, End: p.End, Lost: p.Lost}
		w.sensor.Packet(&w.piece, w.keep)
	})
}

// catchUpWithin is how long an event of a log waits for the packets before it. A capture
// that needs longer is overloaded, and says so.
const catchUpWithin = 20 * time.Millisecond

// catchUp reads all packets that have arrived. Packets of known phones wake no goroutine, and
// wait up to 250 ms: a record that Asterisk wrote about one of them must find it read, or it
// looks forged. The caller must not hold the warden's lock.
func (w *wireSource) catchUp() {
	ctx, cancel := context.WithTimeout(context.Background(), catchUpWithin)
	defer cancel()
	w.live.Sync(ctx)
}

// read lets the sensor read, and hands what it found to the warden.
func (w *wireSource) read(at time.Time, sense func()) {
	w.mu.Lock()
	sense()
	found := w.found
	w.found = nil
	w.mu.Unlock()
	if found == nil {
		return
	}
	for i := range found.events {
		w.hear(&found.events[i], at)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(found.events) <= mostSpare {
		found.events, found.text = found.events[:0], found.text[:0]
		w.spare = found
	}
}

// keep copies an event until the sensor is done. mu is held.
func (w *wireSource) keep(e *parsers.Event) {
	if w.found == nil {
		w.found, w.spare = w.spare, nil
	}
	if w.found == nil {
		w.found = &findings{}
	}
	w.found.keep(e)
}

// longestGap bounds a gap, which is reported to the sensor second by second.
const longestGap = 30 * time.Second

// gap notes that packets are missing: nothing follows from what is not there.
func (w *wireSource) gap(from, to time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if to.Sub(from) > longestGap {
		from = to.Add(-longestGap)
	}
	for at := from; at.Before(to); at = at.Add(time.Second) {
		w.sensor.Gap(at)
	}
	w.sensor.Gap(to)
}

// interrupted notes why packets are not read; nil: they are again.
func (w *wireSource) interrupted(err error) {
	w.mu.Lock()
	before := w.problem
	w.problem = err
	w.mu.Unlock()
	switch {
	case err == nil:
		w.log.Info("packets are read again")
	case before == nil || before.Error() != err.Error():
		w.log.Error("pbxjail cannot read packets (wire), so bans come from logs alone", "err", err, "hint", todo(err, retryHint))
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (w *wireSource) failing() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.problem != nil
}

// loggedIn reports whether an address logged in with a password: from then on it is no
// stranger, and not only when those who are at home are looked at again.
func (w *wireSource) loggedIn(a netip.Addr) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sensor.LoggedIn(a, time.Now())
}

// Heard implements witness.Heard.
func (w *wireSource) Heard(a netip.Addr, s parsers.Service, at time.Time) parsers.Answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sensor.Heard(a, s, at)
}

// Suspects implements witness.Heard.
func (w *wireSource) Suspects(list []netip.Addr, s parsers.Service, at time.Time) []netip.Addr {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sensor.Suspects(list, s, at)
}

// Complete implements witness.Wire.
func (w *wireSource) Complete(a netip.Addr, s parsers.Service, at time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sensor.Complete(a, s, at)
}

// follow sends the transactions of an address, or of all, until ctx or Run ends.
func (w *wireSource) follow(ctx context.Context, q control.WireRequest, to control.Caller[control.Transaction]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-w.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	return w.followers.follow(ctx, q.Addr, to)
}

// agents are the user agents that were seen.
func (w *wireSource) agents() (list []control.Agent) {
	w.mu.Lock()
	found := w.sensor.Agents()
	w.mu.Unlock()
	for _, a := range found {
		list = append(list, control.Agent{
			Name: a.Name.Quoted(), Requests: a.Requests, LoggedIn: a.LoggedIn, Accounts: a.Accounts, Addresses: a.Addresses, Last: a.Last.UTC(),
		})
	}
	return list
}

// status is what status shows of the wire.
func (w *wireSource) status() control.Wire {
	live := w.live.Stats()
	w.mu.Lock()
	defer w.mu.Unlock()
	read := w.sensor.Stats()
	s := control.Wire{
		Enabled: true, Interfaces: w.main.Interfaces, Complete: control.Moment(live.Complete), Packets: live.Received, Events: read.Events,
		Banned: live.Banned, Dropped: live.Dropped, Sampled: live.Sampled,
	}
	for _, p := range w.ports {
		s.Ports = append(s.Ports, portWord(p))
	}
	if w.problem != nil {
		s.Problem, s.Hint = w.problem.Error(), hint.Of(w.problem)
	}
	return s
}

func portWord(p sensor.Port) string {
	switch {
	case p.TLS:
		return fmt.Sprintf("%d/tls", p.Number)
	case p.TCP:
		return fmt.Sprintf("%d/tcp", p.Number)
	}
	return fmt.Sprintf("%d/udp", p.Number)
}
