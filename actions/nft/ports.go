package nft

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
)

// A rule that is for some ports looks them up in a set of theirs, which is named after
// what is in it, "to-udp-1a2b3c4d": other ports are another set, and another rule.

// toPorts are the ports of one protocol that a rule is for.
type toPorts struct {
	proto string // "udp", "tcp"; "" is every packet
	spans []span // none: every port
}

type span struct{ from, to uint16 }

// toOf are the rules' conditions for ports, one for each protocol; one without a condition
// for none.
func toOf(list []kernel.Port) (all []toPorts) {
	if len(list) == 0 {
		return []toPorts{{}}
	}
	for _, proto := range []string{"udp", "tcp"} {
		to, any := toPorts{proto: proto}, false
		whole := slices.ContainsFunc(list, func(p kernel.Port) bool { return p.Proto == proto && p.Whole() })
		for _, p := range list {
			if p.Proto != proto {
				continue
			}
			if any = true; !whole {
				to.spans = append(to.spans, span{p.From, p.To})
			}
		}
		if any {
			to.spans = joined(to.spans)
			all = append(all, to)
		}
	}
	return all
}

// joined are spans in order, without those that touch: intervals must not.
func joined(list []span) (out []span) {
	slices.SortFunc(list, func(a, b span) int { return int(a.from) - int(b.from) })
	for _, s := range list {
		if n := len(out); n > 0 && int(s.from) <= int(out[n-1].to)+1 {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

const toMark = "to-"

// set is the name of the set of the ports; "" where there is none.
func (t toPorts) set() string {
	if len(t.spans) == 0 {
		return ""
	}
	h := fnv.New32a()
	fmt.Fprint(h, t.spans)
	return fmt.Sprintf("%s%s-%08x", toMark, t.proto, h.Sum32())
}

// comment marks a rule with this condition, after the name of its set, so that it can be
// recognised.
func (t toPorts) comment() string {
	switch {
	case t.proto == "":
		return ""
	case len(t.spans) == 0:
		return " " + toMark + t.proto
	}
	return " " + t.set()
}

// ofComment reads the set and the protocol out of a rule's comment. to is the name of the
// set of ports, or to-udp where it has none.
func ofComment(comment string) (set, to string) {
	set, to, _ = strings.Cut(comment, " ")
	return set, to
}

// addPorts makes the set of ports, unless it is there. mu is held, and flush comes next.
func (e *Enforcer) addPorts(t toPorts) error {
	name := t.set()
	if name == "" || e.sets[name] != nil {
		return nil
	}
	s := &nftables.Set{Table: e.table, Name: name, Interval: true, KeyType: nftables.TypeInetService, KeyByteOrder: binaryutil.BigEndian}
	e.sets[name] = s
	var list []nftables.SetElement
	for _, p := range t.spans {
		list = append(list, nftables.SetElement{Key: binary.BigEndian.AppendUint16(nil, p.from)})
		if p.to < 65535 {
			list = append(list, nftables.SetElement{Key: binary.BigEndian.AppendUint16(nil, p.to+1), IntervalEnd: true})
		}
	}
	return e.conn.AddSet(s, list)
}

// toExprs is "meta l4proto udp th dport @SET".
func (e *Enforcer) toExprs(to string) (list []expr.Any) {
	if to == "" {
		return nil
	}
	l4 := byte(unix.IPPROTO_UDP)
	if strings.HasPrefix(to, toMark+"tcp") {
		l4 = unix.IPPROTO_TCP
	}
	list = []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{l4}},
	}
	if set := e.sets[to]; set != nil {
		list = append(list,
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
			&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID})
	}
	return list
}
