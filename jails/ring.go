package jails

// ring keeps the last lines that counted in a jail, so that a ban can show those
// that led to it. A fixed number of slots: in a flood the oldest are gone, and
// the ban says how many it still shows.
type ring struct {
	slots []slot
	next  lineID
}

// lineID numbers lines from 1; 0 is none.
type lineID uint64

type slot struct {
	line Line
	id   lineID
	prev lineID // the line before it of the same address
}

// ringSlots bounds a jail's lines: at MaxLineText bytes each, 2 MiB.
const ringSlots = 4096

// put copies the line's text: it lives in the block it was read into.
func (r *ring) put(l Line, prev lineID) lineID {
	r.next++
	if len(r.slots) < ringSlots {
		r.slots = append(r.slots, slot{})
	}
	s := &r.slots[int(r.next-1)%ringSlots]
	l.Text = l.Text.CopyInto(s.line.Text, MaxLineText)
	*s = slot{line: l, id: r.next, prev: prev}
	return r.next
}

// chain returns the lines that end with last, oldest first, at most n, as copies.
func (r *ring) chain(last lineID, n int) []Line {
	var lines []Line
	for id := last; id != 0 && len(lines) < n; {
		s := &r.slots[int(id-1)%ringSlots]
		if s.id != id {
			break
		}
		l := s.line
		l.Text = l.Text.Clone()
		lines = append(lines, l)
		id = s.prev
	}
	for i, k := 0, len(lines)-1; i < k; i, k = i+1, k-1 {
		lines[i], lines[k] = lines[k], lines[i]
	}
	return lines
}
