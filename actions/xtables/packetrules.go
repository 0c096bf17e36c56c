package xtables

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/coreos/go-iptables/iptables"

	"pbxjail/actions/kernel"
	"pbxjail/actions/packets"
	"pbxjail/configs/hint"
)

// packetMark begins the comment of each of our rules: which list it is of, by a hash,
// and its number. So a look at the chain says whether it is whole.
const packetMark = "pbxjail-"

// PacketRules keeps the rules of package packets in a chain of their own, which is
// asked after that of the bans. All methods may be called from any goroutine.
type PacketRules struct {
	options kernel.Options
	mu      sync.Mutex // guards all below, and serialises what is done to the kernel
	list    []*packetSide
	rules   []packets.Rule
}

type packetSide struct {
	label  string
	family int // 4 or 6
	proto  iptables.Protocol
	chain  *Chain // nil: there is no iptables for it yet
}

// NewPacketRules has no rules yet, and touches nothing. Of the options Chain and Hook
// count, and Chain is that of the bans.
func NewPacketRules(o kernel.Options) (*PacketRules, error) {
	o.Chain, o.Hook = cmp.Or(o.Chain, "pbxjail"), cmp.Or(o.Hook, "raw")
	if len(o.Chain) > 28-len(packets.ChainSuffix) || !kernel.ChainName.MatchString(o.Chain) {
		return nil, kernel.LongChain(o.Chain, 24)
	}
	return &PacketRules{options: o, list: []*packetSide{
		{label: "IPv4", family: 4, proto: iptables.ProtocolIPv4},
		{label: "IPv6", family: 6, proto: iptables.ProtocolIPv6},
	}}, nil
}

// Chain is the name of the chain.
func (p *PacketRules) Chain() string { return p.options.Chain + packets.ChainSuffix }

// Set puts rules in place of those before, in the kernel too; none removes the chain.
// While a chain is being filled, packets pass it, for some milliseconds a rule. degraded
// and err are as those of Enforcer.Setup.
func (p *PacketRules) Set(rules []packets.Rule) (degraded []string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = slices.Clone(rules)
	return p.setup()
}

// Repair makes what is missing in the kernel. If nothing is missing, it starts iptables
// twice for each family.
func (p *PacketRules) Repair() (degraded []string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.setup()
}

// Teardown removes the chain and forgets the rules.
func (p *PacketRules) Teardown() error {
	_, err := p.Set(nil)
	return err
}

func (p *PacketRules) setup() (degraded []string, err error) {
	for _, side := range p.list {
		err := p.setupSide(side)
		if err == nil {
			continue
		}
		if err = fmt.Errorf("packet rules for %s: %w", side.label, err); side.family == 4 {
			return degraded, err
		}
		degraded = append(degraded, kernel.WithRemedy(err.Error(), err))
	}
	return degraded, nil
}

func (p *PacketRules) setupSide(side *packetSide) (err error) {
	if side.chain == nil {
		o := p.options
		o.Chain = p.Chain()
		if side.chain, err = newChain(side.proto, o); err != nil {
			if len(p.rules) == 0 {
				return nil // nor can there be a chain to remove
			}
			return err
		}
	}
	if len(p.rules) == 0 {
		return side.clear()
	}
	if err := side.fill(argsOf(p.rules, side.family)); err != nil {
		return err
	}
	return side.chain.HookBehind(p.options.Chain, new(Report))
}

// argsOf are the rules of a family as iptables takes them, each with our mark.
func argsOf(rules []packets.Rule, family int) (list [][]string) {
	h := fnv.New64a()
	for _, r := range rules {
		if r.Family == family {
			fmt.Fprintln(h, r.Args(r.About))
		}
	}
	for _, r := range rules {
		if r.Family == family {
			list = append(list, r.Args(fmt.Sprintf("%s%016x:%d %s", packetMark, h.Sum64(), len(list), r.About)))
		}
	}
	return list
}

// markOf reads the list and the number out of a rule.
func markOf(args []string) (list string, n int, ok bool) {
	i := slices.Index(args, "--comment")
	if i < 0 || i+1 >= len(args) {
		return "", 0, false
	}
	mark, marked := strings.CutPrefix(strings.Trim(args[i+1], `"`), packetMark)
	list, number, _ := strings.Cut(mark, ":")
	n, err := strconv.Atoi(number)
	return list, n, marked && err == nil && n >= 0
}

// fill makes the chain hold these rules, in this order, and no others. Rules that are in
// the chain are replaced, because the name is ours. Rules that let packets through come
// first, so a half-filled chain drops no packet that it should not.
func (s *packetSide) fill(rules [][]string) error {
	have, exists, err := s.chain.rules(s.chain.name)
	if err != nil || exists && sameRules(have, rules) {
		return err
	}
	c := s.chain
	if err := c.change("make chain "+c.name, func(ipt *iptables.IPTables) error { return ipt.ClearChain(c.table, c.name) }); err != nil {
		return err
	}
	for _, args := range rules {
		add := func(ipt *iptables.IPTables) error { return ipt.Append(c.table, c.name, args...) }
		if err := c.change("add a rule to chain "+c.name, add); err != nil {
			return err
		}
	}
	return nil
}

// sameRules goes by the marks: iptables prints a rule otherwise than it was given.
func sameRules(have []Rule, want [][]string) bool {
	return slices.EqualFunc(have, want, func(x Rule, args []string) bool {
		list, n, ok := markOf(x.Args)
		wantList, wantN, _ := markOf(firstWord(args))
		return ok && list == wantList && n == wantN
	})
}

// firstWord leaves of a comment what strings.Fields leaves of a printed one.
func firstWord(args []string) []string {
	args = slices.Clone(args)
	for i, a := range args {
		args[i], _, _ = strings.Cut(a, " ")
	}
	return args
}

// clear removes the chain. A chain of the same name with other rules was made by the
// operator, and stays.
func (s *packetSide) clear() error {
	if s.absent() {
		return nil
	}
	have, exists, err := s.chain.rules(s.chain.name)
	if err != nil || !exists {
		return err
	}
	for _, x := range have {
		if _, _, ours := markOf(x.Args); !ours {
			return nil
		}
	}
	return s.chain.Remove()
}

// absent reports whether there is certainly no chain, without starting a program.
func (s *packetSide) absent() bool {
	view, err := kernel.OpenNftReader()
	if err != nil && s.chain.nft {
		return false
	}
	defer view.Close()
	return s.chain.Absent(view)
}

// Counted is a rule and what the kernel counted of it.
type Counted struct {
	packets.Rule
	Packets, Bytes uint64
}

// Counters are the rules in force. One that is missing in the kernel counts nothing,
// and is an error at the end.
func (p *PacketRules) Counters() ([]Counted, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Counted, len(p.rules))
	for i, r := range p.rules {
		out[i].Rule = r
	}
	var errs []error
	first := 0
	for _, side := range p.list {
		want := argsOf(p.rules, side.family)
		if len(want) == 0 || side.chain == nil {
			first += len(want)
			continue
		}
		have, _, err := side.chain.rules(side.chain.name)
		if err == nil && !sameRules(have, want) {
			err = hint.Errorf(kernel.Removed("the rules"), "another program changed chain %s of %s", side.chain.name, side.label)
		} else if err == nil {
			for i, x := range have {
				out[first+i].Packets, out[first+i].Bytes = x.Packets, x.Bytes
			}
		}
		errs, first = append(errs, err), first+len(want)
	}
	return out, errors.Join(errs...)
}
