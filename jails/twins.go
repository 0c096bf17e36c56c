package jails

import (
	"bytes"
	"hash/maphash"
	"slices"
	"time"

	"pbxjail/jails/recent"
	"pbxjail/jails/tally"
	"pbxjail/parsers"
)

// twins compares two channels of the log. Where Asterisk writes security events, its SIP
// and manager modules report each refusal twice: as a security event and as a NOTICE. An
// attacker who forges the one can rarely forge the other. So a NOTICE waits for its twin,
// the security event, and is not believed when that does not come. Owned by one Judge;
// every table is bounded.
type twins struct {
	alive    [parsers.ServiceCount][2]int64 // when the last security event of a service came, unix ms; of unknown extensions apart
	reported recent.Map[uint64, int64]      // by subject: when the last security event about an address came, unix ms
	calls    recent.Map[uint64, int64]      // the same by Call-ID, for events that lost their address
	seed     maphash.Seed
	waiting  []held  // notices whose twin has not come yet, oldest first
	vouched  []int64 // when Asterisk reported that it could not write an event; each confirms one notice
	suspect  uint64  // notices without an event
	heard    int64   // when the last security event came, unix ms
}

// The classes of the security events of a service. chan_sip reports unknown extensions only
// since Asterisk 13, so that class is expected only after one such event came.
const (
	anyEvent = iota
	unknownExtension
)

func classOf(e *parsers.Event) int {
	if e.Kind == parsers.UnknownExtension {
		return unknownExtension
	}
	return anyEvent
}

// subject is a number for the address and the service of a record.
func (t *twins) subject(e *parsers.Event) uint64 {
	b := [17]byte{16: byte(e.Service)}
	*(*recent.Addr)(b[:16]) = e.Addr.As16()
	return maphash.Bytes(t.seed, b[:])
}

// held is a notice that waits.
type held struct {
	src   *Source
	event parsers.Event // with texts of its own
	at    time.Time
	call  uint64 // hash of its Call-ID; 0: the Call-ID is short
}

const (
	// twinWithin is the longest time between the two records: one has whole seconds.
	twinWithin = 2 * time.Second
	// aliveFor is how long security events of a class are expected after the last one.
	aliveFor    = time.Hour
	maxReported = 4096
	maxWaiting  = 2048
	maxVouched  = 256
)

func newTwins() twins {
	return twins{seed: maphash.MakeSeed(), reported: recent.Map[uint64, int64]{Max: maxReported}, calls: recent.Map[uint64, int64]{Max: maxReported}}
}

// expects reports whether the notice must have a twin by now.
func (t *twins) expects(e *parsers.Event, at time.Time) bool {
	last := t.alive[e.Service][classOf(e)]
	return e.Twin && last != 0 && at.UnixMilli()-last < aliveFor.Milliseconds()
}

// note notes a security event.
func (t *twins) note(e *parsers.Event, at time.Time) {
	t.heard = max(t.heard, at.UnixMilli())
	alive := &t.alive[e.Service]
	alive[anyEvent] = max(alive[anyEvent], at.UnixMilli())
	alive[classOf(e)] = max(alive[classOf(e)], at.UnixMilli())
	if !e.Addr.IsValid() || e.Kind >= parsers.Success {
		return
	}
	t.reported.Put(t.subject(e), at.UnixMilli())
}

// noteCall notes a security event of which only the Call-ID can be read.
func (t *twins) noteCall(call uint64, at time.Time) {
	if call != 0 {
		t.calls.Put(call, at.UnixMilli())
	}
}

// has reports whether a security event has the same address, or the same Call-ID, at the
// same time.
func (t *twins) has(e *parsers.Event, call uint64, at time.Time) bool {
	within := func(last int64, ok bool) bool {
		return ok && tally.Near(last, at.UnixMilli(), twinWithin.Milliseconds()+1)
	}
	return within(t.reported.Get(t.subject(e))) || call != 0 && within(t.calls.Get(call))
}

