package jails

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/fraud"
	"pbxjail/jails/rates"
	"pbxjail/parsers"
)

// Judge weighs events and decides. It starts nothing and reads no clock. Not safe
// for concurrent use.
type Judge struct {
	guard    *Guard
	book     *book.Book
	observed *book.Book // bans of jails that only observe, as if they held
	jails    []*Jail
	memories map[string]*memory // by the jail's name
	jailID   uint16             // the last one given
	sources  map[string]*Source
	next     uint16  // the number of the next source
	onWire   *Source // the wire's; nil: made when it is asked for
	gate     gate
	home     atHome
	proven   recent[addrKey, int64] // who answered a challenge: when, unix ms
	replay   bool
	seed     maphash.Seed
	table    *table // addresses
	networks *table // of jails that widen
	twins    twins
	trust    trust
	pardons  []pardon
	misdials misdials
	senses   Senses
	company  company
	about    circumstances
	weights  []book.Factor
	rates    *rates.Rates

	customers customers // of IPv6

	// ProtectLogins is how long a log-in with a password makes its account at home at its
	// address; Forever is for as long as it is remembered. Set before use.
	ProtectLogins time.Duration
	// Allowance is how many times maxretry an address may do, where accounts are at home,
	// before it is banned for others; 0 and 1: no more than any. Set before use.
	Allowance int
	// Young is until when bans are short, because it is not known yet who logs in; zero:
	// it is known. Set before use.
	Young time.Time
}

// Source is one log as the jails see it. It holds until the jails change.
type Source struct {
	id       uint16
	file     string
	jails    []*Jail
	patterns []*parsers.Pattern
	text     bool    // its jails believe the text alone: heard: false
	apart    *Source // of the jails that believe the text alone, where there are others too; else nil
}

// Patterns are the own patterns of the jails that read this log.
func (s *Source) Patterns() []*parsers.Pattern { return s.patterns }

// maxSources bounds the logs a Judge tells apart; the watcher follows fewer.
const maxSources = 1024

// NewJudge makes a Judge that remembers at most maxAddresses, over all jails: one
// that is known in two jails counts twice. replay lets logs lie anywhere: a jail
// then reads every log of the same last name.
func NewJudge(list []*Jail, guard *Guard, bans *book.Book, maxAddresses int, replay bool) *Judge {
	j := &Judge{
		guard: guard, book: bans, observed: book.NewBook(nil, nil), sources: map[string]*Source{}, next: wireID + 1, memories: map[string]*memory{},
		table: newTable(maxAddresses), networks: newTable(max(maxAddresses/networksShare, 1)),
		customers: customers{newTable(max(maxAddresses/networksShare, 1)), DefaultCustomer},
		replay:    replay, seed: maphash.MakeSeed(), trust: newTrust(), twins: newTwins(), gate: gate{sightings: newSightings()}, home: newAtHome(), proven: recent[addrKey, int64]{max: maxProven}, misdials: newMisdials(),
		rates: rates.New(rateKeys), company: company{silence: fraud.NewSilence(max(maxAddresses/companyShare, 1))},
	}
	j.SetJails(list)
	return j
}

// networksShare is how many addresses are remembered for each network.
const networksShare = 8

// rateKeys is how many of each kind of key are counted for jailctl top.
const rateKeys = 512

// memory is what a jail knows, whatever becomes of its file. id names its tallies.
type memory struct {
	id     uint16
	lines  book.Ring
	events uint64 // that counted
}

// SetJails puts new jails in place of the old. A jail of the same name keeps what
// it knows of each address; one that is gone is forgotten.
func (j *Judge) SetJails(list []*Jail) {
	known := j.memories
	j.memories = map[string]*memory{}
	for _, jail := range list {
		m := known[jail.Name]
		delete(known, jail.Name)
		if m == nil {
			j.jailID++
			m = &memory{id: j.jailID}
		}
		j.memories[jail.Name] = m
		jail.memory = m
	}
	for _, gone := range known {
		j.table.forgetJail(gone.id)
		j.networks.forgetJail(gone.id)
		j.customers.forgetJail(gone.id)
	}
	j.jails = list
	j.place()
	for file, s := range j.sources { // a witness stays the same one
		j.sources[file] = j.source(file, s.id)
	}
	j.onWire = nil
}

