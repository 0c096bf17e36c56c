package jails

import (
	"hash/maphash"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/customer"
	"pbxjail/jails/fraud"
	"pbxjail/jails/home"
	"pbxjail/jails/rates"
	"pbxjail/jails/recent"
	"pbxjail/jails/tally"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// Judge weighs events and decides. It starts nothing and reads no clock. Not safe
// for concurrent use.
type Judge struct {
	guard      *Guard
	book       *book.Book
	observed   *book.Book // bans of jails that only observe, as if they were real
	jails      []*Jail
	memories   map[string]*memory // by the jail's name
	jailID     uint16             // the last one given
	sources    map[string]*Source
	next       uint16  // the number of the next source
	onWire     *Source // the source of the wire; nil: not made yet
	onAMI      *Source // the source of the manager interface; nil: not made yet
	gate       witness.Gate
	forgery    forgery
	proven     recent.Map[recent.Addr, int64] // when an address answered a challenge, unix ms
	replay     bool
	seed       maphash.Seed
	hashKey    uint64       // of the hashes in tallies, which outlive a run
	table      *tally.Table // addresses
	networks   *tally.Table // of jails that widen
	twins      twins
	trust      trust
	misdials   misdials
	fetched    fetched
	senses     Senses
	comparison comparison
	warmer     warmer
	places     placesKnown
	traps      traps
	notes      recent.Map[fraud.Finding, string] // what findings are for people
	caller     callerFacts
	weights    []book.Factor
	rates      *rates.Rates

	customers customers // of IPv6

	// Home knows which accounts are at home where. Set its fields, and those below, before use.
	Home *home.Homes
	// Allowance multiplies maxretry for an address where accounts are at home, and other
	// accounts fail; 0 and 1: maxretry as it is. Set before use.
	Allowance int
	// Young is until when bans are short, because it is not known yet which accounts log in
	// where; zero: it is known. Set before use.
	Young time.Time
}

// NewJudge makes a Judge that remembers at most maxAddresses in all jails together: an
// address in two jails counts twice. With replay the logs may be in any directory: a jail
// reads every log of the same file name.
func NewJudge(list []*Jail, guard *Guard, bans *book.Book, maxAddresses int, replay bool) *Judge {
	j := &Judge{
		guard: guard, book: bans, observed: book.NewBook(nil, nil), sources: map[string]*Source{}, next: firstLogID, memories: map[string]*memory{},
		table: tally.NewTable(maxAddresses), networks: tally.NewTable(max(maxAddresses/networksShare, 1)),
		customers: customers{tally.NewTable(max(maxAddresses/networksShare, 1)), customer.DefaultBits},
		replay:    replay, seed: maphash.MakeSeed(), hashKey: rand.Uint64(), trust: newTrust(), twins: newTwins(), gate: witness.NewGate(), proven: recent.Map[recent.Addr, int64]{Max: maxProven}, misdials: newMisdials(), fetched: newFetched(),
		notes: recent.Map[fraud.Finding, string]{Max: maxNotes},
		rates: rates.New(rateKeys), comparison: comparison{silence: fraud.NewSilence(max(maxAddresses/comparedShare, 1))},
	}
	j.Home = home.New(&j.gate)
	j.SetJails(list)
	return j
}

// SetRoom sets for how many addresses there is memory: so many bans are kept at most, and
// tables that would need more are smaller. Set before use.
func (j *Judge) SetRoom(addresses int) {
	j.book.SetLimit(addresses)
	j.Home.SetLimit(addresses)
}

// networksShare is how many addresses are remembered for each network.
const networksShare = 8

// rateKeys is how many of each kind of key are counted for jailctl top.
const rateKeys = 512

// memory is what a jail remembers; it survives a change of the jail file. id is part of
// the keys of its tallies.
type memory struct {
	id     uint16
	lines  book.Ring
	events uint64 // that counted
}

// SetJails replaces the jails. A jail of the same name keeps its memory; the memory of a
// jail that is gone is dropped.
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
		j.table.ForgetJail(gone.id)
		j.networks.ForgetJail(gone.id)
		j.customers.ForgetJail(gone.id)
	}
	j.jails = list
	j.place()
	for file, s := range j.sources { // a log keeps its id as a witness
		j.sources[file] = j.source(file, s.id)
	}
	j.onWire, j.onAMI = nil, nil
}

