package wire

import (
	"cmp"
	"net/netip"
	"slices"
)

// Guess finds out from a trace which addresses are those of the PBX: each conversation has
// one end there, so the PBX is the address with the most partners. Use it where the trace
// does not show which side sent a packet. It looks at most at 8,192 pairs of addresses. The
// zero value is ready. Not safe for concurrent use.
type Guess struct {
	Service func(port uint16) bool   // ports that services listen on
	Says    func(data []byte) Saying // what a piece says by its bytes, whatever its ports; nil: nothing

	pairs map[[2]netip.Addr]bool // who asked, who was asked
	sent  map[netip.Addr]bool    // what the capture itself says is ours
}

const maxPairs = 8192

// Saying is which side asks in a piece. The zero value is Nothing.
type Saying uint8

const (
	Nothing Saying = iota // that could be understood
	Request               // its receiver is asked
	Answer                // its sender was asked
)

// Add takes a packet. Only those count that say something, or come from or go to a
// service port.
func (g *Guess) Add(p *Packet) {
	if g.pairs == nil {
		g.pairs, g.sent = map[[2]netip.Addr]bool{}, map[netip.Addr]bool{}
	}
	src, dst := p.Src.Addr(), p.Dst.Addr()
	if p.Out && len(g.sent) < maxPairs {
		g.sent[src] = true
	}
	pair := [2]netip.Addr{src, dst}
	says := Nothing
	if g.Says != nil {
		says = g.Says(p.Data)
	}
	if says == Nothing {
		switch from, to := g.Service(p.Src.Port()), g.Service(p.Dst.Port()); {
		case to:
		case from:
			says = Answer
		default:
			return
		}
	}
	if says == Answer {
		pair = [2]netip.Addr{dst, src}
	}
	if len(g.pairs) < maxPairs && src != dst && !g.pairs[[2]netip.Addr{pair[1], pair[0]}] {
		g.pairs[pair] = true
	}
}

// standing is how often an address is an end of a pair that no address of ours
// explains yet.
type standing struct{ pairs, asked int }

// Own returns the addresses that explain all pairs, the most frequent first. Of two
// that talk to each other alone, the one that was asked is ours. It is nil when no
// packet of a service was seen.
func (g *Guess) Own() (own []netip.Addr) {
	for a := range g.sent {
		own = append(own, a)
	}
	slices.SortFunc(own, netip.Addr.Compare)
	if len(own) > 0 {
		return own
	}
	left := make([][2]netip.Addr, 0, len(g.pairs))
	for p := range g.pairs {
		left = append(left, p)
	}
	for len(left) > 0 {
		best := most(left)
		own = append(own, best)
		left = slices.DeleteFunc(left, func(p [2]netip.Addr) bool { return p[0] == best || p[1] == best })
	}
	return own
}

// most returns the address with the most pairs. The order of left does not matter.
func most(left [][2]netip.Addr) (best netip.Addr) {
	counts := map[netip.Addr]standing{}
	for _, p := range left {
		asks, asked := counts[p[0]], counts[p[1]]
		asks.pairs++
		asked.pairs++
		asked.asked++
		counts[p[0]], counts[p[1]] = asks, asked
	}
	top := standing{}
	for a, s := range counts {
		if c := cmp.Or(cmp.Compare(s.pairs, top.pairs), cmp.Compare(s.asked, top.asked), best.Compare(a)); !best.IsValid() || c > 0 {
			best, top = a, s
		}
	}
	return best
}
