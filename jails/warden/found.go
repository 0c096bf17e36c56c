package warden

import (
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs/ports"
)

// found is what the kernel holds of a prefix.
type found struct {
	prefix  netip.Prefix
	left    time.Duration
	packets uint64
	groups  []string // sorted; nil: every port, and nothing else
	uneven  bool     // its groups do not end together
}

// closes reports whether the kernel closes these ports, and no others.
func (f found) closes(to ports.Set) bool {
	if to == ports.All || len(f.groups) == 0 {
		return to == ports.All && len(f.groups) == 0
	}
	want := to.Groups()
	slices.Sort(want)
	return !f.uneven && slices.Equal(f.groups, want)
}

// members are gathered while the kernel is listed.
type members []found

func (l *members) add(h ports.Held) {
	f := found{prefix: h.Prefix, left: h.Left, packets: h.Packets}
	if h.Group != "" {
		f.groups = []string{h.Group}
	}
	*l = append(*l, f)
}

// joined makes one of all that the kernel holds of a prefix. Where that is a ban of every
// port and one of some, groups has "" too: no ban is so.
func (l members) joined() []found {
	at := map[netip.Prefix]int{} // of those in groups, which are few
	for i, f := range l {
		if _, there := at[f.prefix]; !there && f.groups != nil {
			at[f.prefix] = i
		}
	}
	if len(at) == 0 {
		return l
	}
	for i, f := range l {
		first, there := at[f.prefix]
		if !there || first == i {
			continue
		}
		if f.groups == nil {
			f.groups = []string{""}
		}
		l[first].join(f)
		l[i].prefix = netip.Prefix{}
	}
	list := slices.DeleteFunc(l, func(f found) bool { return !f.prefix.IsValid() })
	for i := range list {
		slices.Sort(list[i].groups)
	}
	return list
}

func (f *found) join(o found) {
	f.groups = append(f.groups, o.groups...)
	f.packets += o.packets
	f.uneven = f.uneven || !sameLeft(f.left, o.left)
}
