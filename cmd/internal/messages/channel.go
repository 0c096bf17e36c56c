package messages

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/hint"
)

const (
	// settleTime is how long a critical event waits for others of the same moment.
	settleTime = 300 * time.Millisecond
	// attemptTime is how long one attempt to send may take.
	attemptTime = 30 * time.Second
	// firstRetry and lastRetry are the shortest and the longest time between two attempts.
	firstRetry = 10 * time.Second
	lastRetry  = 15 * time.Minute
	// mostRefused is how often a message is refused for good before it goes without text of
	// others, which may be why.
	mostRefused = 3
	// burst is how many messages may go one after another before the limit per hour holds.
	burst = 5
)

// sender carries a message out. It may be slow; it must end soon after ctx does. Its errors
// name no secret.
type sender interface {
	send(ctx context.Context, m *Message) error
}

// refusal is an error of a receiver that will not take the same message later either.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// channel is one way that messages go. hear may be called from any goroutine; run from one.
type channel struct {
	log    *slog.Logger
	wake   chan struct{}
	failed func() // is called after an attempt, with what waits changed; it must not wait

	mu      sync.Mutex // guards all below; never held while something is sent
	cfg     configs.Channel
	host    string
	sender  sender
	urgent  lane // what is critical
	digest  lane // all else
	flying  *lane
	tokens  float64   // messages that may go at once
	filled  time.Time // when tokens was right
	fails   int       // in a row
	refused int       // of these, for good
	tried   time.Time // the last attempt
	next    time.Time // no attempt before
	since   time.Time // of the first of fails
	err     error     // of the last attempt
	sent    uint64
	dropped uint64
	last    time.Time // when the last message went
}

func newChannel(log *slog.Logger, failed func()) *channel {
	return &channel{log: log, failed: failed, wake: make(chan struct{}, 1), tokens: burst}
}

// set gives the channel the settings of the main file. What waits stays.
func (c *channel) set(cfg configs.Channel, host string, s sender) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cfg, c.host, c.sender = cfg, host, s
	c.next, c.refused = time.Time{}, 0 // what was wrong may be repaired
	c.nudge()
}

func (c *channel) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// hear takes an event, if the channel wants it. It never waits for a receiver.
func (c *channel) hear(e Event, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	takes := c.cfg.Takes(string(e.Kind), e.Severity().String())
	counts := e.Kind == Ban || e.Kind == ManyBans
	switch {
	case e.Kind == Ban && e.flood && !takes:
		takes = c.cfg.Takes(string(ManyBans), ManyBans.Severity().String())
	case e.Kind == ManyBans && c.cfg.Takes(string(Ban), Ban.Severity().String()):
		e.before = 0 // they are counted already
	}
	if !takes {
		return
	}
	to, urgent := &c.digest, e.Severity() == Critical
	if urgent {
		to = &c.urgent
	}
	first := to.empty()
	if !to.add(&e, counts, now) {
		c.dropped++
	}
	if urgent && c.next.After(now) { // a try soon, whatever happened before
		c.next = earlier(c.next, later(now, c.tried.Add(firstRetry)))
	}
	if first || urgent {
		c.nudge()
	}
}

