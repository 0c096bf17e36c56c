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

// player plays the packets of a trace, one by one.
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
		return false, fmt.Errorf("cannot read the trace: %w", err)
	}
	p.last = at
	return true, nil
}

// play judges the events of the present packet. An event that is due later, such as an
// unanswered challenge, has the time of the packet.
func (p *player) play(j *Judge, take func(Verdict)) {
	p.trace.Play(func(e *parsers.Event) { j.Hear(p.src, e, p.last, take) })
}
