package kernel

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Dropped is what the rules of a chain dropped since the kernel has them. A repair that
// makes the rules again begins at 0.
type Dropped struct{ Packets, Bytes uint64 }

// Add returns the sum.
func (d Dropped) Add(more Dropped) Dropped {
	return Dropped{d.Packets + more.Packets, d.Bytes + more.Bytes}
}

// legacyDrop is the verdict NF_DROP (0) as struct xt_standard_target has it, -NF_DROP - 1:
// linux:net/ipv4/netfilter/ip_tables.c, ipt_do_table.
const legacyDrop = -1

// Dropped is what the rules of a chain of ours dropped or rejected. A chain that is not there
// dropped nothing.
func (t *LegacyTable) Dropped(chain string) (sum Dropped) {
	ours := false
	for r := range t.rules {
		switch {
		case r.target == "ERROR":
			ours = r.chain == chain
		case ours && (r.target == "" && r.jump == legacyDrop || r.target == "REJECT"):
			sum = sum.Add(r.counts)
		}
	}
	return sum
}

// Dropped is what the rules of a chain counted, in which each rule drops or rejects. A chain
// that is not there dropped nothing.
func (v *NftReader) Dropped(family uint8, table, chain string) (sum Dropped, err error) {
	ask := Attr(nil, nftaRuleTable, nl.ZeroTerminated(table)...)
	ask = Attr(ask, nftaRuleChain, nl.ZeroTerminated(chain)...)
	err = v.dump(unix.NFT_MSG_GETRULE, family, ask, func() { sum = Dropped{} }, func(_ uint8, msg []byte) {
		for kind, value := range Attrs(msg) {
			if kind == nftaRuleExprs {
				sum = sum.Add(countOf(value))
			}
		}
	})
	if err != nil {
		return Dropped{}, Cannot(err, "read the counters of chain %s in table %s", chain, table)
	}
	return sum, nil
}

// countOf is the counter among the expressions of a rule.
func countOf(exprs []byte) (d Dropped) {
	for _, expr := range Attrs(exprs) {
		name, data := "", []byte(nil)
		for kind, value := range Attrs(expr) {
			switch kind {
			case nftaExprName:
				name = unix.ByteSliceToString(value)
			case nftaExprData:
				data = value
			}
		}
		if name == "counter" {
			d.Packets, d.Bytes = parseCounter(data)
		}
	}
	return d
}
