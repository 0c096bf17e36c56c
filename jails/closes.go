package jails

import (
	"slices"

	"pbxjail/configs/ports"
	"pbxjail/jails/book"
	"pbxjail/jails/tally"
	"pbxjail/parsers"
)

// asterisk is every port that Asterisk listens on.
const asterisk = ports.AMI + "," + ports.HTTP + "," + ports.IAX + "," + ports.SIP

// portsOf are the ports of each service. A call that the dialplan reports came over SIP or
// IAX2. When no record names a service, it can be any service of Asterisk.
var portsOf = [parsers.ServiceCount]ports.Set{
	parsers.NoService: asterisk,
	parsers.PJSIP:     ports.SIP,
	parsers.SIP:       ports.SIP,
	parsers.IAX2:      ports.IAX,
	parsers.AMI:       ports.AMI,
	parsers.HTTP:      ports.HTTP,
	parsers.Dialplan:  ports.IAX + "," + ports.SIP,
	parsers.Other:     asterisk,
}

// closes returns the ports that a ban of this tally closes at its first strike.
func (j *Jail) closes(t *tally.Tally, r ruling) ports.Set {
	if !j.ClosesService() && j.fixed != ports.All {
		return j.fixed
	}
	var attacked ports.Set
	for i := range t.Hits {
		h := &t.Hits[i]
		if !r.Counts(h) {
			continue
		}
		if h.Witness.Service == parsers.Other && h.Witness.Channel == parsers.ChannelNotice {
			return ports.All // a regex of the jail: its service is not known
		}
		if one := portsOf[h.Witness.Service]; attacked == ports.All {
			attacked = one
		} else {
			attacked = attacked.And(one)
		}
	}
	return attacked
}

// PortsOf returns the ports that the kernel closes by the names of groups. The name of a
// list is known while a jail has that list; any other name counts as every port.
func (j *Judge) PortsOf(groups []string) (s ports.Set) {
	for i, group := range groups {
		one := ports.Set(group)
		if !slices.Contains(ports.Services(), group) {
			one = j.listNamed(group)
		}
		if i == 0 {
			s = one
		} else {
			s = s.And(one)
		}
	}
	return s
}

func (j *Judge) listNamed(group string) ports.Set {
	for _, jail := range j.jails {
		if list := jail.fixed.Lists()[group]; list != nil {
			return ports.ListOf(list)
		}
	}
	return ports.All
}

// closesMost returns the most ports that a ban of this strike may close, when these were
// attacked: Closed decides.
func (j *Jail) closesMost(attacked ports.Set, strike int) ports.Set {
	return j.Closed(book.Ban{Ports: attacked, Strike: strike})
}

// Closed returns the ports that a ban closes, from the ports that were attacked (Ports), its
// strike and its evidence. From the strike AllFrom on, a ban closes every port. A ban that is
// short because its packets prove little closes only the ports that were attacked.
func (j *Jail) Closed(b book.Ban) ports.Set {
	switch {
	case !j.ClosesService() && j.fixed == ports.All: // as the jail file says
		return ports.All
	case b.Narrow || b.Most > 0:
		return b.Ports
	case j.AllFrom > 0 && b.Strike >= j.AllFrom:
		return ports.All
	}
	return b.Ports
}
