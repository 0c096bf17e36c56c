package messages

import (
	"slices"
)

// Forget takes out what waits and is about one that is to be forgotten, also from the file that
// survives a restart. about reports that of an item. A message that is being sent now arrives as
// it is. n is how many items were taken out.
func (p *Post) Forget(about func(*Item) bool) (n int, err error) {
	p.mu.Lock()
	for name, k := range p.before { // of channels that are switched off now
		n += k.Urgent.forget(about) + k.Digest.forget(about)
		if p.before[name] = k; k.Urgent.empty() && k.Digest.empty() {
			delete(p.before, name)
		}
	}
	for _, c := range p.channels {
		n += c.forget(about)
	}
	p.mu.Unlock()
	return n, p.save(false)
}

func (c *channel) forget(about func(*Item) bool) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = c.urgent.forget(about) + c.digest.forget(about)
	if c.flying != nil { // the receiver may refuse it, and then it waits again
		n += c.flying.forget(about)
	}
	return n
}

// forget takes items out of a lane, and the examples of bans, which stay counted.
func (l *lane) forget(about func(*Item) bool) (n int) {
	l.Items = slices.DeleteFunc(slices.Clone(l.Items), func(i Item) bool {
		if !about(&i) {
			return false
		}
		l.Bytes -= i.size()
		n++
		return true
	})
	if l.Bans != nil {
		l.Bans.Examples = slices.DeleteFunc(slices.Clone(l.Bans.Examples), func(i Item) bool {
			if about(&i) {
				n++
				return true
			}
			return false
		})
	}
	switch {
	case n > 0 && l.empty():
		*l = lane{}
	case n > 0:
		l.ID = "" // it is another message now
	}
	return n
}
