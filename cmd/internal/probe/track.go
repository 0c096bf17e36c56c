package probe

import (
	"encoding/binary"

	nft "github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// trackName is no chain that an enforcer could be given.
const trackName = "probe.track"

// track makes this thread's namespace follow connections, as each host does whose
// firewall accepts what is ESTABLISHED. A new namespace does not: each packet would be
// new, and a rule that lets flows under way go on would be taken for good.
func track() error {
	conn, err := nft.New()
	if err != nil {
		return err
	}
	table := conn.AddTable(&nft.Table{Name: trackName, Family: nft.TableFamilyINet})
	chain := conn.AddChain(&nft.Chain{Name: trackName, Table: table, Type: nft.ChainTypeFilter, Hooknum: nft.ChainHookInput, Priority: nft.ChainPriorityFilter})
	established := binary.NativeEndian.AppendUint32(nil, expr.CtStateBitESTABLISHED)
	conn.AddRule(&nft.Rule{Table: table, Chain: chain, Exprs: []expr.Any{ // ct state established accept
		&expr.Ct{Register: 1, Key: expr.CtKeySTATE},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: established, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}})
	return conn.Flush()
}
