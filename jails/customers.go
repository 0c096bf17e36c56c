package jails

import (
	"hash/maphash"
	"net/netip"
	"time"

	"pbxjail/parsers"
)

// DefaultCustomer is how long the prefix of one IPv6 customer is, in bits. A line has a
// /64 at the least (RFC 6177), and whoever has it can use a new address for each attempt.
const DefaultCustomer = 64

// customers remembers what the addresses of one IPv6 customer did together, in each jail.
// Owned by one Judge; bounded as its table is.
type customers struct {
	*table
	bits int
}

// of is the prefix of the customer who has an address; ok is false where an address
// stands for itself: IPv4, NAT64, and all of IPv6 if a customer has one address.
func (c *customers) of(a netip.Addr) (p netip.Prefix, ok bool) {
	if !a.Is6() || a.Is4In6() || c.bits >= a.BitLen() {
		return netip.Prefix{}, false
	}
	p, err := a.Prefix(c.bits)
	return p, err == nil && !manyCustomers(p)
}

// SetCustomer says how long the prefix of one IPv6 customer is, in bits; 128 scores each
// address by itself alone, 0 is DefaultCustomer. What is known of prefixes of another
// length is forgotten.
func (j *Judge) SetCustomer(bits int) {
	if bits == 0 {
		bits = DefaultCustomer
	}
	if bits != j.customers.bits {
		j.customers = customers{newTable(j.customers.max), bits}
	}
}

// weighCustomer adds a hit of an address, whose own tally has it, to the tally of the
// address's customer. It bans the customer's prefix if several addresses have done enough
// together, and reports whether it did. An address that is only claimed says nothing
// about a customer: whoever writes one could write them all.
func (j *Judge) weighCustomer(jail *Jail, a netip.Addr, own *tally, h hit, now time.Time, decide func(Verdict)) bool {
	p, ok := j.customers.of(a)
	if !ok || h.evidence < parsers.Seen {
		return false
	}
	key, id := keyOf(p.Addr(), jail.memory.id), h.line
	// The address's own tally has left out what repeats.
	h.member, h.once, h.again = j.memberID(a), false, own.isAgain(h.line)
	t, _ := j.customers.add(key, jail.span, h, func() uint32 { return id })
	r, ok := jail.ruling(t, h.at, j.loginsSeen(a, h), j.leniency(a, h.witness.service, now))
	if !ok || !together(t, r) {
		return false
	}
	v, fresh := j.sentence(jail, p, t, r, now)
	j.customers.drop(key)
	if fresh {
		decide(v)
	}
	return fresh && v.Protected == ""
}

// memberID tells the addresses of a network apart.
func (j *Judge) memberID(a netip.Addr) uint32 {
	raw := a.As16()
	return uint32(maphash.Bytes(j.seed, raw[:]))
}

// members are the addresses of a network that took part in what is counted, and what
// each did.
func members(t *tally, r ruling) map[uint32]parsers.Points {
	did := map[uint32]parsers.Points{}
	for i := range t.hits {
		if h := &t.hits[i]; r.counts(h) {
			did[h.member] += h.points
		}
	}
	return did
}

// together reports whether several addresses did what is counted. One that did enough by
// itself is banned alone, until others have done enough as well.
func together(t *tally, r ruling) bool {
	did := members(t, r)
	most := parsers.Points(0)
	for _, points := range did {
		most = max(most, points)
	}
	return len(did) > 1 && (most < r.limit || r.score-most >= r.limit)
}

// forgetCustomer drops what is known of the customers in a prefix, and of the one who
// has it.
func (j *Judge) forgetCustomer(p netip.Prefix) {
	if c, ok := j.customers.of(p.Addr()); ok && p.Bits() > c.Bits() {
		p = netip.PrefixFrom(c.Addr(), c.Addr().BitLen())
	}
	j.customers.forget(p)
}

// forgiveCustomer takes back what an account did at the addresses of one customer.
func (j *Judge) forgiveCustomer(jail *Jail, a netip.Addr, account uint32, now time.Time) {
	p, ok := j.customers.of(a)
	if !ok {
		return
	}
	if t := j.customers.find(keyOf(p.Addr(), jail.memory.id), jail.span, now.UnixMilli()); t != nil {
		t.forgive(account)
	}
}
