package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"pbxjail/cmd/internal/lab"
)

// What is required from the write of the line that makes a ban until packets stop, on a quiet
// machine.
const (
	mostMiddle  = 400 * time.Microsecond // p50
	mostSlow    = 3 * time.Millisecond   // p99
	mostFlooded = 15 * time.Millisecond  // p99, beside a flood of lines
)

// floodRate is how many lines a second a flood has, and floodMost how many it has at most.
const floodRate, floodMost = 50_000, 5_000_000

// wireSettles is after how long the sensor on the wire knows of an address that it sent
// nothing. Before that a log is believed more, and a figure would be of a daemon that has just
// started.
const wireSettles = 70 * time.Second

// stopping times bans from the write of the line that makes a ban until packets stop, with the wire on.
func (m *measurer) stopping(ctx context.Context) error {
	m.title("from the write of the line that makes a ban until packets stop: %d attackers, the wire on", m.samples)
	return m.timeStops(ctx, 0, mostMiddle, mostSlow)
}

// flooded is stopping beside a flood of other lines.
func (m *measurer) flooded(ctx context.Context) error {
	m.title("the same beside a log full that grows by %d lines a second", floodRate)
	return m.timeStops(ctx, floodRate, mostFlooded, mostFlooded)
}

func (m *measurer) timeStops(ctx context.Context, flood int, middle, slow time.Duration) error {
	s, err := m.stops(ctx, flood)
	if err != nil {
		return err
	}
	if len(s.took) == 0 {
		return errors.New("no ban was seen")
	}
	slices.Sort(s.took)
	at := func(share float64) time.Duration { return s.took[min(int(share*float64(len(s.took))), len(s.took)-1)] }
	exact := func(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }
	t := m.table("BANS", "MISSED", "LEAST", "P50", "P90", "P99", "MOST")
	fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", len(s.took), m.required(fmt.Sprint(s.missed), s.missed == 0), exact(at(0)),
		m.required(exact(at(.5)), at(.5) <= middle), exact(at(.9)), m.required(exact(at(.99)), at(.99) <= slow), exact(at(1)))
	return t.Flush()
}

// overTLS writes attacks over TLS: the wire cannot read them, so that the log alone decides.
type overTLS struct{ *pbxjailRival }

func (r overTLS) line(a netip.Addr, nth int) string {
	return strings.ReplaceAll(r.pbxjailRival.line(a, nth), "/UDP/", "/TLS/")
}

// stops lets the attackers come, and returns how long each of their bans took. flood is how
// many other lines a second are written meanwhile.
func (m *measurer) stops(ctx context.Context, flood int) (t *timed, err error) {
	g, leave, err := m.newGuard(fmt.Sprintf("stopping%d", flood), "ipset")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, leave()) }()
	log := filepath.Join(g.logs(), fullLog)
	if err := errors.Join(os.WriteFile(log, nil, 0o644), g.configure(grown+"enforcer: ipset\n")); err != nil {
		return nil, err
	}
	t = &timed{rival: overTLS{&pbxjailRival{guard: g}}}
	if t.sink, err = g.net.NewSink(); err != nil { // first: the port is SIP's
		return nil, err
	}
	defer t.sink.Close()
	door, err := g.net.NewDoor()
	if err != nil {
		return nil, err
	}
	defer door.Close()
	if err := m.ready(ctx, g); err != nil {
		return nil, err
	}
	until(ctx, m.settles, g.gone)
	ctx, cancel := context.WithCancel(ctx)
	var pouring sync.WaitGroup
	var failed error
	if flood > 0 {
		pouring.Go(func() { _, failed = pour(ctx, log, flood, floodMost) })
	}
	sampled := m.sampleAll(ctx, t, door)
	cancel()
	pouring.Wait()
	return t, errors.Join(sampled, failed)
}

// sampleAll lets one attacker come after the other. Each opens a connection first: a record
// about an address that sent nothing charges no address.
func (m *measurer) sampleAll(ctx context.Context, t *timed, door *lab.Door) error {
	// The pause is drawn, so that no rhythm of the daemon's is met.
	pauses := rand.New(rand.NewPCG(1, 2))
	for nth := range m.samples {
		until(ctx, 20*time.Millisecond+time.Duration(pauses.IntN(100))*time.Millisecond, func() bool { return false })
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		a := written(nth + 1)
		if err := t.lab().Greet(door, a); err != nil {
			return err
		}
		if err := t.sample(a); err != nil {
			return err
		}
	}
	return nil
}
