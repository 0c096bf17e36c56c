package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/configs/beat"
)

const (
	readSoon   = 100 * time.Millisecond // what no answer wakes us up for, while much of it comes
	readLater  = 250 * time.Millisecond // the same while little comes: each wake-up costs as much as a dozen packets
	readIdle   = time.Second            // the same while nothing comes
	lookEvery  = 900 * time.Millisecond // at the kernel's counters: each second, even if that comes a little early
	cardsEvery = 10 * time.Second       // at the cards' names
	gapEvery   = 100 * time.Millisecond // between two reports of packets left out
)

// capture reads packets until ctx ends or the socket breaks.
func (l *Live) capture(ctx context.Context, deliver func(*Packet)) error {
	r := l.rings
	stop := context.AfterFunc(ctx, func() { r.bell.deadline(time.Unix(1, 0)) })
	defer stop()
	rest := time.NewTimer(time.Hour)
	defer rest.Stop()
	take := func(p *raw) { l.take(p, deliver) }
	var pace pace
	var due, asked time.Time
	for ctx.Err() == nil {
		if now := time.Now(); !now.Before(due) || due.Sub(now) > 2*readIdle {
			every := untilRead(l.counts.Received-l.read, now.Sub(asked))
			l.read, asked, due = l.counts.Received, now, now.Add(beat.Until(now, every))
			l.look(now)
		}
		if !pace.turns && l.arm(due) && ctx.Err() == nil {
			if err := r.bell.wait(); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("cannot wait for packets: %w", err)
			}
		}
		n, rang := l.empty(take)
		now := time.Now()
		if err := l.publish(now); err != nil {
			return err
		}
		switch {
		case pace.turns || n >= crowd:
			pace.next(n, now)
		case rang > 0:
			pace.next(2*rang, now) // questions and answers; packets that can wait say nothing
		}
		if pace.turns {
			rest.Reset(turnEvery)
			select {
			case <-rest.C:
			case <-l.wake:
			case <-ctx.Done():
			}
		}
	}
	return nil
}

// untilRead is how long packets that wake no reader may wait, after n of them came in a
// time. If they come on like that, the ring is three eighths full then.
func untilRead(n uint64, in time.Duration) time.Duration {
	const most = inFrames * 3 / 8
	switch {
	case n == 0:
		return readIdle
	case in <= 0 || time.Duration(min(n, inFrames*64))*readLater > most*in:
		return readSoon
	}
	return readLater
}

// arm sets when to stop waiting for packets; false when a caller of Sync waits for packets
// that are there already.
func (l *Live) arm(due time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting) == 0 && l.rings.bell.deadline(due) == nil
}

// empty takes all packets that are there when it begins, and then lets callers of Sync
// continue.
func (l *Live) empty(take func(*raw)) (n, rang int) {
	l.mu.Lock()
	waiting := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	for n < inFrames+outFrames {
		m, woke := l.rings.drain(take)
		rang += woke
		if n += m; m < maxDrain {
			break
		}
	}
	for _, w := range waiting {
		close(w)
	}
	return n, rang
}

