package sensor

import (
	"net/netip"
	"time"

	"pbxjail/parsers"
)

// class is a group of services that are heard on the same ports.
type class uint8

const (
	classSIP class = iota
	classIAX
	classAMI
	classHTTP
	classes
)

func classOf(svc parsers.Service) class {
	switch svc {
	case parsers.IAX2:
		return classIAX
	case parsers.AMI:
		return classAMI
	case parsers.HTTP:
		return classHTTP
	default:
		return classSIP
	}
}

const (
	// heardBefore is how long before a record its packet can have come: a SIP
	// transaction lives 32 seconds, and a log may lag behind by as much.
	heardBefore = 64
	heardAfter  = 2
	// sameVisit is the longest pause within one visit of an address.
	sameVisit = 300
)

// visit is when an address was heard on a class, seconds. Zero is never.
type visit struct{ first, last uint32 }

// hear notes that an address sent a packet.
func (s *Sensor) hear(a netip.Addr, c class, dark bool, at int64) {
	p := s.peers.take(a, at)
	v, sec := &p.visits[c], uint32(at)
	if dark {
		p.dark = sec
	}
	if v.last == sec {
		return
	}
	if sec > v.last+sameVisit {
		v.first = sec
	}
	v.last = max(v.last, sec)
	s.recent.put(sighting{a, c, sec})
}

// Heard reports whether an address sent something to a service around a time (from
// 64 seconds before until two after). PJSIP and SIP are one here, and are heard on
// HTTP's ports too (WebSocket). Other services, such as Dialplan, mean any.
func (s *Sensor) Heard(a netip.Addr, svc parsers.Service, at time.Time) Heard {
	from, to := at.Unix()-heardBefore, at.Unix()+heardAfter
	wanted, _ := wantedBy(svc)
	if p := s.peers.find(a.Unmap()); p != nil {
		for c, v := range p.visits {
			if wanted[c] && v.last > 0 && int64(v.first) <= to && int64(v.last) >= from {
				return WasHeard
			}
		}
	}
	if s.unsure(svc, from, to) {
		return CannotTell
	}
	return NotHeard
}

// Complete reports whether the sensor read all that an address sent to a service
// from 64 seconds before a time until two after it, and what we answered: the port
// is watched, nothing was missing, nothing was encrypted, no table had to make room.
// Only then does it follow from the absence of an event that there was no attempt.
// For an address that sent nothing it is true where Heard is NotHeard. Heard,
// Complete and Suspects may be called from within emit.
func (s *Sensor) Complete(a netip.Addr, svc parsers.Service, at time.Time) bool {
	from, to := at.Unix()-heardBefore, at.Unix()+heardAfter
	if s.unsure(svc, from, to) || s.txs.lastEvicted >= from || s.conns.lastEvicted >= from {
		return false
	}
	p := s.peers.find(a.Unmap())
	return p == nil || int64(p.dark) < from
}

// unsure reports whether nothing follows from absence in that time. A record is
// written within its second of the packet that it is about, so it is enough that the
// sensor ran then; earlier packets only make sure that no honest address is missed.
func (s *Sensor) unsure(svc parsers.Service, from, to int64) bool {
	wanted, all := wantedBy(svc)
	return s.began == 0 || s.began > to-heardAfter || s.peers.lastEvicted >= from || s.gaps.within(from, to) || !s.watches(wanted, all)
}

func wantedBy(svc parsers.Service) (wanted [classes]bool, all bool) {
	switch svc {
	case parsers.PJSIP, parsers.SIP:
		wanted[classSIP], wanted[classHTTP] = true, true
	case parsers.IAX2:
		wanted[classIAX] = true
	case parsers.AMI: // the manager is spoken to over HTTP too
		wanted[classAMI], wanted[classHTTP] = true, true
	case parsers.HTTP:
		wanted[classHTTP] = true
	default:
		return [classes]bool{true, true, true, true}, true
	}
	return wanted, false
}

// watches reports whether the ports of those classes are watched: the first of them,
// for the others stand beside it only where they are in use.
func (s *Sensor) watches(wanted [classes]bool, all bool) bool {
	var has [classes]bool
	for _, p := range s.ports {
		has[p.class] = true
	}
	for c := range classes {
		if wanted[c] && !has[c] && (c != classHTTP || wanted == [classes]bool{classHTTP: true}) && !all {
			return false
		}
	}
	return true
}

// Begin notes that every packet is read from a time on, before the first one comes. Later
// calls change nothing.
func (s *Sensor) Begin(at time.Time) {
	if s.began == 0 {
		s.began = at.Unix()
	}
}

// Gap notes that packets were missed at a time: dropped by the kernel, or not
// captured. Around it nothing follows from absence.
func (s *Sensor) Gap(at time.Time) {
	s.stats.Gaps++
	s.gaps.put(at.Unix())
}

// gapRing holds the seconds of the last gaps. What has been forgotten is taken for a
// gap without an end.
type gapRing struct {
	at   [32]int64
	n    int
	past int64 // the latest that was forgotten
}

func (g *gapRing) put(sec int64) {
	if g.n > 0 && g.at[(g.n-1)%len(g.at)] == sec {
		return
	}
	if g.n >= len(g.at) {
		g.past = g.at[g.n%len(g.at)]
	}
	g.at[g.n%len(g.at)] = sec
	g.n++
}

func (g *gapRing) within(from, to int64) bool {
	if g.past >= from {
		return true
	}
	for _, at := range g.at[:min(g.n, len(g.at))] {
		if at >= from && at <= to {
			return true
		}
	}
	return false
}

// sighting is an address that was heard in a second.
type sighting struct {
	addr netip.Addr
	c    class
	sec  uint32
}

// recentRing holds the last sightings.
type recentRing struct {
	ring [2048]sighting
	n    int
}

func (r *recentRing) put(s sighting) {
	r.ring[r.n%len(r.ring)] = s
	r.n++
}

// maxSuspects is how many addresses Suspects names.
const maxSuspects = 16

// Suspects appends to list the addresses that were heard on a service within about a
// second of a time, at most 16: the sender of a forged record is among them.
func (s *Sensor) Suspects(list []netip.Addr, svc parsers.Service, at time.Time) []netip.Addr {
	wanted, _ := wantedBy(svc)
	before, sec := len(list), at.Unix()
	for i := s.recent.n - 1; i >= 0 && i >= s.recent.n-len(s.recent.ring) && len(list)-before < maxSuspects; i-- {
		r := &s.recent.ring[i%len(s.recent.ring)]
		if int64(r.sec) < sec-2 {
			break
		}
		if int64(r.sec) > sec+1 || !wanted[r.c] || holds(list[before:], r.addr) {
			continue
		}
		list = append(list, r.addr)
	}
	return list
}

func holds(list []netip.Addr, a netip.Addr) bool {
	for _, o := range list {
		if o == a {
			return true
		}
	}
	return false
}
