package jails

import (
	"time"

	"pbxjail/configs"
	"pbxjail/jails/rates"
)

// Top lists the busiest at now: at most n jails, countries, accounts and addresses. An
// offence that two jails count is two samples, and so is an attempt that two logs report.
func (j *Judge) Top(n int, now time.Time) rates.Tops { return j.rates.Top(n, now) }

// JailState is a jail and its counters.
type JailState struct {
	*configs.Jail
	Tracked, Banned int    // addresses
	Events          uint64 // that counted
}

// States lists the jails, in their order. banned says how many bans each has, by name.
func (j *Judge) States(banned map[string]int) []JailState {
	list := make([]JailState, 0, len(j.jails))
	for _, jail := range j.jails {
		list = append(list, JailState{jail.Jail, j.table.Of(jail.memory.id), banned[jail.Name], jail.memory.events})
	}
	return list
}
