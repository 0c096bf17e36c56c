package guard

import (
	"slices"
	"time"

	"pbxjail/jails"
)

// SetAllowed replaces whom operators allow. Read takes it over.
func (p *Protections) SetAllowed(list []jails.Allowed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = slices.Clone(list)
}

// Allowed is whom operators allow at now, in the order of SetAllowed.
func (p *Protections) Allowed(now time.Time) []jails.Allowed {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = slices.DeleteFunc(p.allowed, func(a jails.Allowed) bool { return a.Over(now) })
	return slices.Clone(p.allowed)
}

// nowAllowed are the addresses and networks among them. mu is held.
func (p *Protections) nowAllowed(now time.Time) (list []jails.Protection) {
	for _, a := range p.allowed {
		if a.Host == "" && !a.Over(now) {
			list = append(list, jails.Protection{Prefix: a.Prefix, Why: allowedWhy(a)})
		}
	}
	return list
}

func allowedWhy(a jails.Allowed) string {
	why := "allowed by an operator: " + a.What()
	if a.Note != "" {
		why += " (" + a.Note + ")"
	}
	return why
}
