package jails

import (
	"net/netip"
	"time"

	"pbxjail/jails/customer"
	"pbxjail/jails/tally"
	"pbxjail/parsers"
)

// customers remembers what the addresses of one IPv6 customer did together, in each jail.
// Owned by one Judge; bounded as its table is.
type customers struct {
	*tally.Table
	bits int
}

// SetCustomer sets the length of the prefix of one IPv6 customer, in bits; 128 scores each
// address alone, 0 is customer.DefaultBits. A change forgets the tallies of all customers.
func (j *Judge) SetCustomer(bits int) {
	if bits == 0 {
		bits = customer.DefaultBits
	}
	if bits != j.customers.bits {
		j.customers = customers{tally.NewTable(j.customers.Max), bits}
	}
}

// weighCustomer adds a hit of an address, whose own tally has it, to the tally of the
// address's customer. It bans the customer's prefix if several addresses have done enough
// together, and reports whether it did. An address that is only claimed does not count for
// a customer: an attacker who can write one can write all of them.
func (j *Judge) weighCustomer(jail *Jail, a netip.Addr, own *tally.Tally, h tally.Hit, now time.Time, decide func(Verdict)) bool {
	p, ok := customer.Of(a, j.customers.bits)
	if !ok || h.Evidence < parsers.Seen {
		return false
	}
	key, id := tally.KeyOf(p.Addr(), jail.memory.id), h.Line
	// The tally of the address has already removed repeats.
	h.Member, h.Once, h.Again = j.memberID(a), false, own.IsAgain(h.Line)
	t, _ := j.customers.Add(key, jail.span, h, func() uint32 { return id })
	r, ok := j.rulingOf(jail, t, a, h, now)
	if !ok || !together(t, r) {
		return false
	}
	v, fresh := j.sentence(jail, p, t, r, now)
	j.customers.Drop(key)
	if fresh {
		decide(v)
	}
	return fresh && v.Protected == ""
}

// memberID is a number for an address: it differs between the addresses of a network.
func (j *Judge) memberID(a netip.Addr) uint32 {
	raw := a.As16()
	return hash(j.hashKey, raw[:])
}

// members returns the points of each address of a network in the window of a ruling.
func members(t *tally.Tally, r ruling) map[uint32]parsers.Points {
	did := map[uint32]parsers.Points{}
	for i := range t.Hits {
		if h := &t.Hits[i]; r.Counts(h) {
			did[h.Member] += h.Points
		}
	}
	return did
}

// together reports whether several addresses made the points. An address that made enough
// points by itself is banned alone, until the others have made enough as well.
func together(t *tally.Tally, r ruling) bool {
	did := members(t, r)
	most := parsers.Points(0)
	for _, points := range did {
		most = max(most, points)
	}
	return len(did) > 1 && (most < r.limit || r.Score-most >= r.limit)
}

// forgetCustomer drops the tallies of the customers in a prefix, and of the customer that
// has the prefix.
func (j *Judge) forgetCustomer(p netip.Prefix) {
	if c, ok := customer.Of(p.Addr(), j.customers.bits); ok && p.Bits() > c.Bits() {
		p = netip.PrefixFrom(c.Addr(), c.Addr().BitLen())
	}
	j.customers.Forget(p)
}

// knows reports whether the customer of an address did anything.
func (c *customers) knows(a netip.Addr) bool {
	p, ok := customer.Of(a, c.bits)
	return ok && c.Knows(p.Addr())
}

// forgiveCustomer removes the failures of an account at the addresses of one customer.
func (j *Judge) forgiveCustomer(jail *Jail, a netip.Addr, account uint32, now time.Time) {
	p, ok := customer.Of(a, j.customers.bits)
	if !ok {
		return
	}
	if t := j.customers.Find(tally.KeyOf(p.Addr(), jail.memory.id), jail.span, now.UnixMilli()); t != nil {
		t.Forgive(account)
	}
}
