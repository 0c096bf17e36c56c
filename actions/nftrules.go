package actions

import (
	"errors"
	"net"
	"net/netip"
	"time"

	nft "github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// chain is our only chain. Its hook and priority are where iptables' tables raw and
// filter have theirs, the latter a little before.
func (e *nftables) chain() *nft.Chain {
	if e.options.Hook == "filter" {
		return &nft.Chain{Name: "input", Table: e.table, Type: nft.ChainTypeFilter, Hooknum: nft.ChainHookInput, Priority: nft.ChainPriorityRef(*nft.ChainPriorityFilter - 1)}
	}
	return &nft.Chain{Name: "prerouting", Table: e.table, Type: nft.ChainTypeFilter, Hooknum: nft.ChainHookPrerouting, Priority: nft.ChainPriorityRaw}
}

// addSet makes a set of bans. mu is held.
func (e *nftables) addSet(name string) error {
	family, bits, _ := banSet(name)
	s := &nft.Set{Table: e.table, Name: name, HasTimeout: true, Counter: true, KeyType: nft.TypeIPAddr, KeyByteOrder: binaryutil.BigEndian, Size: min(nftElem, e.options.MaxElem)}
	if family == 6 {
		s.KeyType = nft.TypeIP6Addr
	}
	if single := s.KeyType.Bytes * 8; uint32(bits) < single {
		s.Size = min(nftWide, e.options.MaxElem)
	}
	e.sets[name] = s
	return e.conn.AddSet(s, nil)
}

// writeRules puts the rules that are wanted in place of all there are. The transaction
// lets no packet through in between. mu is held, and flush comes next.
func (e *nftables) writeRules() {
	for _, hook := range []string{"raw", "filter"} {
		other := &nftables{options: Options{Hook: hook}, table: e.table}
		if c := other.chain(); c.Name != e.chain().Name { // one that is not there could not be removed
			e.conn.AddChain(c)
			e.conn.FlushChain(c)
			e.conn.DelChain(c)
		}
	}
	c := e.conn.AddChain(e.chain())
	e.conn.FlushChain(c)
	for _, name := range e.wanted() {
		set := e.sets[name]
		e.conn.AddRule(&nft.Rule{Table: e.table, Chain: c, Exprs: dropListed(set), UserData: userdata.AppendString(nil, userdata.TypeComment, name)})
	}
}

// dropListed is "ip saddr & MASK @SET drop".
func dropListed(set *nft.Set) []expr.Any {
	proto, at, size := byte(unix.NFPROTO_IPV4), uint32(12), set.KeyType.Bytes
	if size == net.IPv6len {
		proto, at = unix.NFPROTO_IPV6, 8
	}
	rule := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{proto}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: at, Len: size},
	}
	if _, bits, ok := banSet(set.Name); ok && uint32(bits) < size*8 {
		rule = append(rule, &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: size, Mask: net.CIDRMask(bits, int(size)*8), Xor: make([]byte, size)})
	}
	return append(rule, &expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID}, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})
}

// members calls yield for each member of a set of prefixes of this length.
func (v *nftView) members(family uint8, table, set string, bits int, yield func(setMember)) error {
	ask := attr(nil, nftaElemsTable, nl.ZeroTerminated(table)...)
	ask = attr(ask, nftaElemsSet, nl.ZeroTerminated(set)...)
	v.mu.Lock()
	defer v.mu.Unlock()
	err := v.ask(unix.NFT_MSG_GETSETELEM, family, unix.NLM_F_DUMP, ask, func(_ uint8, msg []byte) {
		for kind, list := range attrs(msg) {
			if kind != nftaElemsList {
				continue
			}
			for _, element := range attrs(list) {
				if m := parseElement(element, bits); m.prefix.IsValid() {
					yield(m)
				}
			}
		}
	})
	if errors.Is(err, nl.ErrDumpInterrupted) || errors.Is(err, unix.ENOENT) { // as good as can be had, while others write; no such set
		err = nil
	}
	return err
}

func parseElement(data []byte, bits int) (m setMember) {
	var timed bool
	for kind, value := range attrs(data) {
		switch kind {
		case nftaElemKey:
			for kind, value := range attrs(value) {
				if a, ok := netip.AddrFromSlice(value); ok && kind == nftaDataValue {
					m.prefix = netip.PrefixFrom(a, bits)
				}
			}
		case nftaElemTimeout:
			timed = number(value) > 0
		case nftaElemExpires: // milliseconds
			m.seconds = uint32(min((number(value)+999)/1000, uint64(MaxTimeout/time.Second)))
		case nftaElemExpr:
			for kind, value := range attrs(value) {
				if kind == nftaExprData {
					m.packets, m.bytes = parseCounter(value)
				}
			}
		}
	}
	if timed && m.seconds == 0 { // in its last moment, not for ever
		m.seconds = 1
	}
	return m
}

func parseCounter(data []byte) (packets, bytes uint64) {
	for kind, value := range attrs(data) {
		switch kind {
		case nftaCounterPkts:
			packets = number(value)
		case nftaCounterBytes:
			bytes = number(value)
		}
	}
	return packets, bytes
}
