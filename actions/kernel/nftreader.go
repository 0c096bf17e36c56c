package kernel

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"strings"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ChainState identifies the state of a chain when it was read. Two equal marks mean that the
// chain did not change; the numbers mean nothing by themselves.
type ChainState struct {
	Parent uint64 // the chain that jumps to ours
	Own    uint64
	Rules  int // in ours
}

// NftReader reads the rules that nftables holds, those of iptables-nft among them,
// over netlink: it starts no program and changes nothing. Its methods may be called
// from any goroutine.
type NftReader struct {
	mu     sync.Mutex
	socket *nl.NetlinkSocket
	seqs   map[int]*nl.SocketHandle
	answer [512]byte
	known  map[NftChain]look // by our chain
}

// look is the state of a chain at one generation of all rules.
type look struct {
	parent     string
	generation uint32
	mark       ChainState
	// twice: two looks saw the same. The kernel counts a new generation a moment before its
	// rules are there, so one look alone may have seen the old rules.
	twice bool
}

// Attributes of linux/netfilter/nf_tables.h.
const (
	nftaGenID        = 1
	nftaGenProcPid   = 2
	nftaGenProcName  = 3
	nftaTableName    = 1
	nftaChainTable   = 1
	nftaChainName    = 3
	nftaRuleTable    = 1
	nftaRuleChain    = 2
	nftaRuleHandle   = 3
	nftaRuleExprs    = 4
	nftaSetTable     = 1
	nftaSetName      = 2
	nftaElemsTable   = 1
	nftaElemsSet     = 2
	nftaElemsList    = 3
	nftaElemsElem    = 1
	nftaElemKey      = 1
	nftaElemTimeout  = 4
	nftaElemExpires  = 5
	nftaElemExpr     = 7
	nftaDataValue    = 1
	nftaExprName     = 1
	nftaExprData     = 2
	nftaCounterBytes = 1
	nftaCounterPkts  = 2
)

// OpenNftReader opens the socket, in the network namespace of the calling thread.
func OpenNftReader() (*NftReader, error) {
	s, err := OpenNetfilter()
	if err != nil {
		return nil, Cannot(err, "reach the firewall in the kernel")
	}
	return &NftReader{socket: s, known: map[NftChain]look{}, seqs: map[int]*nl.SocketHandle{unix.NETLINK_NETFILTER: {Socket: s}}}, nil
}

// Close closes the socket. It does nothing for a nil view.
func (v *NftReader) Close() {
	if v != nil {
		v.socket.Close()
	}
}

// ask calls part with the attributes of each message that answers.
func (v *NftReader) ask(message int, family uint8, flags int, attrs []byte, part func(family uint8, msg []byte)) error {
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|message, flags)
	req.Sockets = v.seqs
	req.AddRawData(append([]byte{family, nl.NFNETLINK_V0, 0, 0}, attrs...))
	return req.ExecuteIter(unix.NETLINK_NETFILTER, 0, func(msg []byte) bool {
		if len(msg) > nl.SizeofNfgenmsg {
			part(msg[0], msg[nl.SizeofNfgenmsg:])
		}
		return true
	})
}

// dump is ask for a list. It reads the list again if it changed meanwhile.
func (v *NftReader) dump(message int, family uint8, attrs []byte, begin func(), part func(family uint8, msg []byte)) (err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for range 5 {
		begin()
		err = v.ask(message, family, unix.NLM_F_DUMP, attrs, part)
		if !errors.Is(err, nl.ErrDumpInterrupted) {
			break
		}
	}
	if errors.Is(err, unix.ENOENT) { // no such table or chain
		begin()
		return nil
	}
	return err
}

// Generation is a counter that grows by one with each change of any rule.
func (v *NftReader) Generation() (n uint32, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETGEN, 0)
	req.AddRawData([]byte{unix.AF_UNSPEC, nl.NFNETLINK_V0, 0, 0})
	body, err := exchange(v.socket.GetFd(), req, v.answer[:])
	if err != nil || len(body) < nl.SizeofNfgenmsg {
		return 0, err
	}
	for kind, value := range Attrs(body[nl.SizeofNfgenmsg:]) {
		if kind == nftaGenID {
			n = uint32(Number(value))
		}
	}
	return n, nil
}

// handles are the handles of a chain's rules, in order. A rule that is put back has a new
// one. One that is replaced keeps it: with content each handle is combined with a hash of
// the rule without its counters.
func (v *NftReader) handles(family uint8, table, chain string, content bool) (handles []uint64, err error) {
	ask := Attr(nil, nftaRuleTable, nl.ZeroTerminated(table)...)
	ask = Attr(ask, nftaRuleChain, nl.ZeroTerminated(chain)...)
	err = v.dump(unix.NFT_MSG_GETRULE, family, ask, func() { handles = nil }, func(_ uint8, msg []byte) {
		var handle, says uint64
		for kind, value := range Attrs(msg) {
			switch kind {
			case nftaRuleHandle:
				handle = Number(value)
			case nftaRuleExprs:
				if content {
					says = contentOf(value)
				}
			}
		}
		handles = append(handles, handle^says)
	})
	return handles, err
}

