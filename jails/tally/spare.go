package tally

import "math/bits"

// spare is room for hits that tallies gave back: it is used again, because most tallies are
// short and come and go with each attacker. By size: 1, 2, 4 hits and so on. Bounded.
type spare [sizes][][]Hit

const (
	sizes    = 5
	mostEach = 256 // of each size
)

// grown returns hits with room for one more, twice as much as before if there was none, as
// append has it.
func (s *spare) grown(hits []Hit) []Hit {
	size := bits.Len(uint(len(hits))) // of twice as many hits: 0, 1, 2, 4, ...
	if len(hits) < cap(hits) || size >= sizes || cap(hits)&(cap(hits)-1) != 0 {
		return hits
	}
	var room []Hit
	if list := s[size]; len(list) > 0 {
		room, s[size] = list[len(list)-1], list[:len(list)-1]
	} else {
		room = make([]Hit, 0, 1<<size)
	}
	room = append(room, hits...)
	s.give(hits)
	return room
}

// give takes room that is not in use any more.
func (s *spare) give(hits []Hit) {
	size := bits.Len(uint(cap(hits))) - 1
	if size < 0 || size >= sizes || cap(hits) != 1<<size || len(s[size]) == mostEach {
		return
	}
	s[size] = append(s[size], hits[:0])
}
