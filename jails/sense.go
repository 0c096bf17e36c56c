package jails

import (
	"fmt"
	"net/netip"
	"time"

	"pbxjail/configs"
	"pbxjail/jails/book"
	"pbxjail/jails/fraud"
	"pbxjail/jails/home"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// Senses is what the judge knows beside the logs. Each field may be left out.
type Senses struct {
	Places  Places
	Rules   configs.PlaceRules // of the main file: jails may have their own
	Feeds   Feeds
	Agents  *configs.Agents
	Levels  configs.AgentFactors
	Numbers *configs.Numbers // nil: attempts are not compared with each other
	Fraud   configs.Fraud
	Traps   configs.Traps
}

// comparison compares the attempts of different addresses. Claimed attempts are kept
// apart: an attacker who names a victim must not make the failures of the victim weigh
// more. Owned by one Judge.
type comparison struct {
	seen, claimed *fraud.Sense
	silence       *fraud.Silence
	log           string // of the last challenge
}

// comparedShare: of the addresses that a judge remembers, it compares one in this many.
const comparedShare = 10

// SetSenses replaces what the judge knows beside the logs. What is known of each address
// is kept.
func (j *Judge) SetSenses(s Senses) {
	j.senses, j.places, j.traps = s, placesKnown{}, newTraps(s.Traps)
	j.place()
	switch c := &j.comparison; {
	case s.Numbers == nil:
		c.seen, c.claimed = nil, nil
	case c.seen == nil:
		c.seen = fraud.New(s.Numbers, s.Fraud, max(j.table.Max/comparedShare, 1))
		c.claimed = fraud.New(s.Numbers, s.Fraud, max(j.table.Max/comparedShare/4, 1))
	default:
		c.seen.Change(s.Numbers, s.Fraud)
		c.claimed.Change(s.Numbers, s.Fraud)
	}
}

// sense asks jails/fraud what an attempt has in common with others.
func (j *Judge) sense(e *parsers.Event, now time.Time, decide func(Verdict)) {
	who := j.comparison.seen
	if e.Evidence == parsers.Claimed {
		who = j.comparison.claimed
	}
	if who == nil {
		return
	}
	attempt := fraud.Attempt{
		Addr: e.Addr, Account: e.Account, Number: e.Number, Guest: e.Guest(),
		Unknown: e.Kind == parsers.UnknownAccount || e.Kind == parsers.UnknownExtension, Failed: e.Kind == parsers.BadPassword,
	}
	who.Hear(attempt, now, func(f fraud.Finding) {
		j.caller.fraud = append(j.caller.fraud, book.Factor{Name: f.Rule, Note: j.noteOf(f), By: f.Factor})
		if f.Alarm {
			p := netip.PrefixFrom(e.Addr, e.Addr.BitLen())
			decide(Verdict{Ban: book.Ban{Prefix: p, Jail: "fraud", Since: now.UTC(), Reason: fmt.Sprintf("%s: %s", f, e.Account)}, Alarm: true})
		}
	})
}

// maxNotes is how many findings keep their words: rules and counts are few.
const maxNotes = 256

// noteOf is a finding for people. It is written once, and not for each attempt.
func (j *Judge) noteOf(f fraud.Finding) string {
	f.Alarm = false
	note, ok := j.notes.Get(f)
	if !ok {
		note = f.String()
		j.notes.Put(f, note)
	}
	return note
}

// listen follows challenges and their answers.
func (j *Judge) listen(s *Source, e *parsers.Event, now time.Time) {
	c := &j.comparison
	switch {
	case !e.Addr.IsValid() || e.Result != parsers.Signal && e.Result != parsers.Offence:
	case e.Kind == parsers.Challenge && e.Channel == parsers.ChannelSecurity:
		id := e.Challenge
		if id.Empty() {
			id = e.Session
		}
		c.silence.Challenged(e.Addr, e.Account, id, now)
		c.log = s.file
	case e.Kind == parsers.Success:
		c.silence.Answered(e.Addr, e.Password, now)
	case e.Kind == parsers.BadPassword:
		c.silence.Answered(e.Addr, false, now)
	}
}

// RuleUnanswered is the rule of the only event that no record reports.
const RuleUnanswered = "unanswered challenge"

var unansweredText = parsers.TextOf([]byte("a challenge was sent to this address, and was not answered within 32 seconds"))

// Tick does what is due without a new record: it charges unanswered challenges, and takes
// records as forged when their packets did not come. Hear does this too; a daemon calls
// Tick when no record comes.
func (j *Judge) Tick(now time.Time, decide func(Verdict)) {
	j.resolve(now, netip.Addr{}, decide)
	j.tick(now, decide)
}

// tick charges unanswered challenges, and checks whether many accounts still fail at once.
func (j *Judge) tick(now time.Time, decide func(Verdict)) {
	if j.Home.Failing() {
		j.Home.Tick(now, func(a home.Alarm) { decide(verdictOf(a, now)) })
	}
	j.comparison.silence.Due(now, func(a netip.Addr, _ time.Time) {
		e := parsers.Event{
			Result: parsers.Offence, Kind: parsers.Unanswered, Evidence: parsers.Seen, Service: parsers.Other, Channel: parsers.ChannelSecurity,
			Points: parsers.Point, Addr: a, Rule: RuleUnanswered, Time: now, Line: unansweredText,
		}
		if g := j.gradeSilence(a, now); g != witness.Absent {
			j.charge(j.Source(j.comparison.log), &e, g, now, decide)
		}
	})
}

// forget drops what the addresses of a prefix did.
func (c *comparison) forget(p netip.Prefix) {
	c.silence.Forget(p)
	if c.seen != nil {
		c.seen.Forget(p)
		c.claimed.Forget(p)
	}
}

func (c *comparison) evicted() uint64 {
	n := c.silence.Evicted()
	if c.seen != nil {
		n += c.seen.Evicted() + c.claimed.Evicted()
	}
	return n
}
