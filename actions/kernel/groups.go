package kernel

import (
	"maps"
	"slices"
	"time"

	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
)

// Groups are the ports that a ban may close apart from all others, by the name of the
// group, which is that of a service or of a list of ranges. The zero value has none. It
// never changes once it is made.
type Groups struct {
	names []string
	of    map[string][]Port
}

// maxGroups and maxRanges bound the groups: each costs every packet that no ban drops a
// comparison.
const maxGroups, maxRanges = 64, 1024

// NewGroups sorts ports by their Service, which names the group.
func NewGroups(list []Port) (g Groups, err error) {
	if len(list) > maxRanges {
		return g, hint.Errorf("in the files in /etc/pbxjail.d, below ports, write ranges such as 5060-5080 in place of single ports"+ReloadHint, "all jails together have %d ports or ranges of ports, and the limit is %d", len(list), maxRanges)
	}
	if err := checkForm(list); err != nil {
		return g, err
	}
	g.names, g.of = Services(list)
	if len(g.names) > maxGroups {
		return Groups{}, hint.Errorf("in the files in /etc/pbxjail.d, write ports: service; or write the same list of ports into several files"+ReloadHint, "all jails together have %d different lists of ports, and the limit is %d", len(g.names), maxGroups)
	}
	return g, nil
}

// Names are the groups, in order.
func (g Groups) Names() []string { return g.names }

// Equal reports whether two have the same groups with the same ports.
func (g Groups) Equal(o Groups) bool { return maps.EqualFunc(g.of, o.of, slices.Equal) }

// Places are the groups, and before them "", which means every port.
func (g Groups) Places() []string { return append([]string{""}, g.names...) }

// Ports are those of a group, in order; nil when there is no such group.
func (g Groups) Ports(name string) []Port { return g.of[name] }

// Has reports whether there is such a group.
func (g Groups) Has(name string) bool { return g.of[name] != nil }

// Order is a ban as the kernel is to hold it. It is an error if the prefix or the time is
// not valid or the ports are no group.
func (g Groups) Order(b ports.Ban) (o Ordered, err error) {
	if o.Member, err = Order(b.Prefix, b.For); err != nil {
		return o, err
	}
	if o.Groups = b.Ports.Groups(); len(o.Groups) == 0 {
		o.Groups = []string{""}
		return o, nil
	}
	for _, name := range o.Groups {
		if !g.Has(name) {
			return o, hint.Errorf(RetryHint, "cannot ban %s: the firewall has no chain for the ports %s yet", o.Prefix, b.Ports)
		}
		o.Closed = append(o.Closed, g.of[name]...)
	}
	return o, nil
}

// Ordered is a ban, and the groups that it is in: at least one, "" alone for every port.
type Ordered struct {
	Member
	Groups []string
	Closed []Port // nil: every port
}

// In reports whether the ban is in a group.
func (o Ordered) In(group string) bool { return slices.Contains(o.Groups, group) }

// PortsOf are ranges as rules want them: each of one protocol. The Service is "".
func PortsOf(list []ports.Range) (all []Port) {
	for _, r := range list {
		for _, proto := range []string{"tcp", "udp"} {
			if r.Proto == "" || r.Proto == proto {
				all = append(all, Port{Proto: proto, From: r.From, To: r.To})
			}
		}
	}
	return all
}

// Whole reports whether a range is every port of its protocol: no packet is sent to port 0.
func (p Port) Whole() bool { return p.From <= 1 && p.To == 65535 }

// Held is a member as an enforcer reports it.
func (m Member) Held(group string) ports.Held {
	return ports.Held{Prefix: m.Prefix, Group: group, Left: time.Duration(m.Seconds) * time.Second, Packets: m.Packets, Bytes: m.Bytes}
}
