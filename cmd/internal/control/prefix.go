package control

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"time"

	"pbxjail/configs/prefix"
)

// A prefix of fewer bits is banned only with force: it is more often a slip of
// the finger than an attacker.
const (
	wide4 = 12
	wide6 = 24
)

// maxGrace is the longest grace after an unban.
const maxGrace = 30 * 24 * time.Hour

// Canonical returns p as the kernel sees it: unmapped, and host bits cleared.
func Canonical(p netip.Prefix) (netip.Prefix, error) {
	if u := prefix.Unmap(p); u.IsValid() && !prefix.Mixed(p) {
		return u, nil
	}
	return p, fmt.Errorf("%s is no prefix that can be banned", p)
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

func (r *BanRequest) check() (err error) {
	if r.Prefix, err = Canonical(r.Prefix); err != nil {
		return Refuse(http.StatusBadRequest, "give a prefix such as 203.0.113.0/24", "ban: %w", err)
	}
	if err := tooWide(r.Prefix, r.Force); err != nil {
		return err
	}
	if n := r.ForSeconds; n != nil && (*n < 0 || *n > math.MaxInt64/int64(time.Second)) {
		return Refuse(http.StatusBadRequest, "give seconds; 0 is for ever", "ban: %d is no number of seconds", *n)
	}
	return nil
}

func (r *UnbanRequest) check() (err error) {
	if r.All == r.Prefix.IsValid() {
		return Refuse(http.StatusBadRequest, `send {"prefix": "203.0.113.7/32"} or {"all": true}`, "unban: neither one prefix nor all")
	}
	if n := r.GraceSeconds; n != nil && (*n < 0 || *n > int64(maxGrace/time.Second)) {
		return Refuse(http.StatusBadRequest, "give a grace of at most 30d", "unban: %d is no number of seconds for it", *n)
	}
	if r.All {
		return nil
	}
	if r.Prefix, err = Canonical(r.Prefix); err != nil {
		return Refuse(http.StatusBadRequest, "give the prefix as jailctl list shows it", "unban: %w", err)
	}
	return nil
}
