package jails

import (
	"time"

	"pbxjail/parsers"
)

// loginTable remembers who logged in. The attacker may choose who does that once, so
// strangers make room for each other, and never for those who came back: a phone
// registers again and again. Two generations bound both.
type loginTable struct {
	strangers recent[addrKey, entry]
	regulars  recent[addrKey, entry] // logged in again after comesBack
}

// entry is the first login of an address that is known, and the last.
type entry struct {
	first, last int64 // unix ms
	over        parsers.Service
}

const (
	maxStrangers = 16_384
	maxRegulars  = 65_536
	comesBack    = 30 * time.Second
)

func newLoginTable() loginTable {
	return loginTable{recent[addrKey, entry]{max: maxStrangers}, recent[addrKey, entry]{max: maxRegulars}}
}

// put notes a login.
func (t *loginTable) put(key addrKey, over parsers.Service, at int64) {
	e, regular := t.regulars.get(key)
	if !regular {
		if known, ok := t.strangers.get(key); ok {
			e = known
		} else {
			e.first = at
		}
	}
	e.last, e.over = at, over
	if regular || at-e.first >= comesBack.Milliseconds() {
		t.regulars.put(key, e)
	} else {
		t.strangers.put(key, e)
	}
}

// get finds the last login of an address.
func (t *loginTable) get(key addrKey) (entry, bool) {
	if e, ok := t.regulars.get(key); ok {
		return e, true
	}
	return t.strangers.get(key)
}

// each yields every address once, in no order.
func (t *loginTable) each(yield func(addrKey, entry) bool) {
	for key, e := range t.regulars.each {
		if !yield(key, e) {
			return
		}
	}
	for key, e := range t.strangers.each {
		if _, known := t.regulars.get(key); !known && !yield(key, e) {
			return
		}
	}
}
