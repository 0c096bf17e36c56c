package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pbxjail/cmd/internal/lab/madelog"
)

// mostLag is required of a log that grows, on a quiet machine, after the last line.
const mostLag = time.Second

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

// pour appends lines to a log at a rate, until count are written or ctx ends. A writer that is
// late does not leave lines out.
func pour(ctx context.Context, log string, rate, count int) (lines int, err error) {
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
	for n := 0; lines < count && ctx.Err() == nil; <-tick.C {
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
		written, err := pour(ctx, log, m.rate, m.rate*m.length)
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

// unknown reports which of some parts are not in a list, as an error.
func unknown(parts, list []string) error {
	for _, p := range parts {
		if !slices.Contains(list, p) {
			return fmt.Errorf("part %q is unknown: use %s", p, strings.Join(list, ", "))
		}
	}
	return nil
}
