package daemon

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

// allowedLost is what to do when the addresses of jailctl allow cannot be read.
const allowedLost = "write these addresses into the main file: ignoreip: [ADDRESS]; then: jailctl reload. To see errors of the disk of the database: dmesg"

// loadAllowed takes over the addresses that operators allowed before the daemon started.
func (d *Daemon) loadAllowed() {
	list, err := d.store.Allowed(d.since)
	if err != nil {
		d.troubles.note(control.AboutDatabase, "the addresses of jailctl allow cannot be read from the database, so these addresses may be banned: "+err.Error(), allowedLost)
		d.log.Error("the addresses of jailctl allow cannot be read from the database, so these addresses may be banned", "err", err, "hint", allowedLost)
	}
	d.upkeep.guard.SetAllowed(list)
	admins, err := d.store.Moments(d.since)
	if err != nil {
		d.log.Error("the addresses of admins cannot be read from the database. The address of an admin may be banned until the admin logs in over SSH again", "err", err, "hint", todo(err, moreHint))
	}
	d.upkeep.guard.LoadAdmins(admins, d.since)
	d.upkeep.save = d.store.SaveMoments
}

// admin protects the address from where root called jailctl over SSH.
func (u *upkeep) admin(from netip.Addr) {
	if parsers.Bannable(from) && u.guard.Admin(from, time.Now()) {
		u.follow()
		u.saveAdmins(time.Now())
	}
}

// saveAdmins writes into the ledger from where this machine is administered. What cannot be
// written is tried again at the next look.
func (u *upkeep) saveAdmins(now time.Time) {
	list := u.guard.UnsavedAdmins(u.settings().ProtectAdmins)
	if len(list) == 0 || u.save == nil {
		return
	}
	if err := u.save(list, now); err != nil {
		u.log.Debug("the addresses of admins could not be saved", "err", err)
		return
	}
	u.guard.AdminsSaved(list)
}

// follow takes over at once who is protected now.
func (u *upkeep) follow() {
	if u.renewGuard() {
		u.rules.renew(u.settings())
	}
}

// Allow never bans an address or name again: it is written into the ledger, protected, and
// taken out of all bans.
func (b *backend) Allow(q control.AllowRequest, by string) (control.AllowAnswer, error) {
	now := time.Now()
	a := book.Allowed{Prefix: q.Prefix, Host: q.Host, Since: now.UTC(), Note: q.Note, By: by}
	if q.ForSeconds > 0 {
		a.Until = book.EndOf(now, time.Duration(q.ForSeconds)*time.Second)
	}
	list := slices.DeleteFunc(b.guard.Allowed(now), func(o book.Allowed) bool { return o.What() == a.What() })
	if len(list) >= maxAllowed {
		return control.AllowAnswer{}, control.Refuse(http.StatusConflict, "to remove an entry: jailctl disallow ADDR; or allow a whole network: jailctl allow NETWORK", "not allowed: the list of jailctl allow is full, with %d entries", len(list))
	}
	failed := b.store.Allow(a)
	b.guard.SetAllowed(append(list, a))
	answer, err := letIn(b.warden, b.prefixesOf(a), by, now)
	b.follow()
	answer.Allowed = b.allowed(a)
	answer.Covered = b.covers(a, now)
	if failed != nil {
		return answer, hint.Add(hint.Of(failed)+". Then give the command again", fmt.Errorf("%s is allowed now, but not after the next start of pbxjail: %w", a.What(), failed))
	}
	return answer, err
}

// maxAllowed bounds the list of operators: each event is compared with all of them.
const maxAllowed = 1000

// prefixesOf are the addresses of an entry that an operator allows, as far as they are known.
func (b *backend) prefixesOf(a book.Allowed) []netip.Prefix { return prefixesOf(b.guard, a) }

// covers says what still drops packets of an entry that an operator allows.
func (b *backend) covers(a book.Allowed, now time.Time) (list []control.Cover) {
	for _, p := range b.prefixesOf(a) {
		list = append(list, b.coversOf(p, now)...)
	}
	return list
}

// coversOf says what still drops packets of a prefix.
func (b *backend) coversOf(p netip.Prefix, now time.Time) (list []control.Cover) {
	around := append(b.warden.Inside(p, now), b.warden.Around(p, now)...)
	slices.SortFunc(around, netip.Prefix.Compare)
	for _, ban := range around[:min(len(around), mostCovers)] {
		list = append(list, control.Cover{What: ban.String(), Why: "the ban of " + ban.String() + " contains " + p.String() + "; to lift this ban: jailctl unban " + ban.String()})
	}
	if p.IsSingleIP() {
		for _, name := range b.feeds.Dropping(p.Addr()) {
			list = append(list, control.Cover{What: name, Why: "feed " + name + " contains this address"})
		}
	}
	return list
}

const mostCovers = 20

// Disallow takes back what allow did.
func (b *backend) Disallow(q control.DisallowRequest, _ string) (control.DisallowAnswer, error) {
	now := time.Now()
	var gone *book.Allowed
	list := slices.DeleteFunc(b.guard.Allowed(now), func(o book.Allowed) bool {
		if o.What() == q.What {
			gone = &o
			return true
		}
		return false
	})
	if gone == nil {
		return control.DisallowAnswer{}, nil
	}
	prefixes := b.prefixesOf(*gone)
	err := b.store.Disallow(q.What)
	b.guard.SetAllowed(list)
	b.follow()
	answer := control.DisallowAnswer{Was: true}
	for _, p := range prefixes {
		answer.Protected = cmp.Or(answer.Protected, b.protects(p))
	}
	if err != nil {
		err = hint.Add(hint.Of(err)+". Then: jailctl allow "+q.What+"; jailctl disallow "+q.What, fmt.Errorf("%s is not allowed now, but the next start of pbxjail allows it again: %w", q.What, err))
	}
	return answer, err
}

func (b *backend) protects(p netip.Prefix) string {
	why, _ := b.guard.Current().Guard().Protects(p)
	return why
}

// Allowed lists what operators allow, the oldest first.
func (b *backend) Allowed() (list []control.Allowed) {
	for _, a := range b.guard.Allowed(time.Now()) {
		list = append(list, b.allowed(a))
	}
	return list
}

func (b *backend) allowed(a book.Allowed) control.Allowed {
	c := control.Allowed{What: a.What(), Since: a.Since, Until: control.Moment(a.Until), Note: a.Note, By: a.By}
	if a.Host != "" {
		c.Addrs = b.guard.Addrs(a.Host)
	}
	return c
}

// Protected lists who is never banned, and who is at home where.
func (b *backend) Protected(q control.ProtectedRequest) (list []control.Protected) {
	now := time.Now()
	fits := func(p netip.Prefix) bool { return !q.Prefix.IsValid() || q.Prefix.Overlaps(p) }
	for _, p := range b.guard.List(b.keepAdmins(), now) {
		if fits(p.Prefix) {
			list = append(list, control.Protected{Prefix: p.Prefix, Why: p.Why, Until: control.Moment(p.Until)})
		}
	}
	for _, l := range b.warden.LoggedIn(now) {
		p := netip.PrefixFrom(l.Addr, l.Addr.BitLen())
		if fits(p) {
			list = append(list, control.Protected{Prefix: p, Why: b.warden.AtHome(p, now) + "; failures of accounts that log in there lead to no ban"})
		}
	}
	return list
}
