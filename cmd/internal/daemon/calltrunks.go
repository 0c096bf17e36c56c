package daemon

import (
	"slices"
	"strings"

	"pbxjail/configs"
	"pbxjail/configs/show"
	"pbxjail/jails/calls"
	"pbxjail/jails/home"
)

// callRoutes are the accounts that calls come in or leave through, and those of phones. It has no
// lock.
type callRoutes struct {
	trunks calls.Trunks // whatever calls left through
	// Accounts that are only reported: the dialplan dials numbers through carriers, and fixed
	// are the trunks that Asterisk lists over AMI.
	carriers calls.Trunks
	fixed    []string
	phones   map[string]bool   // accounts with which a phone is registered
	outside  map[string]string // accounts that are registered at the address of a trunk, and the number there
	guests   guestPolicy
}

// isPhone reports whether a phone is registered with an account that no call has left the PBX
// through.
func (r *callRoutes) isPhone(account string) bool {
	_, out := r.outside[account]
	return r.phones[account] && !r.trunks.Has(account) && !out
}

// isTrunk reports whether an account is a trunk.
func (r *callRoutes) isTrunk(account string) bool {
	return r.carriers.Has(account) || slices.Contains(r.fixed, account)
}

// learn notes that a call left through an account.
func (r *callRoutes) learn(dial, dest string) {
	r.trunks.Learn(dest)
	if carries(dial, dest) {
		r.carriers.Learn(dest)
	}
}

// onlyReported reports whether nothing is done about an account at a critical limit: it is
// many together, or a caller without an account may have claimed it, or it is a trunk that the main
// file does not name. Callers from outside choose how many calls a trunk forwards, so they could
// let pbxjail bar it. mu is held.
func (w *callWatch) onlyReported(c *calls.Case) bool {
	if calls.IsPool(c.Account) || c.Unproven {
		return true
	}
	return (c.Trunk || w.routes.isTrunk(c.Account)) && !namesAccount(w.set, c.Account, c.Group)
}

// reportedWords say why nothing happens to an account. mu is held.
func (w *callWatch) reportedWords(c *calls.Case) string {
	name := show.Escaped(c.Account)
	switch {
	case calls.IsPool(c.Account):
		return "pbxjail only reports it, because it is many callers together"
	case c.Unproven:
		return "pbxjail only reports it, because chan_sip lets callers in that have no account, and one of them may have claimed account " + name
	}
	return "It is a trunk, so pbxjail only reports it. If pbxjail shall bar it or hang up its calls, write " + name + " into accounts of limits, below calls in the main file"
}

// namesAccount reports whether the main file has limits for this account or its group by name.
func namesAccount(set *configs.Calls, account, group string) bool {
	return slices.ContainsFunc(set.Limits, func(l configs.CallLimit) bool {
		return len(l.Accounts)+len(l.Groups) > 0 && l.Has(account, group)
	})
}

// setFixed takes the trunks that Asterisk lists over AMI.
func (w *callWatch) setFixed(names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.routes.fixed = names
}

// setPhones takes who is registered, as AMI lists them.
func (w *callWatch) setPhones(list []home.Registration) {
	phones := make(map[string]bool, len(list))
	for _, r := range list {
		phones[r.Account] = true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.routes.phones = phones
}

// setOutside takes the accounts that are registered at the address of a trunk.
func (w *callWatch) setOutside(numbers map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.routes.outside = numbers
}

// carries reports whether Asterisk dials a number through an account: number@account, or
// account/number. The address of a phone, account/sip:number@host, is no such number: the
// phone itself wrote it when it registered.
func carries(dial, dest string) bool {
	if dest == "" {
		return false
	}
	for one := range strings.SplitSeq(dial, "&") {
		one, _, _ = strings.Cut(one, ",")
		number, ok := strings.CutSuffix(one, "@"+dest)
		if ok {
			number = number[strings.LastIndexByte(number, '/')+1:]
		} else {
			_, number, ok = strings.Cut("/"+one, "/"+dest+"/")
		}
		if ok && isOutside(number) {
			return true
		}
	}
	return false
}

// isOutside reports whether a text is a number that is longer than an extension.
func isOutside(number string) bool {
	digits := strings.TrimPrefix(number, "+")
	return len(digits) >= 7 && strings.Trim(digits, "0123456789") == ""
}
