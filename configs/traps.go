package configs

import (
	"fmt"
	"regexp"
)

// TrapName is the name of an account, or a number. It needs no quotes if it has digits only.
type TrapName string

// Traps are accounts and numbers that do not exist and that no honest caller tries. The zero
// value has none.
type Traps struct {
	Accounts []TrapName `yaml:"accounts" optional:"[9999, test]" doc:"Names of accounts that you do not have and never give to a phone. An address that answers a challenge for one of them is banned at its first try; weaker evidence counts three times. An address where accounts are at home, and a protected address, only get ordinary points."`
	Numbers  []TrapName `yaml:"numbers" optional:"[8999]" doc:"The same for numbers, written as a caller dials them. Do not use a number near one of yours: people misdial."`
}

// trapName is an account or a number as Asterisk writes it.
var trapName = regexp.MustCompile(`^[\x21-\x7e]{1,80}$`)

var allDigits = regexp.MustCompile(`^[0-9]+$`)

const maxTraps = 1000

func (t Traps) validate(d *decoder) {
	for _, list := range []struct {
		key   string
		names []TrapName
	}{{"traps.accounts", t.Accounts}, {"traps.numbers", t.Numbers}} {
		if len(list.names) > maxTraps {
			d.fault(list.key, "remove entries: one or two traps of each kind are enough", "too many traps: %d, the limit is %d", len(list.names), maxTraps)
		}
		for i, name := range list.names {
			if !trapName.MatchString(string(name)) {
				d.fault(fmt.Sprintf("%s[%d]", list.key, i), "write an account or a number of at most 80 letters, digits and signs, without blanks", "%s cannot be a trap", quote(string(name)))
			}
		}
	}
}
