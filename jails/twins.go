package jails

import (
	"hash/maphash"
	"slices"
	"time"

	"pbxjail/jails/recent"
	"pbxjail/jails/tally"
	"pbxjail/parsers"
)

// twins lets two channels watch each other. Where Asterisk writes security
// events, each refusal of its SIP and manager modules is told there as well as in
// the module's own NOTICE. What forges the one rarely forges the other: a NOTICE
// waits for its twin, and one that never comes is not believed. Owned by one Judge;
// every table is bounded.
type twins struct {
	alive   map[voice]int64           // when a security event of its kind was last told, unix ms
	told    recent.Map[teller, int64] // when of whom, the latest
	calls   recent.Map[uint64, int64] // when of which Call-ID, where the event lost its address
	waiting []held                    // notices whose twin is not there yet, oldest first
	vouched []int64                   // when Asterisk said that it could not issue an event; each vouches for one notice
	suspect uint64                    // notices that no event told of
	heard   int64                     // when anything was told by security events, unix ms
}

// voice is what a service tells of: chan_sip tells of unknown extensions from 13
// on only, so those are expected of one that has told of them before.
type voice struct {
	service   parsers.Service
	extension bool
}

func voiceOf(e *parsers.Event) voice { return voice{e.Service, e.Kind == parsers.UnknownExtension} }

// teller is whom a service's security event was about.
type teller struct {
	addr    recent.Addr
	service parsers.Service
}

func tellerOf(e *parsers.Event) teller { return teller{recent.Addr(e.Addr.As16()), e.Service} }

// held is a notice that waits.
type held struct {
	src   *Source
	event parsers.Event // with texts of its own
	at    time.Time
	call  uint64 // hash of its Call-ID; 0: that is short
}

const (
	// twinWithin is how far apart the two may be told: one has whole seconds.
	twinWithin = 2 * time.Second
	// aliveFor is how long a service's silence leaves its security events expected.
	aliveFor   = time.Hour
	maxTold    = 4096
	maxWaiting = 2048
	maxVouched = 256
)

func newTwins() twins {
	return twins{alive: map[voice]int64{}, told: recent.Map[teller, int64]{Max: maxTold}, calls: recent.Map[uint64, int64]{Max: maxTold}}
}

// expects reports whether the notice must have a twin by now.
func (t *twins) expects(e *parsers.Event, at time.Time) bool {
	last, ok := t.alive[voiceOf(e)]
	return e.Twin && ok && at.UnixMilli()-last < aliveFor.Milliseconds()
}

// tell notes a security event.
func (t *twins) tell(e *parsers.Event, at time.Time) {
	t.heard = max(t.heard, at.UnixMilli())
	for _, v := range []voice{{e.Service, false}, voiceOf(e)} {
		t.alive[v] = max(t.alive[v], at.UnixMilli())
	}
	if !e.Addr.IsValid() || e.Kind >= parsers.Success {
		return
	}
	t.told.Put(tellerOf(e), at.UnixMilli())
}

// tellCall notes a security event of which only the Call-ID can be read.
func (t *twins) tellCall(call uint64, at time.Time) {
	if call != 0 {
		t.calls.Put(call, at.UnixMilli())
	}
}

// has reports whether a security event tells of the same address, or the same
// Call-ID, at the same time.
func (t *twins) has(e *parsers.Event, call uint64, at time.Time) bool {
	within := func(last int64, ok bool) bool {
		return ok && tally.Near(last, at.UnixMilli(), twinWithin.Milliseconds()+1)
	}
	return within(t.told.Get(tellerOf(e))) || call != 0 && within(t.calls.Get(call))
}

// vouch notes that an event could not be issued: a byte that is not UTF-8 makes it
// vanish, and its notice stands alone (asterisk:main/security_events.c).
func (t *twins) vouch(at time.Time) {
	if len(t.vouched) == maxVouched {
		t.vouched = append(t.vouched[:0], t.vouched[1:]...)
	}
	t.vouched = append(t.vouched, at.UnixMilli())
}

// vouchedFor uses up one such word. It says nothing for chan_sip: the same header can
// hold a byte that spoils the event and an ESC that forges the notice.
func (t *twins) vouchedFor(e *parsers.Event, at time.Time) bool {
	if e.Service == parsers.SIP {
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

// wait keeps a notice until its twin comes.
func (t *twins) wait(s *Source, e *parsers.Event, call uint64, at time.Time) {
	if len(t.waiting) == maxWaiting {
		const half = maxWaiting / 2 // at once: a flood must not move the queue for each notice
		t.waiting = slices.Delete(t.waiting, 0, half)
		t.suspect += half
	}
	t.waiting = append(t.waiting, held{s, keep(e), at, call})
}

// keep is an event with texts of its own.
func keep(e *parsers.Event) parsers.Event {
	k := *e
	for _, t := range []*parsers.Text{&k.Account, &k.Number, &k.Agent, &k.Session, &k.Challenge, &k.Line} {
		*t = t.Clone()
	}
	return k
}

// settle calls charge for each notice whose twin has come, and gives up those
// whose time is over. told says that there is news; without it only the oldest is
// looked at, so that a flood of notices costs no more than they are.
func (t *twins) settle(now time.Time, told bool, charge func(held)) {
	if len(t.waiting) == 0 || !told && now.Sub(t.waiting[0].at).Abs() <= twinWithin {
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

// testify takes what an event says for notices, whatever else it is worth. It reports
// whether one that waits may be confirmed by it.
func (j *Judge) testify(e *parsers.Event, now time.Time) bool {
	switch {
	case e.Rule == parsers.RuleUnissued && e.Result == parsers.Signal:
		j.twins.vouch(now)
	case e.Channel != parsers.ChannelSecurity:
		return false
	case e.Result == parsers.Signal || e.Addr.IsValid():
		j.twins.tell(e, now)
	case e.Suspect:
		return false
	default:
		j.twins.tellCall(j.call(e), now)
	}
	return true
}

// call tells Call-IDs apart that are so long that an event may lose its address by
// them; 0 is a shorter one.
func (j *Judge) call(e *parsers.Event) uint64 {
	const shown = 64 // a notice prints more
	if e.Session.Len() < shown {
		return 0
	}
	return maphash.Bytes(j.seed, e.Session.Raw()[:shown]) | 1
}
