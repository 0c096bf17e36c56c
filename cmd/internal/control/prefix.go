package control

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"time"

	"pbxjail/configs/prefix"
)

// A prefix of fewer bits is banned only with force: it is more often a typing error than
// an attacker.
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
	return p, fmt.Errorf("%s is not an address or a network that can be banned", p)
}

// tooWide refuses prefixes that are too wide for a ban. force cannot ban length zero,
// because a set of type hash:net cannot hold it (ipset(8)).
func tooWide(p netip.Prefix, force bool) error {
	limit := wide4
	if p.Addr().Is6() {
		limit = wide6
	}
	if p.Bits() == 0 {
		return Refuse(http.StatusBadRequest, "give a smaller network, such as 203.0.113.0/24", "not banned: %s contains every address", p)
	}
	if p.Bits() < limit && !force {
		return Refuse(http.StatusConflict, "if the network is right, add --force to the command", "not banned: %s is a very large network, wider than /%d", p, limit)
	}
	return nil
}

func (r *BanRequest) check() (err error) {
	if r.Prefix, err = Canonical(r.Prefix); err != nil {
		return Refuse(http.StatusBadRequest, "give an address or a network, such as 203.0.113.7 or 203.0.113.0/24", "ban: %w", err)
	}
	if err := tooWide(r.Prefix, r.Force); err != nil {
		return err
	}
	if n := r.ForSeconds; n != nil && (*n < 0 || *n > math.MaxInt64/int64(time.Second)) {
		return Refuse(http.StatusBadRequest, "give seconds; 0 means forever", "ban: %d seconds is not allowed", *n)
	}
	return nil
}

func (r *UnbanRequest) check() (err error) {
	if r.All == r.Prefix.IsValid() {
		return Refuse(http.StatusBadRequest, `send {"prefix": "203.0.113.7/32"} or {"all": true}`, "unban: needs either one prefix or all")
	}
	if n := r.GraceSeconds; n != nil && (*n < 0 || *n > int64(maxGrace/time.Second)) {
		return Refuse(http.StatusBadRequest, "give a grace of at most 30d", "unban: a grace of %d seconds is not allowed", *n)
	}
	if r.All {
		return nil
	}
	if r.Prefix, err = Canonical(r.Prefix); err != nil {
		return Refuse(http.StatusBadRequest, "give the address or network as jailctl list shows it", "unban: %w", err)
	}
	return nil
}
