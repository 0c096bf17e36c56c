package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/lab"
)

// wireBench is how much of the sensor on the wire is measured.
type wireBench struct {
	pbxjail, jailctl string
	attackers        int           // one after the other
	phones           int           // at once
	rate             int           // registrations a second, of all phones
	length           time.Duration // of the phones' traffic
}

func benchWireVerb() *cobra.Command {
	o := wireBench{attackers: 200, phones: 20, rate: 250, length: 20 * time.Second}
	c := &cobra.Command{
		Use:   "bench-wire",
		Short: "measure the sensor on the wire: from the deciding answer to the drop, processor and memory",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return o.run(c.Context(), c.OutOrStdout()) },
	}
	programFlags(c, &o.pbxjail, &o.jailctl)
	c.Flags().IntVar(&o.attackers, "attackers", o.attackers, "how many guess a password, one after the other")
	c.Flags().IntVar(&o.rate, "rate", o.rate, "registrations a second of honest phones, each of four packets")
	c.Flags().DurationVar(&o.length, "length", o.length, "how long the phones register")
	return c
}

func (o wireBench) run(ctx context.Context, out io.Writer) (err error) {
	m, g, leave, err := oneGuard(ctx, out, o.pbxjail, o.jailctl, "log_format: json\n")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	pbx, err := g.net.NewResponder(lab.Port)
	if err != nil {
		return err
	}
	pbx.Challenge(map[string]string{"101": "right"})
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- pbx.Run(ctx) }()
	defer func() { cancel(); err = errors.Join(err, <-ended) }()
	if err := o.latency(ctx, m, g, pbx); err != nil {
		return err
	}
	return o.cost(ctx, m, g)
}

// latency lets attackers guess, and reports how long after our deciding answer each is
// dropped: the daemon writes its line after the kernel has taken the ban.
func (o wireBench) latency(ctx context.Context, m *measurer, g *guard, pbx *lab.Responder) error {
	var mu sync.Mutex
	answered := map[netip.Addr]time.Time{}
	pbx.Answered(func(to netip.AddrPort, at time.Time) {
		mu.Lock()
		defer mu.Unlock()
		answered[to.Addr()] = at
	})
	for i := range o.attackers {
		if err := guessUntilDropped(ctx, g.net, bot(i), "101"); err != nil {
			return err
		}
	}
	pbx.Answered(func(netip.AddrPort, time.Time) {})
	banned, err := bansIn(filepath.Join(g.dir, "pbxjail.log"))
	if err != nil {
		return err
	}
	var took []time.Duration
	for i := range o.attackers {
		if at, ok := banned[bot(i)]; ok {
			took = append(took, at.Sub(answered[bot(i)]))
		}
	}
	m.title("from our deciding answer to the ban in the kernel, %d attackers", o.attackers)
	if len(took) == 0 {
		return errors.New("no attacker was banned")
	}
	slices.Sort(took)
	t := m.table("BANNED", "P50", "P99", "SLOWEST")
	fmt.Fprintf(t, "%d of %d\t%v\t%v\t%v\n", len(took), o.attackers, took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
	return t.Flush()
}

// betweenGuesses is longer than a ban takes, so that the answer before it decided.
const betweenGuesses = 20 * time.Millisecond

// guessUntilDropped tries passwords of an account from an address until there is no answer.
func guessUntilDropped(ctx context.Context, n *lab.Net, from netip.Addr, account string) error {
	s, err := n.NewSender(ctx, "udp", from, lab.Port)
	if err != nil {
		return err
	}
	defer s.Close()
	s.Patience = 200 * time.Millisecond
	rest := time.NewTicker(betweenGuesses)
	defer rest.Stop()
	for i := range 20 {
		status, err := s.Register(account, fmt.Sprint("wrong", i))
		if err != nil || status == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-rest.C:
		}
	}
	return nil
}

// bansIn reads when a daemon wrote of each ban, out of its log.
func bansIn(path string) (map[netip.Addr]time.Time, error) {
	text, err := os.ReadFile(path)
	banned := map[netip.Addr]time.Time{}
	for line := range strings.Lines(string(text)) {
		var l struct {
			Time   time.Time    `json:"time"`
			Msg    string       `json:"msg"`
			Prefix netip.Prefix `json:"prefix"`
		}
		if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "ban" {
			banned[l.Prefix.Addr()] = l.Time
		}
	}
	return banned, err
}

// cost lets honest phones register, and reports what that costs the daemon.
func (o wireBench) cost(ctx context.Context, m *measurer, g *guard) error {
	before, err := usedBy(g.daemon.Process.Pid)
	if err != nil {
		return err
	}
	packets, err := wirePackets(g)
	if err != nil {
		return err
	}
	begin := time.Now()
	refused, err := o.phonesRegister(ctx, g.net)
	if err != nil {
		return err
	}
	took := time.Since(begin).Seconds()
	after, err := usedBy(g.daemon.Process.Pid)
	if err != nil {
		return err
	}
	all, err := wirePackets(g)
	if err != nil {
		return err
	}
	m.title("honest phones, %s", o.length)
	t := m.table("PACKETS A SECOND", "NOT REGISTERED", "PROCESSOR OF PBXJAIL", "FOR 1,000 PACKETS A SECOND", "WAKE-UPS A SECOND", "VMRSS", "OF IT ANONYMOUS", "VMHWM")
	rate := float64(all-packets) / took
	share := 100 * (after.processor - before.processor).Seconds() / took
	perThousand := share * 1000 / rate
	fmt.Fprintf(t, "%.0f\t%d\t%.2f %%\t%s\t%.1f\t%.1f MiB\t%.1f MiB\t%.1f MiB\n", rate, refused, share,
		m.required(fmt.Sprintf("%.2f %%", perThousand), perThousand <= mostOfWire), float64(after.wakeUps-before.wakeUps)/took,
		mib(after.rss), mib(after.anonymous), mib(after.most))
	return t.Flush()
}

// mostOfWire is the share of a core that 1,000 packets a second may cost, on a quiet machine.
const mostOfWire = 1.0 // percent

// phonesRegister lets all phones register in turn, and returns how often that failed.
func (o wireBench) phonesRegister(ctx context.Context, n *lab.Net) (refused int, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.length)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i := range o.phones {
		s, err := n.NewSender(ctx, "udp", netip.AddrFrom4([4]byte{198, 51, 100, byte(20 + i)}), lab.Port)
		if err != nil {
			return 0, err
		}
		defer s.Close()
		wg.Go(func() {
			turn := time.NewTicker(time.Second * time.Duration(o.phones) / time.Duration(o.rate))
			defer turn.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-turn.C:
				}
				if status, failed := s.Register("101", "right"); failed != nil || status != 200 {
					mu.Lock()
					refused, err = refused+1, cmp.Or(err, failed)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return refused, err
}

// wirePackets is how many packets the daemon has read.
func wirePackets(g *guard) (int, error) {
	var status struct {
		Wire struct {
			Packets int `json:"packets"`
		} `json:"wire"`
	}
	out, err := g.ctl("status", "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &status)
	}
	return status.Wire.Packets, err
}
