package rates

import "pbxjail/parsers"

// summary counts the keys of one slice of time by the Space-Saving algorithm
// (Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and Top-k
// Elements in Data Streams, 2005): a new key takes over the counter that has
// counted least, and its count. So of N samples each key with more than N/most has
// a counter, and no count is too high by more than N/most. All is done in O(1).
type summary[K comparable] struct {
	index    map[K]int32
	counters []counter[K]
	order    []int32 // the counters, least count first
	ends     []int32 // of each group of counters with the same count: its last place in order
	spare    []int32 // empty groups
	last     int32   // the counter that was raised last
}

// counter counts for one key. With a count of 0 it is free.
type counter[K comparable] struct {
	key    K
	points int64  // of the samples since the key took it over
	count  uint32 // never less than the truth
	over   uint32 // by how much it may be more
	place  int32  // in order
	group  int32
}

// reset forgets everything. The first one takes the memory.
func (s *summary[K]) reset(most int) {
	if s.index == nil {
		s.index, s.counters = map[K]int32{}, make([]counter[K], most)
		s.order, s.ends, s.spare = make([]int32, most), make([]int32, most), make([]int32, 0, most)
	}
	clear(s.index)
	s.spare = s.spare[:0]
	for i := range s.counters {
		s.counters[i] = counter[K]{place: int32(i)}
		s.order[i] = int32(i)
		s.spare = append(s.spare, int32(i))
	}
	s.spare = s.spare[1:] // all are in group 0
	s.ends[0] = int32(most - 1)
}

// least is what a key without a counter may have done at most.
func (s *summary[K]) least() uint32 { return s.counters[s.order[0]].count }

func (s *summary[K]) add(key K, p parsers.Points) {
	i, known := s.last, true
	if c := &s.counters[i]; c.count == 0 || c.key != key { // most floods are of one key
		i, known = s.index[key]
	}
	if !known {
		i = s.order[0]
		c := &s.counters[i]
		if c.count > 0 {
			delete(s.index, c.key)
		}
		c.key, c.over, c.points = key, c.count, 0
		s.index[key] = i
	}
	s.last = i
	s.counters[i].points += int64(p)
	s.raise(i)
}

// raise adds one to a counter. It goes to the end of its group first, and then
// over to the next one, when that is of the new count, or into one of its own.
func (s *summary[K]) raise(i int32) {
	c := &s.counters[i]
	end := s.ends[c.group]
	s.swap(c.place, end)
	c.count++
	left := c.group
	s.ends[left]--
	alone := end == 0 || s.counters[s.order[end-1]].group != left
	if int(end)+1 < len(s.order) {
		if next := &s.counters[s.order[end+1]]; next.count == c.count {
			c.group = next.group
			if alone {
				s.spare = append(s.spare, left)
			}
			return
		}
	}
	if !alone {
		c.group = s.spare[len(s.spare)-1]
		s.spare = s.spare[:len(s.spare)-1]
	}
	s.ends[c.group] = end
}

func (s *summary[K]) swap(a, b int32) {
	s.order[a], s.order[b] = s.order[b], s.order[a]
	s.counters[s.order[a]].place, s.counters[s.order[b]].place = a, b
}
