package daemon

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/guard"
	"pbxjail/configs/show"
	"pbxjail/jails/book"
	"pbxjail/jails/warden"
)

// letIn lifts the bans of addresses that an operator allows, and takes them out of wider bans.
func letIn(w *warden.Warden, allowed []netip.Prefix, by string, now time.Time) (answer control.AllowAnswer, failed error) {
	for _, p := range allowed {
		w.Pardon([]netip.Prefix{p}, 0, now)
		inside := w.Inside(p, now)
		if _, err := w.Unban(inside, by, now); err != nil {
			failed = errors.Join(failed, err)
		}
		answer.Lifted = append(answer.Lifted, inside...)
		carved, err := w.Carve(p, by, now)
		if err != nil {
			failed = errors.Join(failed, err)
		}
		answer.Carved = append(answer.Carved, carved...)
	}
	slices.SortFunc(answer.Lifted, netip.Prefix.Compare)
	return answer, failed
}

// prefixesOf are the addresses that an operator allows, as far as they are known.
func prefixesOf(g *guard.Protections, a book.Allowed) []netip.Prefix {
	if a.Host == "" {
		return []netip.Prefix{a.Prefix}
	}
	var list []netip.Prefix
	for _, addr := range g.Addrs(a.Host) {
		list = append(list, netip.PrefixFrom(addr, addr.BitLen()))
	}
	return list
}

// letInNames lets the addresses in that allowed names have now and did not have before:
// they were not known when the names were allowed. changing is held.
func (u *upkeep) letInNames(now time.Time) {
	known := map[netip.Prefix]bool{}
	for _, a := range u.guard.Allowed(now) {
		if a.Host == "" {
			continue
		}
		for _, p := range prefixesOf(u.guard, a) {
			if known[p] = true; u.letNames[p] {
				continue
			}
			answer, err := letIn(u.judge, []netip.Prefix{p}, a.By, now)
			if err != nil {
				u.log.Error("an allowed host name has a new address, but pbxjail could not lift the ban of this address", "name", a.Host, "prefix", p, "err", err, "hint", "to lift the ban: jailctl unban "+show.Address(p))
				delete(known, p) // tried again at the next change
			}
			if len(answer.Lifted)+len(answer.Carved) > 0 {
				u.log.Info("an allowed host name has a new address, and pbxjail lifted the bans of this address", "name", a.Host, "prefix", p, "lifted", len(answer.Lifted), "carved", len(answer.Carved))
			}
		}
	}
	u.letNames = known
}
