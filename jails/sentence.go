package jails

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"pbxjail/configs/show"
	"pbxjail/jails/book"
	"pbxjail/jails/customer"
	"pbxjail/jails/tally"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// ruling is a window in which enough was done.
type ruling struct {
	tally.Selection
	limit  parsers.Points
	within time.Duration
	leniency
}

// ruling finds a window in which an address has done enough for a ban: the short one
// (findtime) first. When there is none, it returns the score of the short one. The long
// window counts only where log-ins were seen lately, in security events or on the wire:
// without log-ins, an office that sometimes mistypes looks like a slow attacker.
func (j *Jail) ruling(t *tally.Tally, at, heard int64, l leniency) (ruling, bool) {
	least := max(j.least, l.least)
	r := ruling{limit: l.limit(parsers.Points(j.Maxretry)), within: j.Findtime, leniency: l}
	if t.Sum < int64(r.limit) {
		return r, false
	}
	if r.Selection = t.Strongest(at, j.span.Find, least, false); r.Score >= r.limit {
		return r, true
	}
	if long := l.limit(parsers.Points(j.Slow.Maxretry)); j.span.Slow > 0 && t.Sum >= int64(long) && at-heard < j.span.Slow {
		if b := t.Strongest(at, j.span.Slow, least, true); b.Score >= long {
			return ruling{b, long, j.Slow.Findtime, l}, true
		}
	}
	return r, false
}

// reckon adds up the hits of a ruling again, and finds their lines.
func (j *Jail) reckon(t *tally.Tally, r ruling) (book.Reckoning, []book.Line) {
	sum := book.Reckoning{Score: r.Score, Maxretry: r.limit, Within: r.within, Allowance: r.allowance}
	var counted []*tally.Hit
	for i := range t.Hits {
		h := &t.Hits[i]
		if r.Counts(h) {
			counted = append(counted, h)
		} else if r.Holds(h) {
			sum.Retold++
		}
	}
	var lines []book.Line
	for i, h := range counted {
		line, ok := j.memory.lines.Get(h.Line)
		if !ok || i < len(counted)-book.MaxLines {
			sum.Rest += h.Points
			sum.Earlier++
			continue
		}
		line.Counts = h.Points
		lines = append(lines, line)
		sum.Witness, sum.Packets = listed(sum.Witness, line.Witness), listed(sum.Packets, line.Packets)
	}
	return sum, lines
}

// listed adds a word to a list with commas, once.
func listed(list, word string) string {
	switch {
	case word == "" || slices.Contains(strings.Split(list, ", "), word):
		return list
	case list == "":
		return word
	}
	return list + ", " + word
}

// sentence makes the ban of a prefix whose tally is full. It reports false when the
// ban exists already: lines that were written before the ban may still come in.
func (j *Judge) sentence(jail *Jail, p netip.Prefix, t *tally.Tally, r ruling, now time.Time) (Verdict, bool) {
	bans := j.book
	if jail.Observe {
		bans = j.observed
	}
	held, banned := bans.Covering(p, now)
	attacked, strike := jail.closes(t, r), bans.Strike(p, held, jail.Growth, now)
	why := j.Protects(p, jail)
	if why == "" && banned && held.Jail == jail.Name && p.IsSingleIP() && held.Ports.Covers(jail.closesMost(attacked, strike)) {
		return Verdict{}, false // most lines of a banned address end here
	}
	b := book.Ban{Prefix: p, Jail: jail.Name, Since: now.UTC(), Evidence: jail.known(t, r, now.UnixMilli()), By: "log", Ports: attacked, Strike: strike}
	b.Narrow = b.Evidence == parsers.Claimed || r.allowance > 0
	doubt := j.uncertain(t, r, b, now)
	shorter := false
	if doubt != "" {
		full := jail.Length(b)
		b.Most, shorter = shortBan, full == book.Forever || full > shortBan
	}
	b.Until, b.Ports = book.EndOf(now, jail.Length(b)), jail.Closed(b)
	if why == "" && !p.IsSingleIP() && r.allowance == 0 { // with an allowance, the log-ins are counted already
		why, _ = j.Home.Protects(p, now)
	}
	// The ban of another jail is replaced only when this one lasts longer. That it begins
	// later does not count: otherwise two jails would renew each other's bans without end.
	if why == "" && banned && held.Ports.Covers(b.Ports) && (held.Jail == jail.Name || !b.Outlasts(*held)) {
		return Verdict{}, false
	}
	if banned && why == "" {
		if held.Prefix == p && b.Most > 0 && held.Outlasts(b) { // a doubtful ban does not extend another
			return Verdict{}, false
		}
		b.Join(*held)
	}
	sum, lines := jail.reckon(t, r)
	if p.IsSingleIP() {
		sum.Place = *j.where(p.Addr())
	} else {
		sum.Members = len(members(t, r))
		if c, ok := customer.Of(p.Addr(), j.customers.bits); ok && c == p {
			sum.Customer = p.Bits()
		}
	}
	b.Sum, b.Lines = &sum, lines
	b.Reason = sum.Reason(lines)
	if shorter {
		b.Reason += "; at most " + show.Duration(shortBan) + ", because " + doubt
	}
	return Verdict{Ban: b, Protected: why, Observe: jail.Observe}, true
}

// uncertain returns why a ban must be short; "" when it need not be.
func (j *Judge) uncertain(t *tally.Tally, r ruling, b book.Ban, now time.Time) string {
	if doubt := j.doubtful(t, r, b.Prefix, now); doubt != "" {
		return doubt
	}
	switch {
	case r.allowance > 0 && b.Evidence < parsers.Proven:
		return "accounts log in from this address, and an attacker could forge its packets"
	case now.Before(j.Young):
		return "pbxjail was installed recently, and does not know yet which accounts log in from where"
	}
	return ""
}

// shortBan is the longest ban of an address whose packets do not prove it.
const shortBan = 15 * time.Minute

// doubtful returns why the packets do not prove that a ban is right; "" when they do, or
// when the ban does not need them. An address that sent packets and never answered a
// challenge may be forged.
func (j *Judge) doubtful(t *tally.Tally, r ruling, p netip.Prefix, now time.Time) string {
	proved := p.IsSingleIP() && j.proved(p.Addr(), now)
	solid, blind := parsers.Points(0), false
	for i := range t.Hits {
		h := &t.Hits[i]
		if !r.Counts(h) {
			continue
		}
		if h.Grade == witness.Ungated || h.Grade != witness.Unsure && (proved || h.Evidence == parsers.Proven) {
			solid += h.Points
		}
		blind = blind || h.Grade == witness.Unsure
	}
	switch {
	case solid >= r.limit:
		return ""
	case blind:
		return "pbxjail could not check whether these packets really came"
	}
	return "the sender never answered a challenge, so this address may be forged"
}

// known is the best evidence that is enough for the ban by itself.
func (j *Jail) known(t *tally.Tally, r ruling, at int64) parsers.Evidence {
	for e := parsers.Proven; e > j.least; e-- {
		if t.SumOf(e) >= int64(r.limit) && t.Strongest(at, r.within.Milliseconds(), e, r.Fresh).Score >= r.limit {
			return e
		}
	}
	return j.least
}
