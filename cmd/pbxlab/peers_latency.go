package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"pbxjail/cmd/internal/lab"
	"pbxjail/cmd/internal/lab/madelog"
)

// timed is a rival whose bans are timed.
type timed struct {
	rival
	sink   *lab.Sink
	count  int // of samples
	took   []time.Duration
	missed int
}

// patience of one sample: CrowdSec's bouncer asks every 10 seconds.
const samplePatience = 25 * time.Second

// latency times, for each rival in turn, from the write of the lines that make a ban until
// the packets of the address no longer arrive.
func (o *peersBench) latency(ctx context.Context) (err error) {
	rivals, err := o.rivals(true)
	if err != nil {
		return err
	}
	var list []*timed
	for _, r := range rivals {
		t := &timed{rival: r, count: o.samples}
		switch r.(type) {
		case *fail2banRival:
			t.count = o.samples / 4
		case *crowdsecRival:
			t.count = max(o.samples/20, 4)
		}
		leave, err := r.enter()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, leave()) }()
		if err := r.start(ctx); err != nil {
			return err
		}
		if t.sink, err = r.lab().NewSink(); err != nil {
			return err
		}
		defer t.sink.Close()
		list = append(list, t)
	}
	// The pause is drawn, so that no program's own rhythm is met.
	pauses := rand.New(rand.NewPCG(1, 2))
	for step := range o.samples {
		for _, t := range list {
			if (step+1)*t.count/o.samples == step*t.count/o.samples {
				continue
			}
			pause := 20*time.Millisecond + time.Duration(pauses.IntN(200))*time.Millisecond
			until(ctx, pause, func() bool { return false })
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := t.sample(madelog.Attacker(step)); err != nil {
				return fmt.Errorf("%s: %w", t.name(), err)
			}
		}
	}
	o.latencyTable(list)
	return nil
}

func (t *timed) sample(a netip.Addr) (err error) {
	p, err := t.lab().NewPulse(t.sink, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	arrived := 0
	for range 20 {
		if p.Arrives() {
			arrived++
		}
	}
	if arrived < 15 {
		return fmt.Errorf("packets of %s do not arrive before its attack: %d of 20", a, arrived)
	}
	var text strings.Builder
	for i := range t.lines() {
		text.WriteString(t.line(a, len(t.took)*10+i))
	}
	wrote := time.Now() // before, so that no time is too short
	if err := appendTo(t.log(), text.String()); err != nil {
		return err
	}
	at, ok := p.Drop(samplePatience)
	if !ok {
		t.missed++
		return nil
	}
	t.took = append(t.took, at.Sub(wrote))
	return nil
}

func (o *peersBench) latencyTable(list []*timed) {
	var rows [][]string
	for _, t := range list {
		slices.Sort(t.took)
		at := func(share float64) string {
			if len(t.took) == 0 {
				return "-"
			}
			return fmt.Sprintf("%.2f", float64(t.took[min(int(share*float64(len(t.took))), len(t.took)-1)].Microseconds())/1000)
		}
		rows = append(rows, []string{t.name(), fmt.Sprint(len(t.took)), fmt.Sprint(t.missed), at(0), at(.5), at(.9), at(.99), at(1)})
	}
	o.markdown("From the write of the line that makes a ban until packets stop, ms (one probe each 0.2 ms)",
		[]string{"", "bans", "missed", "least", "p50", "p90", "p99", "most"}, rows)
}
