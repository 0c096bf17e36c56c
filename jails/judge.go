package jails

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"time"

	"pbxjail/configs"
	"pbxjail/parsers"
)

// Judge weighs events and decides. It starts nothing and reads no clock. Not safe
// for concurrent use.
type Judge struct {
	guard   *Guard
	book    *Book
	jails   []*Jail
	sources map[string]*Source
	next    uint16
	max     int
	replay  bool
	seed    maphash.Seed
}

// Source is one log as the jails see it. It holds until the jails change.
type Source struct {
	id       uint16
	file     string
	jails    []*Jail
	patterns []*parsers.Pattern
}

// Patterns are the own patterns of the jails that read this log.
func (s *Source) Patterns() []*parsers.Pattern { return s.patterns }

// maxSources bounds the logs a Judge tells apart; the watcher follows fewer.
const maxSources = 1024

// NewJudge makes a Judge that remembers at most maxAddresses in each jail. replay
// lets logs lie anywhere: a jail then reads every log of the same last name.
func NewJudge(list []*Jail, guard *Guard, book *Book, maxAddresses int, replay bool) *Judge {
	j := &Judge{guard: guard, book: book, max: maxAddresses, replay: replay, seed: maphash.MakeSeed()}
	j.SetJails(list)
	return j
}

// SetJails puts new jails in place of the old. A jail of the same name keeps what
// it knows of each address.
func (j *Judge) SetJails(list []*Jail) {
	old := map[string]*Jail{}
	for _, jail := range j.jails {
		old[jail.Name] = new(*jail)
	}
	for _, jail := range list {
		jail.window = newWindow(jail.Findtime, parsers.Points(jail.Maxretry), j.max)
		if o := old[jail.Name]; o != nil {
			o.window.findtime, o.window.maxHits = jail.window.findtime, jail.window.maxHits
			jail.window, jail.events = o.window, o.events
		}
	}
	j.jails = list
	j.sources = map[string]*Source{}
	j.next = 0
}

// SetGuard puts new protections in place of the old.
func (j *Judge) SetGuard(g *Guard) { j.guard = g }

// Source returns what the jails make of a log.
func (j *Judge) Source(file string) *Source {
	if s := j.sources[file]; s != nil {
		return s
	}
	s := &Source{id: j.next, file: file}
	for _, jail := range j.jails {
		if jail.follows(file, false) || j.replay && jail.follows(file, true) {
			s.jails = append(s.jails, jail)
		}
	}
	if j.replay && len(s.jails) == 0 { // a log under a name of its own: every jail reads it
		s.jails = j.jails
	}
	for _, jail := range s.jails {
		s.patterns = append(s.patterns, jail.compiled...)
	}
	if len(j.sources) < maxSources {
		j.sources[file] = s
		j.next++
	}
	return s
}

// Verdict is what came of an event: a ban, or the reason why there is none where
// there would have been one.
type Verdict struct {
	Ban       Ban
	Protected string // why the address is not banned all the same; "" is none
	Observe   bool   // the jail only observes
}

// Hear weighs an event at now and calls decide for each jail that has heard
// enough. Offences count, nothing else does.
func (j *Judge) Hear(s *Source, e *parsers.Event, now time.Time, decide func(Verdict)) {
	if e.Result != parsers.Offence {
		return
	}
	for _, jail := range s.jails {
		points := jail.points(e)
		if points <= 0 || e.Evidence < jail.least {
			continue
		}
		jail.events++
		t := jail.window.add(e.Addr, hit{
			at: now.UnixMilli(), points: points, account: j.hash(e.Account), evidence: e.Evidence, once: e.Once,
			witness: witness{source: s.id, channel: e.Channel, service: e.Service},
		}, Line{Time: now, Rule: e.Rule, Points: points, File: s.file, Text: e.Line})
		if score := t.score(jail.least); score >= parsers.Points(jail.Maxretry) {
			if v, ok := j.sentence(jail, t, e.Addr, score, now); ok {
				decide(v)
			}
		}
	}
}

func (j *Judge) hash(t parsers.Text) uint32 { return uint32(maphash.Bytes(j.seed, t.Raw())) }

// sentence makes the ban of an address whose tally is full. ok is false when the
// ban is there already: lines written before it fell still come in.
func (j *Judge) sentence(jail *Jail, t *tally, a netip.Addr, score parsers.Points, now time.Time) (Verdict, bool) {
	p := netip.PrefixFrom(a, a.BitLen())
	evidence := jail.least
	for e := parsers.Proven; e > jail.least; e-- {
		if t.score(e) >= parsers.Points(jail.Maxretry) {
			evidence = e
			break
		}
	}
	lines := jail.window.lines.chain(t.last, MaxLines)
	t.clear()
	v := Verdict{Observe: jail.Observe}
	v.Ban = Ban{Prefix: p, Jail: jail.Name, Since: now.UTC(), Strike: 1, Evidence: evidence, By: "log", Lines: lines}
	v.Ban.Reason = fmt.Sprintf("%s points of %s within %s", score, parsers.Points(jail.Maxretry), configs.FormatDuration(jail.Findtime))
	if why, ok := j.guard.Protects(p); ok {
		v.Protected = why
		return v, true
	}
	if jail.ignores(p) {
		v.Protected = "ignoreip of jail " + jail.Name
		return v, true
	}
	held, banned := j.book.Holding(a, now)
	if banned {
		v.Ban.Strike = held.Strike
	} else {
		v.Ban.Strike = j.book.strike(p, jail.Growth, now)
	}
	v.Ban.Until = until(now, jail.bantime(v.Ban.Strike, evidence))
	// Another jail may hold longer; that it heard of it later does not count, or
	// two jails would renew each other's bans for ever.
	if banned && (held.Jail == jail.Name || !longer(v.Ban, *held)) {
		return v, false
	}
	return v, true
}

// until is the end of a ban of d from now.
func until(now time.Time, d time.Duration) time.Time {
	if d == Forever {
		return time.Time{}
	}
	return now.Add(d).UTC()
}

// longer reports whether a lasts longer than b does in all.
func longer(a, b Ban) bool {
	if a.Until.IsZero() || b.Until.IsZero() {
		return a.Until.IsZero() && !b.Until.IsZero()
	}
	return a.Until.Sub(a.Since) > b.Until.Sub(b.Since)
}
