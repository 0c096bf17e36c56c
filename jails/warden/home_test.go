package warden

import (
	"maps"
	"net/netip"
	"slices"

	"pbxjail/jails/home"
)

// Homes implements Ledger.
func (l *ledger) Homes(int) ([]home.Home, []home.Guessed, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.homes)), slices.Collect(maps.Values(l.alarms)), nil
}

// homeKey is by what a ledger knows a home or an alarm.
type homeKey struct {
	addr    netip.Addr
	account string
}

// SaveHomes implements Ledger.
func (l *ledger) SaveHomes(homes []home.Home) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	for _, h := range homes {
		if l.homes == nil {
			l.homes = map[homeKey]home.Home{}
		}
		l.homes[homeKey{h.Addr, h.Account}] = h
	}
	return nil
}

// SaveAlarms implements Ledger.
func (l *ledger) SaveAlarms(changed []home.AlarmChange) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	for _, c := range changed {
		if l.alarms == nil {
			l.alarms = map[homeKey]home.Guessed{}
		}
		key := homeKey{c.Addr, c.Account}
		if l.alarms[key] = c.Guessed; c.Seen {
			delete(l.alarms, key)
		}
	}
	return nil
}
