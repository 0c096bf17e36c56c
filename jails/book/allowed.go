package book

import (
	"net/netip"
	"time"
)

// Allowed is what an operator lets in whatever it does: an address or a network, or a
// name whose addresses are looked up. The ledger keeps it.
type Allowed struct {
	Prefix netip.Prefix // masked; zero when Host is a name
	Host   string       // "" when Prefix is set
	Since  time.Time
	Until  time.Time // zero: until it is taken back
	Note   string    // the operator's own words
	By     string    // who allowed it, such as "uid 0 (root)"
}

// What is the address, the network or the name, as an operator writes it.
func (a Allowed) What() string {
	switch {
	case a.Host != "":
		return a.Host
	case a.Prefix.IsSingleIP():
		return a.Prefix.Addr().String()
	}
	return a.Prefix.String()
}

// Over reports whether its time is over at now.
func (a Allowed) Over(now time.Time) bool { return !a.Until.IsZero() && !a.Until.After(now) }
