package warden

import (
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs/ports"
)

// kernelBan is what the kernel holds for one prefix.
type kernelBan struct {
	prefix  netip.Prefix
	left    time.Duration
	packets uint64
	groups  []string // sorted; nil: every port, and nothing else
	uneven  bool     // its groups do not end together
}

// closes reports whether the kernel closes these ports, and no others.
func (f kernelBan) closes(to ports.Set) bool {
	if to == ports.All || len(f.groups) == 0 {
		return to == ports.All && len(f.groups) == 0
	}
	want := to.Groups()
	slices.Sort(want)
	return !f.uneven && slices.Equal(f.groups, want)
}

// members collects the bans while the kernel is listed.
type members []kernelBan

func (l *members) add(h ports.Held) {
	f := kernelBan{prefix: h.Prefix, left: h.Left, packets: h.Packets}
	if h.Group != "" {
		f.groups = []string{h.Group}
	}
	*l = append(*l, f)
}

// joined merges all that the kernel holds for a prefix into one. Where the kernel holds a
// ban of every port and also one of some ports, groups contains "": no ban of the book does.
func (l members) joined() []kernelBan {
	at := map[netip.Prefix]int{} // only of members with groups, which are few
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
	list := slices.DeleteFunc(l, func(f kernelBan) bool { return !f.prefix.IsValid() })
	for i := range list {
		slices.Sort(list[i].groups)
	}
	return list
}

func (f *kernelBan) join(o kernelBan) {
	f.groups = append(f.groups, o.groups...)
	f.packets += o.packets
	f.uneven = f.uneven || !sameLeft(f.left, o.left)
}
