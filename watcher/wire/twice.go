package wire

import (
	"hash/maphash"
	"time"
)

// twice recognises a packet that already came through another device: on a bridge
// and its port, on a bond and its card. Such copies have the same bytes and come
// within a moment; the same bytes on the same device are two packets. The zero value
// is ready.
type twice struct {
	seed  maphash.Seed
	slots []sight
}

// sight is a packet that was seen. A later one of the same slot takes its place: a
// copy may then count twice, which is what it would do without this.
type sight struct {
	key  uint64
	at   time.Time
	card int
}

const (
	sights      = 1024 // a power of two
	sightsAgain = 50 * time.Millisecond
)

// seen reports whether a packet came through another device already, and notes it.
// The addresses and the time to live may differ, where it was routed in between; so
// may ports and check sum, where it was translated.
func (t *twice) seen(d *datagram, card int, at time.Time) bool {
	if t.slots == nil {
		t.seed, t.slots = maphash.MakeSeed(), make([]sight, sights)
	}
	b := d.payload
	var head uint64
	switch {
	case d.offset > 0 || len(b) < 20: // a later part, or too short to leave anything out
	case d.protocol == protoTCP:
		head = maphash.Bytes(t.seed, b[4:16])
		b = b[18:]
	default:
		b = b[8:]
	}
	key := maphash.Bytes(t.seed, b) ^ head*31 ^ uint64(d.id)<<32 ^ uint64(d.offset)<<8 ^ uint64(d.protocol)
	s := &t.slots[key%sights]
	if s.key == key && s.card != card && at.Sub(s.at).Abs() < sightsAgain {
		return true
	}
	*s = sight{key, at, card}
	return false
}
