package witness

import (
	"net/netip"
	"time"

	"pbxjail/jails/recent"
	"pbxjail/parsers"
)

// sightings remember which attempts the wire saw, for the records that report the
// same. Owned by one Judge; bounded.
type sightings struct {
	seen  recent.Map[sightingKey, sighting]
	since int64 // unix ms: what was seen since then is not forgotten
	turn  int64 // unix ms: when the table last made room
}

type sightingKey struct {
	addr   recent.Addr
	family Family
}

// sighting is what the wire saw of an address in the last 64 seconds of its
// activity. The bits stand for seconds, the lowest for the latest.
type sighting struct {
	second  int64 // of the lowest bit
	refused uint64
	open    uint64 // challenged, and no log-in since
	calls   uint64 // let in without an account: a guest, or a provider known by its address
	logins  uint64
	count   uint16         // attempts of these seconds
	claimed [claims]uint16 // how many of them were reported, by witness
}

const (
	maxSightings = 8192
	// claims is how many witnesses are kept apart: two that share a slot report less.
	claims = 8
	// PerAttempt is how many records one witness writes of one attempt at most.
	PerAttempt   = 2
	mostAttempts = 1 << 14
	// recordWithin is how far a record may be from what it reports, in seconds: its
	// date has no fraction.
	recordWithin = 2
)

func newSightings() sightings {
	return sightings{seen: recent.Map[sightingKey, sighting]{Max: maxSightings}}
}

// note remembers an event of the wire. A login takes back the challenge before it:
// that was no attempt of its own.
func (s *sightings) note(e *parsers.Event, at time.Time) {
	f := FamilyOf(e.Service)
	if f == NoFamily || !e.Addr.IsValid() || e.Kind == parsers.Unanswered { // its challenge was noted
		return
	}
	key := sightingKey{recent.Addr(e.Addr.As16()), f}
	x, _ := s.seen.Get(key)
	bit := x.move(at.Unix())
	switch {
	case bit == 0:
		return // a clock went back by a minute
	case e.Kind == parsers.Success:
		x.logins |= bit
		if before := bit | bit<<1; x.open&before != 0 {
			x.open &^= before
			x.count--
		}
	case e.Kind == parsers.Challenge:
		x.open |= bit
		x.count = min(x.count+1, mostAttempts)
	case e.Result == parsers.Signal:
		x.calls |= bit
		x.count = min(x.count+1, mostAttempts)
	default:
		x.refused |= bit
		x.count = min(x.count+1, mostAttempts)
	}
	s.put(key, x, at)
}

// put keeps a sighting. Where that makes the table forget the older half, since moves.
func (s *sightings) put(key sightingKey, x sighting, at time.Time) {
	if s.seen.Full() {
		s.since, s.turn = s.turn, max(s.turn, at.UnixMilli())
	}
	s.seen.Put(key, x)
}

// move makes room for a second and returns its bit; 0 when it is too long ago.
func (x *sighting) move(second int64) uint64 {
	if ahead := second - x.second; ahead > 0 {
		if ahead >= 64 {
			*x = sighting{}
		} else {
			x.refused, x.open, x.calls, x.logins = x.refused<<ahead, x.open<<ahead, x.calls<<ahead, x.logins<<ahead
		}
		x.second = second
	}
	back := x.second - second
	if back >= 64 {
		return 0
	}
	return 1 << back
}

// near is the bits within recordWithin seconds of a time.
func (x *sighting) near(at time.Time) (mask uint64) {
	for d := int64(-recordWithin); d <= recordWithin; d++ {
		if back := x.second - at.Unix() - d; back >= 0 && back < 64 {
			mask |= 1 << back
		}
	}
	return mask
}

// remembers reports whether what happened at a time cannot be forgotten yet.
func (s *sightings) remembers(at time.Time) bool {
	return at.UnixMilli()-recordWithin*1000 > s.since
}

// login reports whether the wire saw an address log in around a time.
func (s *sightings) login(a netip.Addr, f Family, at time.Time) bool {
	x, ok := s.seen.Get(sightingKey{recent.Addr(a.As16()), f})
	return ok && x.logins&x.near(at) != 0
}

// attempt says what the wire saw of an attempt that a record of a witness reports: it is
// seen, or absent. No witness reports more attempts than there were: further records are
// retold.
func (s *sightings) attempt(e *parsers.Event, by Witness, at time.Time) Grade {
	key := sightingKey{recent.Addr(e.Addr.As16()), FamilyOf(e.Service)}
	x, ok := s.seen.Get(key)
	if !ok {
		return Absent
	}
	tries := x.refused | x.open
	if e.Kind == parsers.GuestCall || e.Kind == parsers.UnknownExtension {
		tries |= x.calls
	}
	if tries&x.near(at) == 0 {
		return Absent
	}
	slot := &x.claimed[(int(by.Source)*int(parsers.ChannelWire)+int(by.Channel))%claims]
	if int(*slot) >= PerAttempt*int(x.count) {
		return Retold
	}
	*slot++
	s.put(key, x, at)
	return Seen
}
