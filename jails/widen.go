package jails

import (
	"hash/maphash"
	"net/netip"
	"time"

	"pbxjail/parsers"
)

// widen counts what an address gained for its network too, and bans that when
// enough of its addresses did enough together. An address that is only claimed says
// nothing about a network: whoever writes one could write them all.
func (j *Judge) widen(jail *Jail, a netip.Addr, gained parsers.Points, h hit, now time.Time, decide func(Verdict)) {
	bits := jail.Widen.IPv4
	if a.Is6() {
		bits = jail.Widen.IPv6
	}
	p, err := a.Prefix(bits)
	if err != nil || h.evidence < parsers.Seen {
		return
	}
	key := keyOf(p.Addr(), jail.memory.id)
	raw := a.As16()
	// The tellings of each member were weighed already: all add up here, and each
	// counts anew.
	h.points, h.account, h.witness, h.once = gained, uint32(maphash.Bytes(j.seed, raw[:])), witness{}, false
	line := lineID(h.line)
	t, _ := j.networks.add(key, jail.wide, h, func() lineID { return line })
	limit := parsers.Points(jail.Widen.Maxretry)
	if t.sum < int64(limit) {
		return
	}
	r := ruling{t.strongest(h.at, jail.wide.find, jail.least, false), limit, jail.Findtime, leniency{}}
	if r.score < limit || members(t, r) < jail.Widen.Members {
		return
	}
	v, fresh := j.sentence(jail, p, t, r, now)
	j.networks.drop(key)
	if fresh {
		decide(v)
	}
}

// members is how many addresses of a network took part in what is counted.
func members(t *tally, r ruling) int {
	seen := map[uint32]bool{}
	for i := range t.hits {
		if h := &t.hits[i]; r.counts(h) {
			seen[h.account] = true
		}
	}
	return len(seen)
}
