package jails

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs"
	"pbxjail/parsers"
)

// Judge weighs events and decides. It starts nothing and reads no clock. Not safe
// for concurrent use.
type Judge struct {
	guard    *Guard
	book     *Book
	observed *Book // bans of jails that only observe, as if they held
	jails    []*Jail
	sources  map[string]*Source
	next     uint16
	max      int
	replay   bool
	seed     maphash.Seed
	twins    twins
	trust    trust

	// ProtectLogins is how long a login with a password protects its address;
	// Forever is for as long as it is remembered. Set before use.
	ProtectLogins time.Duration
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
	j := &Judge{
		guard: guard, book: book, observed: NewBook(nil, nil), sources: map[string]*Source{},
		max: maxAddresses, replay: replay, seed: maphash.MakeSeed(), trust: newTrust(), twins: newTwins(),
	}
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
		jail.window = newWindow(jail.Findtime, jail.lines, j.max)
		if o := old[jail.Name]; o != nil {
			o.window.findtime, o.window.maxHits = jail.window.findtime, jail.window.maxHits
			jail.window, jail.events = o.window, o.events
		}
	}
	j.jails = list
	for file, s := range j.sources { // a witness stays the same one
		j.sources[file] = j.source(file, s.id)
	}
}

// SetGuard puts new protections in place of the old.
func (j *Judge) SetGuard(g *Guard) { j.guard = g }

// Source returns what the jails make of a log.
func (j *Judge) Source(file string) *Source {
	if s := j.sources[file]; s != nil {
		return s
	}
	if len(j.sources) >= maxSources {
		clear(j.sources)
	}
	s := j.source(file, j.next)
	j.next++
	if log := unrotated(file); j.replay && log != file { // parts of one log are one witness
		s.id = j.Source(log).id
	}
	j.sources[file] = s
	return s
}

func (j *Judge) source(file string, id uint16) *Source {
	s := &Source{id: id, file: file}
	for _, jail := range j.jails {
		if jail.follows(file, false) || j.replay && jail.follows(file, true) {
			s.jails = append(s.jails, jail)
		}
	}
	if j.replay && len(s.jails) == 0 { // a log under a name of its own: every jail reads it
		s.jails = j.jails
	}
	for _, jail := range s.jails {
		for _, p := range jail.compiled { // one that two jails share is one event, for both
			if !slices.ContainsFunc(s.patterns, func(o *parsers.Pattern) bool { return o.String() == p.String() }) {
				s.patterns = append(s.patterns, p)
			}
		}
	}
	return s
}

// Verdict is what came of an event: a ban, or the reason why there is none where
// there would have been one.
type Verdict struct {
	Ban       Ban
	Protected string // why the address is not banned all the same; "" is none
	Observe   bool   // the jail only observes
	Alarm     bool   // there is no ban: Ban.Reason is what the admin must know
}

// Bans reports whether somebody is to be banned.
func (v Verdict) Bans() bool { return v.Protected == "" && !v.Observe && !v.Alarm }

// Hear weighs an event at now and calls decide for each jail that has heard
// enough. Offences count, nothing else does; but what the security channel tells,
// and an alarm that it could not tell, says which notices are to be believed.
func (j *Judge) Hear(s *Source, e *parsers.Event, now time.Time, decide func(Verdict)) {
	unissued := e.Rule == parsers.RuleUnissued
	told := e.Channel == parsers.ChannelSecurity && (e.Result == parsers.Signal || e.Addr.IsValid())
	if unissued {
		j.twins.vouch(now)
	} else if told {
		j.twins.tell(e, now)
	}
	j.learn(e, now, decide)
	j.twins.settle(now, told || unissued, func(h held) { j.charge(h.src, &h.event, h.at, decide) })
	switch {
	case e.Result != parsers.Offence:
	case j.twins.expects(e, now) && !j.twins.has(e, now):
		j.twins.wait(s, e, now)
	default:
		j.charge(s, e, now, decide)
	}
}

// charge adds an offence up in each jail that reads its log.
func (j *Judge) charge(s *Source, e *parsers.Event, now time.Time, decide func(Verdict)) {
	j.answered(e)
	var account uint32
	if e.Once {
		account = uint32(maphash.Bytes(j.seed, e.Account.Raw()))
	}
	for _, jail := range s.jails {
		points := jail.points(e)
		if points <= 0 || e.Evidence < jail.least {
			continue
		}
		jail.events++
		t := jail.window.add(e.Addr, hit{
			at: now.UnixMilli(), points: points, account: account, evidence: e.Evidence, once: e.Once,
			witness: witness{source: s.id, channel: e.Channel, service: e.Service},
		}, Line{Time: now, Rule: e.Rule, Points: points, File: s.file, Text: e.Line})
		if t.sum < int64(jail.Maxretry) {
			continue
		}
		if score := t.score(jail.least); score >= parsers.Points(jail.Maxretry) {
			if v, ok := j.sentence(jail, t, e.Addr, score, now); ok {
				decide(v)
			}
		}
	}
}

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
	last, count := t.last, min(len(t.hits), MaxLines)
	t.clear()
	b := Ban{Prefix: p, Jail: jail.Name, Since: now.UTC(), Evidence: evidence, By: "log"}
	book := j.book
	if jail.Observe {
		book = j.observed
	}
	held, banned := book.Holding(a, now)
	b.Strike = book.strike(p, jail.Growth, now)
	b.Until = until(now, jail.bantime(b.Strike, evidence))
	why := j.protects(p, jail)
	if why == "" {
		why, _ = j.loggedIn(a, now)
	}
	// Another jail may hold longer; that it heard of it later does not count, or
	// two jails would renew each other's bans for ever.
	if why == "" && banned && (held.Jail == jail.Name || !longer(b, *held)) {
		return Verdict{}, false
	}
	b.Reason = fmt.Sprintf("%s points within %s, maxretry %s", score, configs.FormatDuration(jail.Findtime), parsers.Points(jail.Maxretry))
	b.Lines = jail.window.lines.chain(last, count)
	return Verdict{Ban: b, Protected: why, Observe: jail.Observe}, true
}

// protects says why p may not be banned by a jail, or by hand when that is nil;
// "" when it may.
func (j *Judge) protects(p netip.Prefix, jail *Jail) string {
	if why, ok := j.guard.Protects(p); ok {
		return why
	}
	if jail != nil && jail.ignores(p) {
		return "ignoreip of jail " + jail.Name
	}
	return ""
}

// jail finds a jail by name; nil when there is none.
func (j *Judge) jail(name string) *Jail {
	if i := slices.IndexFunc(j.jails, func(jail *Jail) bool { return jail.Name == name }); i >= 0 {
		return j.jails[i]
	}
	return nil
}

// until is the end of a ban of d from now.
func until(now time.Time, d time.Duration) time.Time {
	if d == Forever {
		return time.Time{}
	}
	return now.Add(d).UTC()
}

// longer reports whether a lasts longer than b in all, and ends later.
func longer(a, b Ban) bool {
	if a.Until.IsZero() || b.Until.IsZero() {
		return a.Until.IsZero() && !b.Until.IsZero()
	}
	return a.Until.Sub(a.Since) > b.Until.Sub(b.Since) && a.Until.After(b.Until)
}