// lost notes decisions that had no room on the way here.
func (c *channel) lost(n uint64, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cfg.Takes(string(Ban), Ban.Severity().String()) && !c.cfg.Takes(string(ManyBans), ManyBans.Severity().String()) {
		return
	}
	if c.digest.empty() {
		c.digest.First = now
		c.nudge()
	}
	c.digest.Lost += n
	c.dropped += n
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// refill adds the messages that the limit allows since the last time. mu is held.
func (c *channel) refill(now time.Time) {
	most := min(float64(c.cfg.Limit), burst)
	if gone := now.Sub(c.filled); gone > 0 && !c.filled.IsZero() {
		c.tokens += gone.Hours() * float64(c.cfg.Limit)
	}
	c.tokens, c.filled = min(c.tokens, most), now
}

// take returns the message that is due at now, or how long to wait for one. No time: until
// something comes.
func (c *channel) take(now time.Time) (m *Message, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var due time.Time
	from := &c.urgent
	if !c.urgent.empty() {
		due = c.urgent.First.Add(settleTime)
	}
	if !c.digest.empty() {
		if at := c.digest.First.Add(c.cfg.Digest); due.IsZero() || due.After(now) && at.Before(due) {
			due, from = at, &c.digest
		}
	}
	if due.IsZero() {
		return nil, 0
	}
	c.refill(now)
	if c.tokens < 1 {
		due = later(due, now.Add(time.Duration((1-c.tokens)/float64(c.cfg.Limit)*float64(time.Hour))+time.Millisecond))
	}
	if due = later(due, c.next); due.After(now) {
		return nil, due.Sub(now)
	}
	message := from.message(c.host, now, c.refused >= mostRefused)
	message.digest = from == &c.digest
	flying := *from
	c.flying, *from = &flying, lane{}
	c.tokens, c.tried = c.tokens-1, now
	return &message, 0
}

// landed notes how an attempt ended.
func (c *channel) landed(m *Message, err error, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	flying := c.flying
	c.flying = nil
	some, isPartly := errors.AsType[partly](err)
	if isPartly {
		c.log.Warn("a message went to some of its receivers only", "channel", c.cfg.Name, "err", some, "hint", hint.Of(some))
	}
	if err == nil || isPartly {
		if c.fails > 0 {
			c.log.Info("messages can be sent again", "channel", c.cfg.Name, "after", now.Sub(c.since).Round(time.Second))
		}
		c.fails, c.refused, c.err, c.next, c.since = 0, 0, err, time.Time{}, time.Time{}
		c.sent, c.last = c.sent+1, now
		return
	}
	to := &c.urgent
	if m.digest {
		to = &c.digest
	}
	flying.after(*to)
	*to = *flying
	if c.fails == 0 {
		c.since = now
		c.log.Warn("a message could not be sent: pbxjail tries again", "channel", c.cfg.Name, "err", err, "hint", hint.Of(err))
	}
	c.fails++
	c.err = err
	if _, ok := errors.AsType[refusal](err); ok {
		c.refused++
	}
	c.next = now.Add(min(firstRetry<<min(c.fails-1, 10), lastRetry))
}

// run sends what is due until ctx ends. What is not sent then stays in its lane.
func (c *channel) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		m, wait := c.take(time.Now())
		if m != nil {
			err := c.attempt(ctx, m)
			c.landed(m, err, time.Now())
			c.failed()
			if ctx.Err() == nil {
				continue
			}
			return
		}
		if wait == 0 {
			wait = time.Hour
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-timer.C:
		}
	}
}

// attempt sends a message once.
func (c *channel) attempt(ctx context.Context, m *Message) error {
	c.mu.Lock()
	to := c.sender
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	return to.send(ctx, m)
}

// kept is what waits, for the file that survives a restart.
type kept struct {
	Urgent lane `json:"urgent,omitzero"`
	Digest lane `json:"digest,omitzero"`
}

// waits returns a copy of what waits, with what is on its way: it is lost if the process
// ends now.
func (c *channel) waits() kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := kept{c.urgent.clone(), c.digest.clone()}
	if c.flying != nil {
		f := c.flying.clone()
		if len(f.Items) > 0 && f.Items[0].Severity == Critical {
			f.after(k.Urgent)
			k.Urgent = f
		} else {
			f.after(k.Digest)
			k.Digest = f
		}
	}
	return k
}

// back puts in front what a run before could not send.
func (c *channel) back(k kept) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.Urgent.after(c.urgent)
	k.Digest.after(c.digest)
	c.urgent, c.digest = k.Urgent, k.Digest
	c.nudge()
}
