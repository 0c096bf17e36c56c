package fraud

import (
	"hash/maphash"
	"net/netip"
	"time"

	"pbxjail/configs"
	"pbxjail/parsers"
)

// Attempt is what one offence tells of its caller.
type Attempt struct {
	Addr    netip.Addr
	Account parsers.Text // as the caller wrote it; may be empty
	Number  parsers.Text // as dialled; may be empty
	Unknown bool         // the account or extension does not exist
	Failed  bool         // a password was wrong
	Guest   bool         // a call without an account
}

// Sense remembers attempts and finds what they are together. It starts nothing and
// reads no clock. Not safe for concurrent use.
type Sense struct {
	rules   configs.Fraud
	plan    *Plan
	callers table[caller]
	crowds  table[crowd] // of accounts and of numbers, by hash
	seeds   struct{ name, account, tail, head, address maphash.Seed }
}

// New makes a Sense that remembers at most so many addresses, and as many accounts
// and numbers.
func New(numbers *configs.Numbers, rules configs.Fraud, max int) *Sense {
	s := &Sense{callers: newTable[caller](max), crowds: newTable[crowd](max)}
	for _, seed := range []*maphash.Seed{&s.seeds.name, &s.seeds.account, &s.seeds.tail, &s.seeds.head, &s.seeds.address} {
		*seed = maphash.MakeSeed()
	}
	s.Change(numbers, rules)
	return s
}

// Change puts new rules in place of the old, and forgets nothing.
func (s *Sense) Change(numbers *configs.Numbers, rules configs.Fraud) {
	s.rules, s.plan = rules, NewPlan(numbers, rules.Home, rules.International)
	r := &s.rules
	s.callers.keep = secondsOf(r.Enumeration.Within, r.SameNumber.Within, r.Sequence.Within)
	s.crowds.keep = secondsOf(r.SameNumber.Within, r.ManyAddresses.Within)
}

// Hear takes an attempt at now and calls yield with each rule that speaks for it.
// now may go back a little. The texts may be changed once it returns.
func (s *Sense) Hear(a Attempt, now time.Time, yield func(Finding)) {
	if !s.rules.Enabled || !a.Addr.IsValid() {
		return
	}
	at := seconds(now)
	number := s.plan.Analyse(a.Number)
	c := s.callers.get(keyOf(a.Addr), at)
	account := bareName(a.Account.Raw())
	switch tried := bareName(a.Number.Raw()); {
	case a.Guest && !a.Unknown && number.Tail() != nil && !number.International: // perhaps a stranger calls us
	case len(tried) > 0 && (a.Unknown || a.Guest):
		s.enumerates(c, tried, at, yield)
	case len(account) > 0 && a.Unknown:
		s.enumerates(c, account, at, yield)
	case len(account) > 0 && a.Failed:
		s.sprays(c, account, at, yield)
		s.besieges(a.Addr, account, at, yield)
	}
	if number.Tail() != nil {
		s.dials(c, &a, &number, at, yield)
	}
	if a.Guest && number.International {
		rule, count := RuleInternational, value([]byte(number.Country()))
		if number.Premium > 0 {
			rule, count = RulePremium, number.Premium
		}
		yield(Finding{Rule: rule, Factor: number.Factor, Count: count})
	}
}

// enumerates hears of an account or an extension that does not exist.
func (s *Sense) enumerates(c *caller, name []byte, at uint32, yield func(Finding)) {
	noted := note(c.tried[:], s.nameHash(name, unknown), at)
	r := &s.rules.Enumeration
	if noted < min(r.Accounts, s.rules.Sequence.Steps) {
		return // too few, whatever they are
	}
	if n := c.count(unknown, at, secondsOf(r.Within)); n >= r.Accounts {
		yield(Finding{Rule: RuleEnumeration, Factor: configs.Thousandths(r.Factor), Count: n})
	}
	if n := s.row(c, name, at); n >= s.rules.Sequence.Steps {
		yield(Finding{Rule: RuleSequence, Factor: configs.Thousandths(s.rules.Sequence.Factor), Count: n})
	}
}

