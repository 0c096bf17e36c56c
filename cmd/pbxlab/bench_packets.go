package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"time"

	"pbxjail/cmd/internal/lab"
)

// passerby is an address that is not banned: its packets go through all there is.
var passerby = netip.MustParseAddr("198.51.100.7")

// filtered is a PBX with one kind of firewall.
type filtered struct {
	what string
	net  *lab.Net
	rate []float64 // kpps
}

// packetCost sends the same packets through each firewall in turn.
func (m *measurer) packetCost(ctx context.Context) (err error) {
	if err := m.needLedger(ctx); err != nil {
		return err
	}
	m.title("a packet of an address that is not banned, through raw PREROUTING: %d over veth, sender and receiver on one processor", m.packets)
	var list []*filtered
	defer func() {
		for _, f := range list {
			err = errors.Join(err, f.net.Close())
		}
	}()
	for _, kind := range []struct {
		what string
		make func(context.Context) (*lab.Net, error)
	}{
		{"no rules", func(context.Context) (*lab.Net, error) { return lab.New() }},
		{fmt.Sprintf("ipset, %d members", m.bans), func(ctx context.Context) (*lab.Net, error) { return m.guarded(ctx, "ipset") }},
		{fmt.Sprintf("nftables, %d members", m.bans), func(ctx context.Context) (*lab.Net, error) { return m.guarded(ctx, "nftables") }},
		{fmt.Sprintf("iptables, %d rules", m.rules), func(context.Context) (*lab.Net, error) { return m.oneByOne() }},
	} {
		n, err := kind.make(ctx)
		if err != nil {
			return err
		}
		list = append(list, &filtered{what: kind.what, net: n})
	}
	for range m.rounds {
		for _, f := range list {
			through, took, err := f.net.Flood(passerby, m.packets)
			if err != nil {
				return err
			}
			if through < m.packets*99/100 {
				m.fault("%s: of %d packets %d came through", f.what, m.packets, through)
			}
			f.rate = append(f.rate, float64(through)/took.Seconds()/1000)
		}
	}
	t := m.table("FIREWALL", "KPPS, EACH ROUND", "MEDIAN", "RATIO", "NS A PACKET")
	for _, f := range list {
		kpps := median(f.rate)
		fmt.Fprintf(t, "%s\t%s\t%.1f\t%.2f\t%.0f\n", f.what, each(f.rate, func(r float64) string { return fmt.Sprintf("%.1f", r) }), kpps, kpps/median(list[0].rate), 1e6/kpps)
	}
	return t.Flush()
}

// guarded is a PBX whose bans are in the kernel, and whose daemon has ended.
func (m *measurer) guarded(ctx context.Context, enforcer string) (*lab.Net, error) {
	g := m.guard
	leave, err := m.inside(g)
	if err != nil {
		return nil, err
	}
	if err = g.configure(noWire + grown + "enforcer: " + enforcer + "\n"); err == nil {
		err = m.ready(ctx, g) // it is steered once all is restored
	}
	if err == nil {
		_, err = g.stop()
	}
	if err != nil {
		return nil, errors.Join(err, leave())
	}
	return g.net, nil
}

// oneByOne is a PBX with a rule for each ban, as tools write them that know no sets.
func (m *measurer) oneByOne() (*lab.Net, error) {
	n, err := lab.New()
	if err != nil {
		return nil, err
	}
	var rules strings.Builder
	rules.WriteString("*raw\n:listed - [0:0]\n-A PREROUTING -j listed\n")
	for nth, left := 0, m.rules; left > 0; nth++ {
		if a := bot(nth); a.Is4() {
			fmt.Fprintf(&rules, "-A listed -s %s -j DROP\n", a)
			left--
		}
	}
	rules.WriteString("COMMIT\n")
	cmd := exec.Command("iptables-restore")
	cmd.Stdin = strings.NewReader(rules.String())
	if _, err := n.PBX.Output(cmd); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// stubborn lets one address go on sending after its ban.
func (m *measurer) stubborn(ctx context.Context) (err error) {
	const packets = 1000
	m.title("one address goes on sending: %d packets into its ban", packets)
	t := m.table("ENFORCER", "DELIVERED", "PACKETS LISTED", "BYTES LISTED")
	for _, enforcer := range []string{"ipset", "nftables"} {
		g, leave, err := m.newGuard("stubborn-"+enforcer, enforcer)
		if err != nil {
			return err
		}
		b, through, err := m.goesOn(ctx, g, packets)
		if err = errors.Join(err, leave()); err != nil {
			return err
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", enforcer, m.required(fmt.Sprint(through), through == 0),
			m.required(fmt.Sprint(b.Packets), b.Packets == packets), m.required(fmt.Sprint(b.Bytes), b.Bytes == packets*92))
	}
	return t.Flush()
}

// goesOn bans the next attacker of IPv4 and lets it send. Each of its packets has 92 bytes,
// with the headers of IP and UDP.
func (m *measurer) goesOn(ctx context.Context, g *guard, packets int) (b ban, through int, err error) {
	if err := m.ready(ctx, g); err != nil {
		return b, 0, err
	}
	for bot(m.next).Is6() {
		m.next++
	}
	first, err := m.attack(g, 1, false)
	if err != nil {
		return b, 0, err
	}
	who := netip.PrefixFrom(bot(first), 32)
	listed := func() bool {
		bans, err := g.bans()
		if err != nil || len(bans) != 1 || bans[0].Prefix != who {
			return false
		}
		b = bans[0]
		return true
	}
	if !until(ctx, 10*time.Second, listed) {
		return b, 0, fmt.Errorf("%s is not banned", who)
	}
	if through, _, err = g.net.Flood(who.Addr(), packets); err != nil {
		return b, 0, err
	}
	until(ctx, 10*time.Second, func() bool { return listed() && b.Packets >= uint64(packets) })
	return b, through, nil
}
