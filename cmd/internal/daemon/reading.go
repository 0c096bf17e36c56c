package daemon

import (
	"sync"
	"sync/atomic"
	"time"

	"pbxjail/cmd/internal/logs"
	"pbxjail/parsers"
	"pbxjail/watcher"
)

// hearer is what reading needs of the warden.
type hearer interface {
	Hear(log string, e *parsers.Event, at, now time.Time)
	HearWire(e *parsers.Event, now time.Time)
	HearAMI(e *parsers.Event, now time.Time)
	Lines(n int)
	Patterns(log string) []*parsers.Pattern
	Foreign(log string) parsers.Services
}

// reading is where all sources meet. A source of text (files, pipes, and units in the journal) hands its
// blocks to deliver; a source that makes events itself, as
// the wire does, hands them to hear. Both end at
// the warden, in the goroutine of the source: from the line to the kernel there is no
// other one, and nothing is queued.
type reading struct {
	warden  hearer
	places  *positions
	zone    *time.Location // of dates without one
	changed atomic.Bool    // jails have new patterns
	catchUp func()         // reads the packets that have arrived; nil: none are read. Set before the first block
	soon    soon           // is given when an event waits for settle. Set before the first block

	turn  sync.Mutex      // held while a parser works: deliver and settle take turns
	logs  map[string]*log // by file; guarded by turn
	waits bool            // an event waits for settle; guarded by turn

	caughtUp time.Time // when hearAMI last did; owned by its caller

	threads parsers.Threads // of Asterisk, as its logs show them

	mu       sync.Mutex
	accounts logs.Accounts // what was read of each log; guarded by mu
}

// log is one log that is read.
type log struct {
	parser *parsers.Parser
	old    bool // its last block was written before we began to follow it

	attempts uint64 // in the block at hand, that have a security event beside them
}

// newReading starts nothing. Blocks that are dealt with are noted in places.
func newReading(warden hearer, places *positions) *reading {
	return &reading{warden: warden, places: places, zone: time.Local, logs: map[string]*log{}}
}

// renew makes the next block of each log take the patterns of the jails again.
func (r *reading) renew() { r.changed.Store(true) }

// deliver takes a block of a log. It never refuses one: a ban that fails is the
// warden's problem. It may be called from any goroutine; the blocks of one log from one.
func (r *reading) deliver(b watcher.Block) error {
	r.turn.Lock()
	defer r.turn.Unlock()
	if r.changed.Swap(false) {
		for file, l := range r.logs {
			l.parser.SetPatterns(r.warden.Patterns(file))
			l.parser.SetForeign(r.warden.Foreign(file))
		}
	}
	l := r.logs[b.File]
	if l == nil {
		l = &log{parser: parsers.New(parsers.Clock{Zone: r.zone, Until: b.Arrived}, r.warden.Patterns(b.File)...)}
		l.parser.SetForeign(r.warden.Foreign(b.File))
		l.parser.LookAhead()
		l.parser.Share(&r.threads)
		r.logs[b.File] = l
	}
	if l.old && !b.Old { // what waits was written long ago, and its clock says when
		l.parser.Settle(time.Time{}, r.heard(b.File, true, b.Arrived))
	}
	l.old = b.Old
	arrived := b.Arrived
	l.parser.ReadAt(arrived)
	if b.Old { // no clock says how much text one record can be
		arrived = time.Time{}
	}
	l.attempts = 0
	hear := r.behindPackets(b.Old, r.heard(b.File, b.Old, b.Arrived))
	lines := l.parser.Block(b.Data, b.Cut, arrived, func(e *parsers.Event) {
		if hasTwin(e) {
			l.attempts++
		}
		hear(e)
	})
	if l.parser.Waits() && !r.waits {
		r.waits = true
		r.soon.give()
	}
	r.warden.Lines(lines)
	r.places.passed(b.File, b.Next)
	r.mu.Lock()
	r.accounts.Take(b.File, logs.Block{
		Data: b.Data, Lines: lines, Old: b.Old, Arrived: b.Arrived, Counts: l.parser.Counts(), Records: l.parser.Records(), Attempts: l.attempts,
	})
	r.mu.Unlock()
	return nil
}

// behindPackets lets the first event of a block wait until the packets before it are read.
// Lines without an event cost nothing. Old lines tell of packets that came before we began.
func (r *reading) behindPackets(old bool, hear func(*parsers.Event)) func(*parsers.Event) {
	if old || r.catchUp == nil {
		return hear
	}
	first := sync.OnceFunc(r.catchUp)
	return func(e *parsers.Event) {
		first()
		hear(e)
	}
}

// heard hands events of a log to the warden. An old one counts when its record was
// written. Where that is not known, it may be days old: it counts nothing.
func (r *reading) heard(file string, old bool, now time.Time) func(*parsers.Event) {
	return func(e *parsers.Event) {
		at := now
		switch {
		case old && e.Time.IsZero() && e.Result == parsers.Offence:
			e.Result, e.Doubt = parsers.Ambiguous, "it was written before pbxjail started to read, and its date cannot be read"
		case old && !e.Time.IsZero() && e.Time.Before(at):
			at = e.Time
		}
		r.warden.Hear(file, e, at, now)
	}
}

// settle hands out the events that waited for a next line until now; all of them when
// now is the zero time. It reports whether others wait still. It may be called from any
// goroutine.
func (r *reading) settle(now time.Time) (wait bool) {
	r.turn.Lock()
	defer r.turn.Unlock()
	if !r.waits {
		return false
	}
	r.waits = false
	for file, l := range r.logs {
		if l.parser.Waits() {
			at := now
			if at.IsZero() {
				at = time.Now()
			}
			l.parser.Settle(now, r.behindPackets(l.old, r.heard(file, l.old, at)))
		}
		r.waits = r.waits || l.parser.Waits()
	}
	return r.waits
}

// hasTwin knows the attempts of which Asterisk writes a security event as well:
// asterisk:main/security_events.c, and who reports to it.
func hasTwin(e *parsers.Event) bool {
	switch e.Service {
	case parsers.PJSIP, parsers.SIP, parsers.AMI:
		return e.Kind == parsers.BadPassword || e.Kind == parsers.UnknownAccount
	}
	return false
}

// account is what was read of a log.
func (r *reading) account(file string) logs.Account {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accounts.Of(file)
}

// findings are what is wrong with the logs that are followed.
func (r *reading) findings(found logs.Found, list []logs.Log, now time.Time) []logs.Finding {
	r.mu.Lock()
	defer r.mu.Unlock()
	return found.Findings(list, &r.accounts, now)
}

// hear takes an event that follows from packets. It may be called from any goroutine.
func (r *reading) hear(e *parsers.Event, now time.Time) { r.warden.HearWire(e, now) }

// amiCatchUp is how often the packets before an event of AMI are read at most. An event whose
// packets are not read yet waits for them.
const amiCatchUp = 10 * time.Millisecond

// hearAMI takes a security event that Asterisk reports over its manager interface, behind the
// packets that came before it. Only one goroutine may call it.
func (r *reading) hearAMI(e *parsers.Event, now time.Time) {
	if r.catchUp != nil && now.Sub(r.caughtUp).Abs() >= amiCatchUp {
		r.caughtUp = now
		r.catchUp()
	}
	r.warden.HearAMI(e, now)
}
