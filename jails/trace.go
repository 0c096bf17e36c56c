package jails

import (
	"errors"
	"fmt"
	"io"
	"time"

	"pbxjail/parsers"
)

// Trace is a file of packets beside the logs, in the order of its times. A Replay
// owns it while it runs.
type Trace interface {
	// Next reads the next packet and returns its time, without judging it; io.EOF at
	// the end of the trace.
	Next() (time.Time, error)
	// Play calls emit for each event that follows from the packet that Next read last.
	// The texts of an event hold until emit returns.
	Play(emit func(*parsers.Event))
}

// player hands out the packets of a trace, one by one.
type player struct {
	src   *Source
	trace Trace
	last  time.Time
}

func (p *player) due() time.Time { return p.last }

func (p *player) advance() (bool, error) {
	at, err := p.trace.Next()
	if errors.Is(err, io.EOF) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("read the trace: %w", err)
	}
	p.last = at
	return true, nil
}

// play judges what follows from the packet at hand. An event that falls due later
// than it began, such as a challenge that nobody answered, has the packet's time.
func (p *player) play(j *Judge, take func(Verdict)) {
	p.trace.Play(func(e *parsers.Event) { j.Hear(p.src, e, p.last, take) })
}