// place fills in the country rules that a jail file leaves out from the main file.
func (j *Judge) place() {
	for _, jail := range j.jails {
		jail.places = jail.Places.Or(j.senses.Rules)
	}
}

// SetGuard replaces the protections.
func (j *Judge) SetGuard(g *Guard) { j.guard = g }

// Verdict is the result of an event: a ban, or why there is no ban although there is
// enough for one, or an alarm.
type Verdict struct {
	Ban       book.Ban
	Protected string // why the address is not banned; "" is not protected
	Observe   bool   // the jail only observes
	Alarm     bool   // not a ban: Ban.Reason is a message for the admin
	Rare      bool   // an alarm that the judge itself limits in number
}

// Bans reports whether the verdict is a real ban.
func (v Verdict) Bans() bool { return v.Protected == "" && !v.Observe && !v.Alarm }

// Hear weighs an event at now and calls decide for each jail that has enough for a ban.
// Only offences count. A record whose address the witnesses of packets do not know waits
// for its packets first; when they do not come, it is forged.
func (j *Judge) Hear(s *Source, e *parsers.Event, now time.Time, decide func(Verdict)) {
	e.Addr = e.Addr.Unmap()
	news := netip.Addr{}
	if e.Channel == parsers.ChannelWire {
		j.gate.Note(e, now)
		j.prove(e, now)
		news = e.Addr
	}
	j.resolve(now, news, decide)
	if e.Service.Foreign() {
		j.hearForeign(s, e, now, decide)
		return
	}
	if s.apart != nil && e.Result == parsers.Offence && !j.Home.Knows(e, now) {
		j.charge(s.apart, e, witness.Ungated, now, decide)
	}
	g := witness.Ungated
	if e.Result == parsers.Offence || e.Kind == parsers.Success || e.Kind == parsers.Challenge {
		g = j.grade(s, e, now)
	}
	switch {
	case g < witness.Retold:
		j.believe(s, e, g, now, decide)
	case g == witness.Retold: // the wire counts it; only the log knows whether the account exists
		j.Home.LearnName(s.id, e, now)
		j.tick(now, decide)
	case e.Kind == parsers.Challenge: // if it was sent, the wire saw it
		j.tick(now, decide)
	default:
		j.doubt(s, e, now, decide)
		j.tick(now, decide)
	}
}

// believe weighs an event that its packets do not contradict. Security events confirm
// notices, and so does the record that an event could not be written. An event that the
// wire has seen needs no such confirmation.
func (j *Judge) believe(s *Source, e *parsers.Event, g witness.Grade, now time.Time, decide func(Verdict)) {
	news := j.testify(e, now)
	j.Home.LinkCall(e, now)
	j.learn(e, now, decide)
	if g != witness.Seen || e.Kind != parsers.Challenge { // the wire reports challenges itself
		j.listen(s, e, now)
	}
	j.tick(now, decide)
	j.twins.settle(now, news, func(h held) { j.chargeHeld(h, decide) })
	switch {
	case e.Result != parsers.Offence:
	case g == witness.Seen:
		j.charge(s, e, g, now, decide)
	case j.twins.expects(e, now) && !j.twins.has(e, j.call(e), now):
		j.twins.wait(s, e, j.call(e), now)
	default:
		j.charge(s, e, g, now, decide)
	}
}

// chargeHeld charges a notice that its twin confirms, unless the wire contradicts it now.
func (j *Judge) chargeHeld(h held, decide func(Verdict)) {
	switch g := j.grade(h.src, &h.event, h.at); {
	case g < witness.Retold:
		j.charge(h.src, &h.event, g, h.at, decide)
	case g == witness.Absent:
		j.refute(&h, h.at, decide)
	}
}