// place gives jails the rules of the main file for what they leave out.
func (j *Judge) place() {
	for _, jail := range j.jails {
		jail.places = jail.Places.Or(j.senses.Rules)
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
	if j.next++; j.next == wireID {
		j.next++
	}
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
	s.part()
	return s
}

// part puts the jails that believe the text alone apart from the others.
func (s *Source) part() {
	var near, far []*Jail
	for _, jail := range s.jails {
		if jail.Heard {
			near = append(near, jail)
		} else {
			far = append(far, jail)
		}
	}
	switch {
	case len(far) == 0:
	case len(near) == 0:
		s.text = true
	default:
		s.jails, s.apart = near, &Source{id: s.id, file: s.file, jails: far, text: true}
	}
}

// Verdict is what came of an event: a ban, or the reason why there is none where
// there would have been one.
type Verdict struct {
	Ban       book.Ban
	Protected string // why the address is not banned all the same; "" is none
	Observe   bool   // the jail only observes
	Alarm     bool   // there is no ban: Ban.Reason is what the admin must know
	Rare      bool   // an alarm that the judge itself tells seldom enough
}

// Bans reports whether somebody is to be banned.
func (v Verdict) Bans() bool { return v.Protected == "" && !v.Observe && !v.Alarm }

// Hear weighs an event at now and calls decide for each jail that has heard
// enough. Offences count, nothing else does. A record whose address the witnesses of
// packets do not know waits for its packets first; without them it is forged.
func (j *Judge) Hear(s *Source, e *parsers.Event, now time.Time, decide func(Verdict)) {
	e.Addr = e.Addr.Unmap()
	news := netip.Addr{}
	if e.Channel == parsers.ChannelWire {
		j.gate.sightings.note(e, now)
		j.prove(e, now)
		news = e.Addr
	}
	j.resolve(now, news, decide)
	if s.apart != nil && e.Result == parsers.Offence && j.resident(e, now) == nil {
		j.charge(s.apart, e, ungated, now, decide)
	}
	g := ungated
	if e.Result == parsers.Offence || e.Kind == parsers.Success || e.Kind == parsers.Challenge {
		g = j.grade(s, e, now)
	}
	switch {
	case g < retold:
		j.believe(s, e, g, now, decide)
	case g == retold:
		j.tick(now, decide)
	case e.Kind == parsers.Challenge: // if it was sent, the wire knows of it
		j.tick(now, decide)
	default:
		j.doubt(s, e, now, decide)
		j.tick(now, decide)
	}
}

// believe weighs an event that its packets do not contradict. What the security
// channel tells, and an alarm that it could not tell, says which notices are to be
// believed; the wire says it better.
func (j *Judge) believe(s *Source, e *parsers.Event, g grade, now time.Time, decide func(Verdict)) {
	told := j.testify(e, now)
	j.linkCall(e, now)
	j.learn(e, now, decide)
	if g != seen || e.Kind != parsers.Challenge { // of challenges the wire tells itself
		j.listen(s, e, now)
	}
	j.tick(now, decide)
	j.twins.settle(now, told, func(h held) { j.chargeHeld(h, decide) })
	switch {
	case e.Result != parsers.Offence:
	case g == seen:
		j.charge(s, e, g, now, decide)
	case j.twins.expects(e, now) && !j.twins.has(e, j.call(e), now):
		j.twins.wait(s, e, j.call(e), now)
	default:
		j.charge(s, e, g, now, decide)
	}
}

// chargeHeld charges a notice that its twin confirms, unless the wire contradicts it
// by now.
func (j *Judge) chargeHeld(h held, decide func(Verdict)) {
	switch g := j.grade(h.src, &h.event, h.at); {
	case g < retold:
		j.charge(h.src, &h.event, g, h.at, decide)
	case g == absent:
		j.refute(&h, h.at, decide)
	}
}

// charge adds an offence up in each jail that reads its log.
func (j *Judge) charge(s *Source, e *parsers.Event, g grade, now time.Time, decide func(Verdict)) {
	if before, _ := j.pardoned(e.Addr, now); before {
		return
	}
	j.answered(e)
	if e.Pattern == nil && e.Misdialled() {
		j.misdials.hear(e, now, decide)
		return
	}
	if j.excuse(s, e, now, decide) {
		return
	}
	account := j.accountID(accountName(e.Account.Raw()))
	if e.Once {
		account = j.accountID(e.Account.Raw())
	}
	looked := false
	for _, jail := range s.jails {
		base := jail.points(e)
		if base <= 0 || e.Evidence < jail.least {
			continue
		}
		if !looked {
			j.look(e, now, decide)
			looked = true
		}
		points, factors := j.weigh(jail, e, base)
		jail.memory.events++
		j.rates.Count(rates.Sample{Jail: jail.Name, Country: j.about.place.Country, Account: e.Account, Addr: e.Addr, Points: points}, now)
		j.count(jail, e.Addr, book.Line{Time: now, Rule: e.Rule, Evidence: e.Evidence, Base: base, Factors: factors, Points: points, File: s.file, Text: e.Line, Witness: e.Channel.String(), Packets: gradeWords[g]}, hit{
			at: now.UnixMilli(), points: points, account: account, evidence: e.Evidence, once: e.Once,
			witness: witness{source: s.id, channel: e.Channel, service: e.Service}, grade: g,
		}, decide)
	}
}

// count adds one hit to the tally of its address, to that of its customer, and to that of
// its network, and decides.
func (j *Judge) count(jail *Jail, a netip.Addr, line book.Line, h hit, decide func(Verdict)) {
	key := keyOf(a, jail.memory.id)
	before := parsers.Points(0)
	if jail.Widen.Members > 0 {
		if t := j.table.find(key, jail.span, h.at); t != nil {
			before = t.strongest(h.at, jail.span.find, jail.least, false).score
		}
	}
	id := uint32(0)
	t, counts := j.table.add(key, jail.span, h, func() uint32 { id = jail.memory.lines.Put(line); return id })
	if !counts {
		return
	}
	gained := parsers.Points(0)
	if jail.Widen.Members > 0 {
		gained = t.strongest(h.at, jail.span.find, jail.least, false).score - before
	}
	h.line = id
	if j.weighCustomer(jail, a, t, h, line.Time, decide) {
		j.table.drop(key)
	} else if r, ok := jail.ruling(t, h.at, j.loginsSeen(a, h), j.leniency(a, h.witness.service, line.Time)); ok {
		v, fresh := j.sentence(jail, netip.PrefixFrom(a, a.BitLen()), t, r, line.Time)
		j.table.drop(key)
		if fresh {
			decide(v)
		}
	}
	if gained > 0 {
		j.widen(jail, a, gained, h, line.Time, decide)
	}
}

// loginsSeen is when a log-in of an address would last have been seen, unix ms: by
// security events, or on the wire.
func (j *Judge) loginsSeen(a netip.Addr, h hit) int64 {
	if j.gate.complete(a, h.witness.service, time.UnixMilli(h.at)) {
		return max(h.at, j.twins.heard)
	}
	return j.twins.heard
}

// Evicted is how many tallies that still counted made room for others, and what
// was known of how attempts are together.
func (j *Judge) Evicted() uint64 {
	return j.table.evicted + j.networks.evicted + j.customers.evicted + j.company.evicted()
}

// Book holds the bans that are live. The warden that owns the judge enters them.
func (j *Judge) Book() *book.Book { return j.book }

// Observed holds the bans of jails that only observe, as if they held.
func (j *Judge) Observed() *book.Book { return j.observed }

// Forget drops what the addresses of a prefix did: they were let out.
func (j *Judge) Forget(p netip.Prefix) {
	j.table.forget(p)
	j.networks.forget(p)
	j.forgetCustomer(p)
	j.company.forget(p)
}

// Protects says why p may not be banned by a jail, or by hand when that is nil;
// "" when it may.
func (j *Judge) Protects(p netip.Prefix, jail *Jail) string {
	if why, ok := j.guard.Protects(p); ok {
		return why
	}
	if jail != nil && jail.ignores(p) {
		return "ignoreip of jail " + jail.Name
	}
	return ""
}

// Jail finds a jail by name; nil when there is none.
func (j *Judge) Jail(name string) *Jail {
	if i := slices.IndexFunc(j.jails, func(jail *Jail) bool { return jail.Name == name }); i >= 0 {
		return j.jails[i]
	}
	return nil
}
