package warden

import (
	"maps"
	"net/netip"
	"slices"

	"pbxjail/jails"
)

// Homes implements Ledger.
func (l *ledger) Homes(int) ([]jails.Home, []jails.Guessed, error) {
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
func (l *ledger) SaveHomes(homes []jails.Home) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	for _, h := range homes {
		if l.homes == nil {
			l.homes = map[homeKey]jails.Home{}
		}
		l.homes[homeKey{h.Addr, h.Account}] = h
	}
	return nil
}

// SaveAlarms implements Ledger.
func (l *ledger) SaveAlarms(changed []jails.AlarmChange) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	for _, c := range changed {
		if l.alarms == nil {
			l.alarms = map[homeKey]jails.Guessed{}
		}
		key := homeKey{c.Addr, c.Account}
		if l.alarms[key] = c.Guessed; c.Seen {
			delete(l.alarms, key)
		}
	}
	return nil
}