// contentOf is a hash of the expressions of a rule that do not count.
func contentOf(exprs []byte) uint64 {
	h := fnv.New64a()
	for _, expr := range Attrs(exprs) {
		counts := false
		for kind, value := range Attrs(expr) {
			counts = counts || kind == nftaExprName && unix.ByteSliceToString(value) == "counter"
		}
		if !counts {
			h.Write(expr)
		}
	}
	return h.Sum64()
}

// Look marks our chain and the one that jumps to it. If no rule changed anywhere, that is
// one short request.
func (v *NftReader) Look(family uint8, table, parent, name string) (ChainState, error) {
	return v.LookSince(v.Now(), family, table, parent, name)
}

// Now is the generation for LookSince; 0: the kernel does not count. A nil reader asks
// nothing.
func (v *NftReader) Now() uint32 {
	if v == nil {
		return 0
	}
	n, err := v.Generation()
	if err != nil {
		return 0
	}
	return n
}

// LookSince is Look for a caller that looks at several chains: n is what Now gave just
// before. What changed after it is seen with the next n.
func (v *NftReader) LookSince(n uint32, family uint8, table, parent, name string) (ChainState, error) {
	chain := NftChain{Family: family, Table: table, Name: name}
	if n == 0 {
		return v.lookAt(family, table, parent, name)
	}
	v.mu.Lock()
	last, ok := v.known[chain]
	v.mu.Unlock()
	same := ok && last.generation == n && last.parent == parent
	if same && last.twice {
		return last.mark, nil
	}
	m, err := v.lookAt(family, table, parent, name)
	if err == nil { // what changes meanwhile has another generation, and is looked at again
		v.mu.Lock()
		v.known[chain] = look{parent: parent, generation: n, mark: m, twice: same && last.mark == m}
		v.mu.Unlock()
	}
	return m, err
}

func (v *NftReader) lookAt(family uint8, table, parent, name string) (m ChainState, err error) {
	before, err := v.handles(family, table, parent, false) // others count with all kinds of rules
	if err != nil {
		return m, Cannot(err, "read chain %s of table %s", parent, table)
	}
	own, err := v.handles(family, table, name, true)
	if err != nil {
		return m, Cannot(err, "read chain %s of table %s", name, table)
	}
	return ChainState{Parent: hashOf(before), Own: hashOf(own), Rules: len(own)}, nil
}

func hashOf(list []uint64) uint64 {
	h := fnv.New64a()
	for _, n := range list {
		h.Write(binary.BigEndian.AppendUint64(nil, n))
	}
	return h.Sum64()
}

// NftChain is a chain's name, with its table and family.
type NftChain struct {
	Family      uint8
	Table, Name string
}

// Chains are all chains of the namespace.
func (v *NftReader) Chains() (list []NftChain, err error) {
	err = v.dump(unix.NFT_MSG_GETCHAIN, unix.AF_UNSPEC, nil, func() { list = nil }, func(family uint8, msg []byte) {
		c := NftChain{Family: family}
		for kind, value := range Attrs(msg) {
			switch kind {
			case nftaChainTable:
				c.Table = unix.ByteSliceToString(value)
			case nftaChainName:
				c.Name = unix.ByteSliceToString(value)
			}
		}
		list = append(list, c)
	})
	return list, err
}

// UsedByIptables reports whether iptables-nft keeps any rule.
func (v *NftReader) UsedByIptables() (used bool, err error) {
	err = v.dump(unix.NFT_MSG_GETRULE, unix.AF_UNSPEC, nil, func() { used = false }, func(family uint8, msg []byte) {
		if family != unix.AF_INET && family != unix.AF_INET6 {
			return
		}
		for kind, value := range Attrs(msg) {
			if kind == nftaRuleTable {
				switch unix.ByteSliceToString(value) {
				case "filter", "nat", "mangle", "raw", "security":
					used = true
				}
			}
		}
	})
	return used, err
}

// Changer is the name of the program that made a change. Any user can choose the name of a
// program, so only letters are kept.
func Changer(msg []byte) (pid int, by string) {
	for kind, value := range Attrs(msg) {
		switch kind {
		case nftaGenProcPid:
			pid = int(Number(value))
		case nftaGenProcName:
			by = strings.Map(func(r rune) rune {
				if r > ' ' && r <= '~' {
					return r
				}
				return '?'
			}, unix.ByteSliceToString(value))
		}
	}
	return pid, by
}
