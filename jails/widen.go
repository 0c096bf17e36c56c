package jails

import (
	"net/netip"
	"time"

	"pbxjail/jails/customer"
	"pbxjail/jails/tally"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// widen counts what an address gained for its network too, and bans that when
// enough of its addresses did enough together. An address that is only claimed says
// nothing about a network: whoever writes one could write them all.
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
	// The tellings of each member were weighed already: all add up here, and each
	// counts anew.
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

// witnessOfNetwork is what a network's tally keeps of who reported an attempt: what was
// attacked.
func witnessOfNetwork(w witness.Witness) witness.Witness {
	if w.Service != parsers.Other {
		w.Channel = 0
	}
	w.Source = 0
	return w
}
