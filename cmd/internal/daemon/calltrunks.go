package daemon

import (
	"slices"
	"strings"

	"pbxjail/configs"
	"pbxjail/configs/show"
	"pbxjail/jails/calls"
)

// onlyReported reports whether an account at a critical limit is a trunk that the main file
// does not name. Callers from outside choose how many calls a trunk forwards, so they could
// let pbxjail bar it. mu is held.
func (w *callWatch) onlyReported(c *calls.Case) bool {
	return (c.Trunk || w.isTrunk(c.Account)) && !namesAccount(w.set, c.Account, c.Group)
}

// isTrunk reports whether an account is a trunk. mu is held.
func (w *callWatch) isTrunk(account string) bool {
	return w.carriers.Has(account) || slices.Contains(w.fixed, account)
}

// namesAccount reports whether the main file has limits for this account or its group by name.
func namesAccount(set *configs.Calls, account, group string) bool {
	return slices.ContainsFunc(set.Limits, func(l configs.CallLimit) bool {
		return len(l.Accounts)+len(l.Groups) > 0 && l.Has(account, group)
	})
}

// trunkWords say why nothing happens to a trunk.
func trunkWords(account string) string {
	return "It is a trunk, so pbxjail only reports it. If pbxjail shall bar it or hang up its calls, write " + show.Escaped(account) + " into accounts of limits, below calls in the main file"
}

// setFixed takes the trunks that Asterisk lists over AMI.
func (w *callWatch) setFixed(names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fixed = names
}

// learnTrunk notes that a call left through an account. mu is held.
func (w *callWatch) learnTrunk(dial, dest string) {
	w.trunks.Learn(dest)
	if carries(dial, dest) {
		w.carriers.Learn(dest)
	}
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