// charge counts an offence in each jail that reads its log.
func (j *Judge) charge(s *Source, e *parsers.Event, g witness.Grade, now time.Time, decide func(Verdict)) {
	if before, _ := j.Home.Pardoned(e.Addr, now); before {
		return
	}
	if !e.Service.Foreign() && j.excused(s, e, now, decide) {
		return
	}
	account := j.repeatID(e)
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
		if !j.replay { // nothing asks a replay which are the busiest
			j.rates.Count(rates.Sample{Jail: jail.Name, Country: j.caller.place.Country, Account: e.Account, Addr: e.Addr, Points: points}, now)
		}
		j.count(jail, e.Addr, book.Line{Time: now, Rule: e.Rule, Evidence: e.Evidence, Base: base, Factors: factors, Points: points, File: s.file, Text: e.Line, Witness: e.Channel.String(), Packets: g.String(),
			Kind: e.Kind, Service: e.Service, Account: parsers.TextOf(home.AccountName(e.Account.Raw())), Number: e.Number}, tally.Hit{
			At: now.UnixMilli(), Points: points, Account: account, Evidence: e.Evidence, Once: e.Once,
			Witness: witness.Witness{Source: s.id, Channel: e.Channel, Service: e.Service}, Grade: g,
		}, decide)
	}
}

// excused reports whether an offence counts for no address: an account of ours misdialled,
// or fails where it is at home.
func (j *Judge) excused(s *Source, e *parsers.Event, now time.Time, decide func(Verdict)) bool {
	j.answered(e)
	if e.Pattern == nil && e.Misdialled() {
		j.misdials.hear(e, now, decide)
		return true
	}
	return j.Home.Excuse(s.id, e, now, func(a home.Alarm) { decide(verdictOf(a, now)) })
}

// count adds one hit to the tallies of its address, its customer and its network, and
// decides.
func (j *Judge) count(jail *Jail, a netip.Addr, line book.Line, h tally.Hit, decide func(Verdict)) {
	key := tally.KeyOf(a, jail.memory.id)
	before := parsers.Points(0)
	if jail.Widen.Members > 0 {
		if t := j.table.Find(key, jail.span, h.At); t != nil {
			before = t.Strongest(h.At, jail.span.Find, jail.least, false).Score
		}
	}
	id := uint32(0)
	t, counts := j.table.Add(key, jail.span, h, func() uint32 { id = jail.memory.lines.Put(line); return id })
	if !counts {
		return
	}
	gained := parsers.Points(0)
	if jail.Widen.Members > 0 {
		gained = t.Strongest(h.At, jail.span.Find, jail.least, false).Score - before
	}
	h.Line = id
	if j.weighCustomer(jail, a, t, h, line.Time, decide) {
		j.table.Drop(key)
	} else if r, ok := j.rulingOf(jail, t, a, h, line.Time); ok {
		v, fresh := j.sentence(jail, netip.PrefixFrom(a, a.BitLen()), t, r, line.Time)
		j.table.Drop(key)
		if fresh {
			decide(v)
		}
	}
	if gained > 0 {
		j.widen(jail, a, gained, h, line.Time, decide)
	}
}

// rulingOf is the ruling of a jail on a tally to which a hit of an address was added.
func (j *Judge) rulingOf(jail *Jail, t *tally.Tally, a netip.Addr, h tally.Hit, now time.Time) (ruling, bool) {
	if t.Sum < int64(jail.Maxretry) { // too few, however lenient the jail is
		return ruling{}, false
	}
	return jail.ruling(t, h.At, j.loginsSeen(a, h), j.leniency(a, h.Witness.Service, now))
}

// loginsSeen is the last time at which a log-in of the address would have been seen, by
// security events or on the wire, unix ms.
func (j *Judge) loginsSeen(a netip.Addr, h tally.Hit) int64 {
	if j.gate.Complete(a, h.Witness.Service, time.UnixMilli(h.At)) {
		return max(h.At, j.twins.heard)
	}
	return j.twins.heard
}

// Evicted is how many tallies, and records of related attempts, were dropped to make room
// although they still counted.
func (j *Judge) Evicted() uint64 {
	return j.table.Evicted + j.networks.Evicted + j.customers.Evicted + j.comparison.evicted()
}

// Book holds the live bans. The warden enters them.
func (j *Judge) Book() *book.Book { return j.book }

// Observed holds the bans of jails that only observe, as if they were real.
func (j *Judge) Observed() *book.Book { return j.observed }

// Forget drops what the addresses of a prefix did, after an unban.
func (j *Judge) Forget(p netip.Prefix) {
	j.table.Forget(p)
	j.networks.Forget(p)
	j.forgetCustomer(p)
	j.comparison.forget(p)
}

// Protects returns why a jail may not ban p, or why it may not be banned by hand when jail
// is nil; "" when it may be banned.
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