// row is how many names in a row there are around one, whatever their order was: two
// logs that tell the same do not tell it at the same time.
func (s *Sense) row(c *caller, name []byte, at uint32) int {
	limit := secondsOf(s.rules.Sequence.Within)
	n := 1
	for _, up := range []bool{false, true} {
		var next [maxName]byte
		neighbour := next[:copy(next[:], name)]
		for n < places && step(neighbour, up) && has(c.tried[:], s.nameHash(neighbour, unknown), at, limit) {
			n++
		}
	}
	return n
}

// sprays hears of a wrong password.
func (s *Sense) sprays(c *caller, account []byte, at uint32, yield func(Finding)) {
	noted := note(c.tried[:], s.nameHash(account, exists), at)
	r := &s.rules.Enumeration
	if noted < r.Passwords {
		return // too few, whatever they are
	}
	if n := c.count(exists, at, secondsOf(r.Within)); n >= r.Passwords {
		yield(Finding{Rule: RuleSpraying, Factor: configs.Thousandths(r.Factor), Count: n})
	}
}

// besieges hears of a wrong password for an account that, as far as the log tells,
// exists: those that do not are everybody's first guess.
func (s *Sense) besieges(a netip.Addr, account []byte, at uint32, yield func(Finding)) {
	r := &s.rules.ManyAddresses
	limit := secondsOf(r.Within)
	crowd := s.crowds.get(keyOfHash(maphash.Bytes(s.seeds.account, account)), at)
	if n := crowd.join(s.addressHash(keyOf(a)), at, limit); n >= r.Addresses {
		yield(Finding{Rule: RuleManyAddresses, Factor: configs.Thousandths(r.Factor), Count: n, Alarm: crowd.alarm(at, limit)})
	}
}

// dials hears of a number that is long enough to be known again.
func (s *Sense) dials(c *caller, a *Attempt, n *Number, at uint32, yield func(Finding)) {
	r := &s.rules.SameNumber
	limit := secondsOf(r.Within)
	tail := maphash.Bytes(s.seeds.tail, n.Tail())
	head := maphash.Bytes(s.seeds.head, n.head())
	if heads := c.dial(uint32(tail), uint16(head), at, limit); heads >= r.Prefixes {
		yield(Finding{Rule: RulePrefixes, Factor: configs.Thousandths(r.Factor), Count: heads})
	}
	if !n.International || !a.Guest && !a.Unknown {
		return // a provider has many addresses, and all of them dial our numbers
	}
	if callers := s.crowds.get(keyOfHash(tail), at).join(s.addressHash(keyOf(a.Addr)), at, limit); callers >= r.Addresses {
		yield(Finding{Rule: RuleSharedNumber, Factor: configs.Thousandths(r.Factor), Count: callers})
	}
}

// Forget forgets the addresses of a prefix, in every rule.
func (s *Sense) Forget(p netip.Prefix) {
	gone := map[uint32]bool{}
	if p.IsSingleIP() {
		gone[s.addressHash(keyOf(p.Addr()))] = true
	}
	rowsIn(&s.callers, p, func(i int32) {
		gone[s.addressHash(s.callers.rows[i].key)] = true
		s.callers.remove(i)
	})
	if len(gone) == 0 {
		return
	}
	for i := s.crowds.links[0].next; i != 0; i = s.crowds.links[i].next {
		s.crowds.rows[i].value.leave(gone)
	}
}

// Len is how many addresses, accounts and numbers are remembered.
func (s *Sense) Len() int { return s.callers.index.Len() + s.crowds.index.Len() }

// Evicted is how many of them were forgotten while they still said something.
func (s *Sense) Evicted() uint64 { return s.callers.evicted + s.crowds.evicted }

func (s *Sense) nameHash(name []byte, kind uint32) uint32 {
	return marked(maphash.Bytes(s.seeds.name, name), kind)
}

func (s *Sense) addressHash(k addrKey) uint32 {
	return marked(maphash.Bytes(s.seeds.address, k[:]), exists)
}

// secondsOf is the longest of some durations, in seconds.
func secondsOf(list ...time.Duration) (longest uint32) {
	for _, d := range list {
		longest = max(longest, uint32(d/time.Second))
	}
	return longest
}