// Sync waits until all packets that came before the call are delivered. Call it before you
// ask what the wire saw of a record in a log. It returns at once when Run does not run, and
// when ctx ends. The caller must not hold a lock that deliver takes.
func (l *Live) Sync(ctx context.Context) {
	done := make(chan struct{})
	l.mu.Lock()
	if l.rings == nil {
		l.mu.Unlock()
		return
	}
	l.waiting = append(l.waiting, done)
	l.rings.bell.deadline(time.Unix(1, 0))
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default: // it is woken up already
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// pace decides how to wait for packets. While they come one close after the other,
// to wake up for each costs more than to read it: then they are read in turns.
type pace struct {
	turns bool
	score int // how often they were close, of late
	last  time.Time
}

const (
	turnEvery = time.Millisecond
	closeGap  = time.Millisecond // what "close" means
	few       = 2                // packets in a turn: a question and its answer would have been one wake-up
	maxScore  = 64               // turns begin
	minScore  = 32               // and end
	farCosts  = 4                // one that is not close takes away so much
	many      = 64               // packets at once: turns begin now
	crowd     = inFrames / 2     // the same of packets that do not wake us up
)

// next notes that n packets were read at now.
func (p *pace) next(n int, now time.Time) {
	near := now.Sub(p.last) < closeGap
	p.last = now
	switch {
	case n >= many:
		p.score = maxScore
	case p.turns && n <= few:
		p.score--
	case p.turns || near:
		p.score = min(p.score+1, maxScore)
	default:
		p.score = max(p.score-farCosts, 0)
	}
	switch {
	case p.score == maxScore:
		p.turns = true
	case p.turns && p.score < minScore:
		*p = pace{last: now}
	}
}

// take deals with one packet.
func (l *Live) take(p *raw, deliver func(*Packet)) {
	l.counts.Received++
	if p.losing {
		l.lost(p.at)
	}
	src, dst, ok := endsOf(p.ip)
	if !ok || !l.captures(p.card) {
		return
	}
	way := In
	if p.kind == unix.PACKET_OUTGOING {
		way = Out
	}
	if way == In && l.opts.Own != nil && l.opts.Own(src) && !l.opts.Own(dst) {
		l.counts.Spoofed++
		return
	}
	remote := src
	if way == Out || l.opts.Own != nil && l.opts.Own(src) {
		remote = dst
	}
	if way == Out {
		l.familiar.sent(remote, p.at)
	}
	if remote == src && l.shut.holds(src, p.at) {
		l.counts.Banned++
		return
	}
	if !l.admit.pass(remote, p.at) {
		l.counts.Sampled++
		if l.leftOut.IsZero() {
			l.leftOut = p.at
		}
		return
	}
	l.assembler.packet(p.at, p.ip, way, p.card, p.verify && way == In, deliver)
}

// endsOf reads the addresses of an IP packet.
func endsOf(ip []byte) (src, dst netip.Addr, ok bool) {
	switch {
	case len(ip) >= 20 && ip[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:])), true
	case len(ip) >= 40 && ip[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(ip[8:])).Unmap(), netip.AddrFrom16([16]byte(ip[24:])).Unmap(), true
	}
	return src, dst, false
}

// captures reports whether a network card is one of those named.
func (l *Live) captures(card int) bool {
	if len(l.opts.Cards) == 0 {
		return true
	}
	yes, known := l.cards[card]
	if !known {
		if i, err := net.InterfaceByIndex(card); err == nil {
			yes = slices.Contains(l.opts.Cards, i.Name)
		}
		l.cards[card] = yes
	}
	return yes
}

// look does what is due now and then: it reads the kernel's counters, and asks which
// of the shut addresses are banned still.
func (l *Live) look(now time.Time) {
	if now.Sub(l.looked) >= lookEvery || now.Before(l.looked) {
		l.lost(now)
		l.looked = now
		l.shut.review(now)
		l.familiar.review(now)
	}
	if now.Sub(l.named) >= cardsEvery || now.Before(l.named) {
		clear(l.cards)
		l.named = now
	}
}

// lost asks the kernel how many packets did not fit into the ring, and reports the gap.
func (l *Live) lost(now time.Time) {
	n, err := l.rings.lost()
	if err != nil || n == 0 {
		return
	}
	l.counts.Dropped += uint64(n)
	l.gap(l.looked, now)
	l.looked = now
}

// gap reports that packets are missing.
func (l *Live) gap(from, to time.Time) {
	if from.After(to) {
		from = to
	}
	l.counts.Complete = to
	if l.opts.Gap != nil {
		l.opts.Gap(from, to)
	}
}

// publish makes what happened visible: the counters, the gaps, and the filter for banned
// addresses that continue to send.
func (l *Live) publish(now time.Time) error {
	if !l.leftOut.IsZero() && now.Sub(l.leftOut) >= gapEvery {
		l.gap(l.leftOut, now)
		l.leftOut = time.Time{}
	}
	list, due := l.shut.due(now)
	friends := l.familiar.due(now)
	l.mu.Lock()
	defer l.mu.Unlock()
	var err error
	if due || friends {
		now := l.filtered
		if due {
			now.shut = list
		}
		if friends {
			now.familiar = l.familiar.addrs()
		}
		err = l.refilter(now)
		if err != nil && len(now.shut)+len(now.familiar) > 0 { // no room for it: they are dropped in user space, and wake us up
			err = l.refilter(lists{})
		}
	}
	l.counts.Counts, l.counts.Shut = l.assembler.Counts(), len(l.filtered.shut)
	l.stats = l.counts
	return err
}
