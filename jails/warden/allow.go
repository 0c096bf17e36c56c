package warden

import (
	"cmp"
	"errors"
	"net/netip"
	"time"

	"pbxjail/configs/hint"
	networks "pbxjail/configs/prefix"
)

// whyNot returns why a prefix should not be banned by hand: it is protected, or an
// account logged in from there. mu is held.
func (w *Warden) whyNot(p netip.Prefix, now time.Time) string {
	if why := w.judge.Protects(p, nil); why != "" {
		return why
	}
	return w.judge.Home.AtHome(p, now)
}

// isOurs reports whether an address of this machine is in a prefix.
func (w *Warden) isOurs(p netip.Prefix) bool {
	if w.Ours == nil {
		return false
	}
	_, ours := w.Ours(p)
	return ours
}

// Inside lists the live bans of a prefix and of what is in it, in any order.
func (w *Warden) Inside(p netip.Prefix, now time.Time) []netip.Prefix {
	return w.those(now, func(b netip.Prefix) bool { return b.Bits() >= p.Bits() && p.Contains(b.Addr()) })
}

// Around lists the live bans of wider prefixes that hold all of one, in any order.
func (w *Warden) Around(p netip.Prefix, now time.Time) []netip.Prefix {
	return w.those(now, func(b netip.Prefix) bool { return b.Bits() < p.Bits() && b.Contains(p.Addr()) })
}

func (w *Warden) those(now time.Time, fit func(netip.Prefix) bool) (list []netip.Prefix) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for b := range w.book.Each {
		if _, live := b.Left(now); live && fit(b.Prefix) {
			list = append(list, b.Prefix)
		}
	}
	return list
}

// Pardon notes that prefixes are unbanned at now. What they did before does not ban them
// again. Within the grace, failures of accounts that logged in there do not either. It
// ends no ban.
func (w *Warden) Pardon(prefixes []netip.Prefix, grace time.Duration, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range prefixes {
		w.judge.Home.Pardon(p, grace, now)
	}
}

// Carve takes a prefix out of the wider bans that contain it. The rest of each stays
// banned, as long as before. It returns the bans that it took apart. When the kernel
// refuses a rest, that ban is pending, like any other.
func (w *Warden) Carve(p netip.Prefix, by string, now time.Time) (carved []netip.Prefix, failed error) {
	for _, wide := range w.Around(p, now) {
		if !w.banRest(wide, p, now) {
			continue
		}
		if _, err := w.Unban([]netip.Prefix{wide}, by, now); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		carved = append(carved, wide)
	}
	return carved, failed
}

// banRest bans all of a wide ban except p, with the same jail, ports and end.
func (w *Warden) banRest(wide, p netip.Prefix, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	b, ok := w.book.Get(wide, now)
	if !ok {
		return false
	}
	for _, rest := range networks.Without(wide, p) {
		if held, known := w.book.Get(rest, now); known && !b.Outlasts(*held) {
			continue
		}
		part := b.WithoutLines()
		part.Prefix = rest
		part.Reason += "; part of " + wide.String() + " without " + p.String()
		if err := w.enter(part, now); err != nil {
			w.log.Error("part of a ban is not in the firewall, so packets from these addresses pass: pbxjail tries again", "prefix", rest, "err", err, "hint", cmp.Or(hint.Of(err), stuckHint))
		}
	}
	return true
}
