package jails

import (
	"net/netip"
	"time"

	"pbxjail/jails/customer"
	"pbxjail/jails/tally"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// widen counts the new points of an address for its network too, and bans the network when
// enough of its addresses did enough together. An address that is only claimed does not
// count for a network: an attacker who can write one can write all of them.
func (j *Judge) widen(jail *Jail, a netip.Addr, gained parsers.Points, h tally.Hit, now time.Time, decide func(Verdict)) {
	bits := jail.Widen.IPv4
	if a.Is6() {
		bits = jail.Widen.IPv6
	}
	p, err := a.Prefix(bits)
	if err != nil || h.Evidence < parsers.Seen || a.Is6() && customer.Many(p) {
		return
	}
	key := tally.KeyOf(p.Addr(), jail.memory.id)
	// The records of each member were weighed already: here all points add up.
	h.Points, h.Account, h.Member, h.Witness, h.Once = gained, 0, j.memberID(a), witnessOfNetwork(h.Witness), false
	line := h.Line
	t, _ := j.networks.Add(key, jail.wide, h, func() uint32 { return line })
	limit := parsers.Points(jail.Widen.Maxretry)
	if t.Sum < int64(limit) {
		return
	}
	r := ruling{t.Strongest(h.At, jail.wide.Find, jail.least, false), limit, jail.Findtime, leniency{}}
	if r.Score < limit || len(members(t, r)) < jail.Widen.Members {
		return
	}
	v, fresh := j.sentence(jail, p, t, r, now)
	j.networks.Drop(key)
	if fresh {
		decide(v)
	}
}

// witnessOfNetwork is what the tally of a network keeps of a witness: the service that was
// attacked.
func witnessOfNetwork(w witness.Witness) witness.Witness {
	if w.Service != parsers.Other {
		w.Channel = 0
	}
	w.Source = 0
	return w
}
