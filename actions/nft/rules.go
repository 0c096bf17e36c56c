package nft

import (
	"net"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"

	"pbxjail/actions/kernel"
)

// chain is our only chain. Its hook and priority are where iptables' tables raw and
// filter have theirs, the latter a little before.
func (e *Enforcer) chain() *nftables.Chain {
	if e.options.Hook == "filter" {
		return &nftables.Chain{Name: "input", Table: e.table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityRef(*nftables.ChainPriorityFilter - 1)}
	}
	return &nftables.Chain{Name: "prerouting", Table: e.table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw}
}

// addSet makes a set of bans. mu is held.
func (e *Enforcer) addSet(name string) error {
	at, _ := banSet(name)
	s := &nftables.Set{Table: e.table, Name: name, HasTimeout: true, Counter: true, KeyType: nftables.TypeIPAddr, KeyByteOrder: binaryutil.BigEndian}
	if at.family == 6 {
		s.KeyType = nftables.TypeIP6Addr
	}
	e.sets[name] = s
	return e.conn.AddSet(s, nil)
}

// writeRules puts the rules that are wanted in place of all there are. The transaction
// lets no packet through in between. mu is held, and flush comes next.
func (e *Enforcer) writeRules() {
	for _, hook := range []string{"raw", "filter"} {
		other := &Enforcer{options: kernel.Options{Hook: hook}, table: e.table}
		if c := other.chain(); c.Name != e.chain().Name { // one that is not there could not be removed
			e.conn.AddChain(c)
			e.conn.FlushChain(c)
			e.conn.DelChain(c)
		}
	}
	c := e.conn.AddChain(e.chain())
	e.conn.FlushChain(c)
	for _, comment := range e.wanted() {
		set, to := ofComment(comment)
		rule := append(e.lookUp(e.sets[set], to), &expr.Counter{})
		if e.options.Reject {
			rule = append(rule, &expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_PORT_UNREACH})
		} else {
			rule = append(rule, &expr.Verdict{Kind: expr.VerdictDrop})
		}
		e.conn.AddRule(&nftables.Rule{Table: e.table, Chain: c, Exprs: rule, UserData: userdata.AppendString(nil, userdata.TypeComment, comment)})
	}
}

// lookUp is "[meta l4proto udp th dport @PORTS] ip saddr & MASK @SET".
func (e *Enforcer) lookUp(set *nftables.Set, to string) []expr.Any {
	proto, at, size := byte(unix.NFPROTO_IPV4), uint32(12), set.KeyType.Bytes
	if size == net.IPv6len {
		proto, at = unix.NFPROTO_IPV6, 8
	}
	rule := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{proto}},
	}
	rule = append(rule, e.toExprs(to)...)
	rule = append(rule, &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: at, Len: size})
	if p, ok := banSet(set.Name); ok && p.bits < p.single() {
		rule = append(rule, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: size, Mask: net.CIDRMask(p.bits, int(size)*8), Xor: make([]byte, size)})
	}
	return append(rule, &expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID})
}
