package nft

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
)

// gatePlan is one rule of a Gate: a range of ports, of one service and one family.
type gatePlan struct {
	kernel.Port
	set      string
	v6, sure bool
}

func setName(service string, v6 bool) string {
	if v6 {
		return service + "-6"
	}
	return service + "-4"
}

// plan is what there should be, in order. slow is held.
func (g *Gate) plan() (list []gatePlan) {
	names, of := kernel.Services(g.frame.Ports())
	for _, name := range names {
		for _, p := range of[name] {
			for _, v6 := range []bool{false, true} {
				list = append(list, gatePlan{Port: p, set: setName(name, v6), v6: v6, sure: g.sure && p.Proto == "tcp"})
			}
		}
	}
	return list
}

const sureMark = " handshake"

// comment names the rule, so that an existing rule can be recognised.
func (p gatePlan) comment() string {
	text := fmt.Sprintf("%s %s %d-%d", p.set, p.Proto, p.From, p.To)
	if p.sure {
		text += sureMark
	}
	return text
}

func isSure(comment string) bool { return strings.HasSuffix(comment, sureMark) }

// chain comes after the bans: in raw they are before connections are tracked, and this one
// after that; in filter it comes a little later.
func (g *Gate) chain() *nftables.Chain {
	if g.options.Hook == "filter" {
		return &nftables.Chain{Name: "input", Table: g.table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter}
	}
	return &nftables.Chain{Name: "prerouting", Table: g.table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityMangle}
}

// newSet is the set as it is made. Its members come without a timeout of the set's own,
// so that the mark stays.
func (p gatePlan) newSet(t *nftables.Table) *nftables.Set {
	s := &nftables.Set{Table: t, Name: p.set, HasTimeout: true, Dynamic: true, KeyType: nftables.TypeIPAddr, KeyByteOrder: binaryutil.BigEndian, Size: gateElem}
	if p.v6 {
		s.KeyType = nftables.TypeIP6Addr
	}
	return s
}

// dynsetUpdate is NFT_DYNSET_OP_UPDATE: add, or start the timeout again.
const dynsetUpdate = 1

// exprs is "meta nfproto . l4proto th dport RANGE [handshake] counter update @SET { saddr
// timeout 5m counter } counter". Where the set is full the rule ends before its last
// counter.
func (p gatePlan) exprs(set *nftables.Set) []expr.Any {
	proto, at := byte(unix.NFPROTO_IPV4), uint32(12)
	if p.v6 {
		proto, at = unix.NFPROTO_IPV6, 8
	}
	l4 := byte(unix.IPPROTO_UDP)
	if p.Proto == "tcp" {
		l4 = unix.IPPROTO_TCP
	}
	from, to := binary.BigEndian.AppendUint16(nil, p.From), binary.BigEndian.AppendUint16(nil, p.To)
	rule := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{proto}},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{l4}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
	}
	if slices.Equal(from, to) {
		rule = append(rule, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: from})
	} else {
		rule = append(rule, &expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: from}, &expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: to})
	}
	if p.Proto == "tcp" {
		rule = append(rule, p.handshake()...)
	}
	return append(rule,
		&expr.Counter{},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: at, Len: set.KeyType.Bytes},
		&expr.Dynset{SrcRegKey: 1, SetName: set.Name, SetID: set.ID, Operation: dynsetUpdate, Timeout: kernel.Memory, Exprs: []expr.Any{&expr.Counter{}}},
		&expr.Counter{},
	)
}

// handshake is the condition on packets of TCP, as package ipset explains it.
func (p gatePlan) handshake() []expr.Any {
	const (
		established = 1 << 1 // NF_CT_STATE_BIT(IP_CT_ESTABLISHED)
		assured     = 1 << 2 // IPS_ASSURED
		flags       = 13     // of the header of TCP
		synRstAck   = 0x02 | 0x04 | 0x10
		ack         = 0x10
	)
	if !p.sure {
		return []expr.Any{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: flags, Len: 1},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{synRstAck}, Xor: []byte{0}},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{ack}},
		}
	}
	var list []expr.Any
	for _, c := range []struct {
		key expr.CtKey
		bit uint32
	}{{expr.CtKeySTATE, established}, {expr.CtKeySTATUS, assured}} {
		list = append(list,
			&expr.Ct{Key: c.key, Register: 1},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binary.NativeEndian.AppendUint32(nil, c.bit), Xor: make([]byte, 4)},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
		)
	}
	return list
}