// vouch notes that Asterisk could not write an event: with a byte that is not UTF-8 the
// event is lost, and only the notice remains (asterisk:main/security_events.c).
func (t *twins) vouch(at time.Time) {
	if len(t.vouched) == maxVouched {
		t.vouched = append(t.vouched[:0], t.vouched[1:]...)
	}
	t.vouched = append(t.vouched, at.UnixMilli())
}

// vouchedFor uses up one such report. It does not count for a notice of chan_sip that an ESC
// may have forged: the same header can hold a byte that spoils the event and an ESC.
func (t *twins) vouchedFor(e *parsers.Event, at time.Time) bool {
	if e.Service == parsers.SIP && !endsItself(e.Line.Raw()) {
		return false
	}
	for i, v := range t.vouched {
		if tally.Near(v, at.UnixMilli(), twinWithin.Milliseconds()+1) {
			t.vouched = append(t.vouched[:i], t.vouched[i+1:]...)
			return true
		}
	}
	return false
}

// endsItself reports whether no ESC can have forged the address in a notice of chan_sip. The
// logger removes all from an ESC to the next letter m: the true address goes too if
// the reason behind it holds an m, and what is left of the reason ends the line. Without
// an m all of the record goes, its newline too, and the head of the next record is in the line.
// asterisk:main/term.c, term_strip
func endsItself(line []byte) bool {
	at := bytes.LastIndex(line, []byte(" failed for '"))
	if at < 0 {
		return false
	}
	_, text, ok := bytes.Cut(line[:at], []byte("chan_sip.c"))
	_, reason, hasReason := bytes.Cut(line[at:], []byte("' - "))
	return ok && hasReason && !bytes.ContainsRune(reason, 'm') && !bytes.ContainsRune(text, '[')
}

// wait keeps a notice until its twin comes.
func (t *twins) wait(s *Source, e *parsers.Event, call uint64, at time.Time) {
	if len(t.waiting) == maxWaiting {
		const half = maxWaiting / 2 // half at once: in a flood the queue must not move for each notice
		t.waiting = slices.Delete(t.waiting, 0, half)
		t.suspect += half
	}
	t.waiting = append(t.waiting, held{s, keep(e), at, call})
}

// keep copies an event, with copies of its texts.
func keep(e *parsers.Event) parsers.Event {
	k := *e
	for _, t := range []*parsers.Text{&k.Account, &k.Number, &k.Agent, &k.Session, &k.Challenge, &k.Line} {
		*t = t.Clone()
	}
	return k
}

// settle calls charge for each notice whose twin has come, and drops those that waited too
// long. Without news it looks only at the oldest, so that a flood of notices does not cost
// quadratic time.
func (t *twins) settle(now time.Time, news bool, charge func(held)) {
	if len(t.waiting) == 0 || !news && now.Sub(t.waiting[0].at).Abs() <= twinWithin {
		return
	}
	still := t.waiting[:0]
	var ready []held
	for _, h := range t.waiting {
		switch {
		case t.has(&h.event, h.call, h.at) || t.vouchedFor(&h.event, h.at):
			ready = append(ready, h)
		case now.Sub(h.at).Abs() > twinWithin:
			t.suspect++
		default:
			still = append(still, h)
		}
	}
	t.waiting = still
	for _, h := range ready {
		charge(h)
	}
}

// testify notes what an event says about notices. It reports whether the event may confirm
// a waiting notice.
func (j *Judge) testify(e *parsers.Event, now time.Time) bool {
	switch {
	case e.Rule == parsers.RuleUnissued && e.Result == parsers.Signal:
		j.twins.vouch(now)
	case e.Channel != parsers.ChannelSecurity:
		return false
	case e.Result == parsers.Signal || e.Addr.IsValid():
		j.twins.note(e, now)
	case e.Suspect:
		return false
	default:
		j.twins.noteCall(j.call(e), now)
	}
	return true
}

// call is a number for a long Call-ID: an event with a long one may lose its address. It is
// 0 for a shorter Call-ID.
func (j *Judge) call(e *parsers.Event) uint64 {
	const shown = 64 // a notice prints more
	if e.Session.Len() < shown {
		return 0
	}
	return maphash.Bytes(j.seed, e.Session.Raw()[:shown]) | 1
}
