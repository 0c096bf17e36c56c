package jails

import (
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
	if err != nil || h.evidence < parsers.Seen || a.Is6() && manyCustomers(p) {
		return
	}
	key := keyOf(p.Addr(), jail.memory.id)
	// The tellings of each member were weighed already: all add up here, and each
	// counts anew.
	h.points, h.account, h.member, h.witness, h.once = gained, 0, j.memberID(a), witnessOfNetwork(h.witness), false
	line := h.line
	t, _ := j.networks.add(key, jail.wide, h, func() uint32 { return line })
	limit := parsers.Points(jail.Widen.Maxretry)
	if t.sum < int64(limit) {
		return
	}
	r := ruling{t.strongest(h.at, jail.wide.find, jail.least, false), limit, jail.Findtime, leniency{}}
	if r.score < limit || len(members(t, r)) < jail.Widen.Members {
		return
	}
	v, fresh := j.sentence(jail, p, t, r, now)
	j.networks.drop(key)
	if fresh {
		decide(v)
	}
}

// witnessOfNetwork is what a network's tally keeps of who reported an attempt: what was
// attacked.
func witnessOfNetwork(w witness) witness {
	if w.service != parsers.Other {
		w.channel = 0
	}
	w.source = 0
	return w
}
