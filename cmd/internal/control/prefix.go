package control

import (
	"fmt"
	"net/http"
	"net/netip"
)

// A prefix of fewer bits is banned only with force: it is more often a slip of
// the finger than an attacker.
const (
	wide4 = 8
	wide6 = 16
)

// mapped is where IPv6 writes IPv4 (RFC 4291 2.5.5.2). Asterisk on a dual-stack
// socket logs phones so, and the kernel sees their packets as IPv4.
const mapped = 96

// Canonical returns p as the kernel sees it: unmapped, and host bits cleared.
func Canonical(p netip.Prefix) (netip.Prefix, error) {
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	if !p.IsValid() || p.Addr().Is4In6() {
		return p, fmt.Errorf("%s is no prefix that can be banned", p)
	}
	return p.Masked(), nil
}

// tooWide refuses what no ban should hold. ipset(8) hash:net takes no prefix of
// length zero, so that one cannot be forced.
func tooWide(p netip.Prefix, force bool) error {
	limit := wide4
	if p.Addr().Is6() {
		limit = wide6
	}
	if p.Bits() == 0 {
		return Refuse(http.StatusBadRequest, "ban a narrower prefix", "%s is everybody", p)
	}
	if p.Bits() < limit && !force {
		return Refuse(http.StatusConflict, "check the prefix; --force bans it all the same", "%s is wider than /%d", p, limit)
	}
	return nil
}
