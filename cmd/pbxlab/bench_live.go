package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pbxjail/cmd/internal/lab"
	"pbxjail/cmd/internal/lab/madelog"
)

// What is required of a log that grows, on a quiet machine.
const (
	mostMiddle = 400 * time.Microsecond // p50, from the write of the line that makes a ban until packets stop
	mostSlow   = 3 * time.Millisecond   // p99
	mostLag    = time.Second            // after the last line
)

// fullLog is the log that is written to fast.
const fullLog = "full"

// madeLines is how many lines of a made log are written again and again.
const madeLines = 30_000

// madeLog are the lines of a full log, in parts of so many lines.
func madeLog(part int) (parts [][]byte, err error) {
	var text bytes.Buffer
	if _, err := madelog.Write(&text, "full", madeLines); err != nil {
		return nil, err
	}
	var one []byte
	n := 0
	for line := range bytes.Lines(text.Bytes()) {
		one = append(one, line...)
		if n++; n%part == 0 {
			parts = append(parts, one)
			one = nil
		}
	}
	return parts, nil
}

// pour appends lines to a log at a rate, until count are written. A writer that is late does
// not leave lines out.
func pour(log string, rate, count int) (lines int, err error) {
	const pace = time.Millisecond
	part := max(rate/1000, 1)
	parts, err := madeLog(part)
	if err != nil {
		return 0, err
	}
	f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	begin := time.Now()
	for n := 0; lines < count; <-tick.C {
		for due := int(time.Since(begin).Seconds() * float64(rate)); lines+part <= due && lines < count; n++ {
			if _, err := f.Write(parts[n%len(parts)]); err != nil {
				return lines, err
			}
			lines += part
		}
	}
	return lines, nil
}

// growing writes a log as fast as is asked, and counts the lines that the daemon read.
func (m *measurer) growing(ctx context.Context) (err error) {
	m.title("a log that grows by %d lines a second for %d s, as a busy PBX writes it", m.rate, m.length)
	g, leave, err := m.newGuard("growing", "ipset")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	log := filepath.Join(g.logs(), fullLog)
	if err := os.WriteFile(log, nil, 0o644); err != nil {
		return err
	}
	if err := m.ready(ctx, g); err != nil {
		return err
	}
	t := m.table("ROUND", "WRITTEN", "A SECOND", "READ", "BEHIND AFTER THE LAST LINE", "READ A SECOND", "PROCESSOR A LINE", "VMHWM")
	for round := range m.rounds {
		before, err := linesOf(g, fullLog)
		if err != nil {
			return err
		}
		used, err := usedBy(g.daemon.Process.Pid)
		if err != nil {
			return err
		}
		begin := time.Now()
		written, err := pour(log, m.rate, m.rate*m.length)
		if err != nil {
			return err
		}
		wrote := time.Now()
		read := 0
		until(ctx, benchTime, func() bool {
			n, failed := linesOf(g, fullLog)
			read = n - before
			return failed != nil || read >= written || g.gone()
		})
		over := time.Now()
		after, err := usedBy(g.daemon.Process.Pid)
		if err != nil {
			return err
		}
		lag := over.Sub(wrote)
		fmt.Fprintf(t, "%d\t%d\t%.0f\t%s\t%s\t%.0f\t%d ns\t%.1f MiB\n", round+1, written, float64(written)/wrote.Sub(begin).Seconds(),
			m.required(fmt.Sprint(read), read == written), m.required(millis(lag), lag <= mostLag), float64(read)/over.Sub(begin).Seconds(),
			(after.processor-used.processor).Nanoseconds()/int64(max(read, 1)), mib(after.most))
	}
	return t.Flush()
}

// linesOf is how many lines of a log the daemon read.
func linesOf(g *guard, log string) (int, error) {
	out, err := g.ctl("status", "--json")
	if err != nil {
		return 0, err
	}
	var s floodStatus
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		return 0, err
	}
	for _, f := range s.Files {
		if filepath.Base(f.Path) == log {
			return f.Lines, nil
		}
	}
	return 0, fmt.Errorf("pbxjail does not follow %s", log)
}

// stopping times bans from the write of the line until packets stop, with the wire on.
func (m *measurer) stopping(ctx context.Context) error {
	m.title("from the write of the line that makes a ban until packets stop: %d attackers, the wire on", m.samples)
	s, err := m.stops(ctx)
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
		m.required(exact(at(.5)), at(.5) <= mostMiddle), exact(at(.9)), m.required(exact(at(.99)), at(.99) <= mostSlow), exact(at(1)))
	return t.Flush()
}

// overTLS writes attacks over TLS: the wire cannot read them, so that the log alone decides.
type overTLS struct{ *pbxjailRival }

func (r overTLS) line(a netip.Addr, nth int) string {
	return strings.ReplaceAll(r.pbxjailRival.line(a, nth), "/UDP/", "/TLS/")
}

// stops lets the attackers come, and returns how long each of their bans took.
func (m *measurer) stops(ctx context.Context) (t *timed, err error) {
	g, leave, err := m.newGuard("stopping", "ipset")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, leave()) }()
	if err := g.configure(grown + "enforcer: ipset\n"); err != nil {
		return nil, err
	}
	t = &timed{rival: overTLS{&pbxjailRival{guard: g}}}
	if t.sink, err = g.net.NewSink(); err != nil { // first: the port is SIP's
		return nil, err
	}
	defer t.sink.Close()
	own, err := g.net.NewCrowd(lab.Port)
	if err != nil {
		return nil, err
	}
	defer own.Close()
	if err := m.ready(ctx, g); err != nil {
		return nil, err
	}
	return t, m.sampleAll(ctx, t, own)
}

// sampleAll lets one attacker come after the other. Each sends a request of its own first: a
// record about an address that sent nothing charges no address.
func (m *measurer) sampleAll(ctx context.Context, t *timed, own *lab.Crowd) error {
	// The pause is drawn, so that no rhythm of the daemon's is met.
	pauses := rand.New(rand.NewPCG(1, 2))
	for nth := range m.samples {
		until(ctx, 20*time.Millisecond+time.Duration(pauses.IntN(100))*time.Millisecond, func() bool { return false })
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		a := written(nth + 1)
		if _, err := own.Send(ctx, []netip.Addr{a}, 1000, time.Millisecond); err != nil {
			return err
		}
		if err := t.sample(a); err != nil {
			return err
		}
	}
	return nil
}

// unknown reports which of some parts are not in a list, as an error.
func unknown(parts, list []string) error {
	for _, p := range parts {
		if !slices.Contains(list, p) {
			return fmt.Errorf("part %q is unknown: use %s", p, strings.Join(list, ", "))
		}
	}
	return nil
}
