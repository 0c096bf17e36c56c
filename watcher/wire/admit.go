package wire

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// admit keeps the work of a flood bounded. While more packets come than the limit, it
// passes only a share of the sources, and of each source all packets or none, so that
// conversations stay complete. Known sources always pass. Which unknown sources pass
// changes every minute, so none is left out for long.
type admit struct {
	limit int // packets in a second
	known func(netip.Addr) bool

	level  int // strangers pass when the first level bits of their hash are zero
	begun  time.Time
	taken  int // passed since begun
	seed   maphash.Seed
	seeded time.Time
}

const (
	admitWindow = 100 * time.Millisecond
	admitSeed   = time.Minute
	maxLevel    = 12
)

// pass reports whether the packet of a remote address is taken.
func (a *admit) pass(remote netip.Addr, now time.Time) bool {
	if now.Sub(a.begun) >= admitWindow || now.Before(a.begun) {
		a.turn(now)
	}
	if a.level > 0 && a.share(remote) != 0 && !(a.known != nil && a.known(remote)) {
		return false
	}
	a.taken++
	if a.taken == a.window() { // do not wait for the end of the window
		a.raise()
	}
	return true
}

func (a *admit) window() int { return max(a.limit/int(time.Second/admitWindow), 1) }

// share is zero for the strangers that pass.
func (a *admit) share(remote netip.Addr) uint64 {
	return maphash.Comparable(a.seed, remote) >> (64 - a.level)
}

func (a *admit) raise() { a.level = min(a.level+1, maxLevel) }

// turn begins a new window.
func (a *admit) turn(now time.Time) {
	if a.level > 0 && a.taken < a.window()/3 {
		a.level--
	}
	if a.taken >= 2*a.window() {
		a.raise()
	}
	a.begun, a.taken = now, 0
	if a.seeded.IsZero() || now.Sub(a.seeded) >= admitSeed || now.Before(a.seeded) {
		a.seed, a.seeded = maphash.MakeSeed(), now
	}
}

// sampling reports whether unknown sources are left out now.
func (a *admit) sampling() bool { return a.level > 0 }
