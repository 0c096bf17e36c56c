package book

// Ring keeps the last lines that counted in a jail, so that a ban can show those
// that led to it. A fixed number of slots: in a flood the oldest are gone, and
// the ban says how many it still shows.
type Ring struct {
	parts []*[partLines]slot // as many as are in use
	next  uint64             // numbers lines from 1
}

type slot struct {
	line Line
	id   uint64
}

// RingLines bounds a jail's lines: at MaxLineText bytes each, 2 MiB.
const RingLines = 4096

// partLines is how many slots there is memory for at once: a part never moves.
const partLines = 64

func (r *Ring) slot(i int) *slot { return &r.parts[i/partLines][i%partLines] }

// Put keeps a line, and returns the last bits of its number; 0 is none. It copies the
// line's text and factors: they live where they were read and weighed.
func (r *Ring) Put(l Line) uint32 {
	r.next++
	i := int(r.next-1) % RingLines
	if i == len(r.parts)*partLines {
		r.parts = append(r.parts, new([partLines]slot))
	}
	s := r.slot(i)
	l.Text = l.Text.CopyInto(s.line.Text, MaxLineText)
	l.Account = l.Account.CopyInto(s.line.Account, MaxName)
	l.Number = l.Number.CopyInto(s.line.Number, MaxName)
	l.Factors = append(s.line.Factors[:0], l.Factors...)
	*s = slot{line: l, id: r.next}
	return uint32(r.next)
}

// Get returns a copy of a line by the last bits of its number, unless another one
// has its slot by now.
func (r *Ring) Get(id uint32) (Line, bool) {
	if id == 0 {
		return Line{}, false
	}
	// ringSlots divides the range of id, so that its last bits name the slot.
	i := int((id - 1) % RingLines)
	if i >= r.Len() || uint32(r.slot(i).id) != id {
		return Line{}, false
	}
	l := r.slot(i).line
	l.Text, l.Account, l.Number = l.Text.Clone(), l.Account.Clone(), l.Number.Clone()
	l.Factors = append([]Factor(nil), l.Factors...)
	return l, true
}

// Len is how many lines it holds.
func (r *Ring) Len() int { return int(min(r.next, RingLines)) }
