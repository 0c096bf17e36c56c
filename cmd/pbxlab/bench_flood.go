package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/lab"
)

// floodBench measures pbxjail under more packets than it reads, and whether it is faster
// than the log of a real Asterisk.
type floodBench struct {
	e2eOptions
	attackers int           // of the real Asterisk, one after the other; 0: this part is left out
	strangers int           // addresses that send at once
	rate      int           // packets a second of all of them; 0: this part is left out
	length    time.Duration // of the flood
	more      string        // lines of the main file
}

func benchFloodVerb() *cobra.Command {
	o := floodBench{attackers: 200, strangers: 4000, rate: 20_000, length: 20 * time.Second}
	c := &cobra.Command{
		Use:   "bench-flood",
		Short: "measure pbxjail under a flood of strangers, and who is first: a ban or Asterisk's own log line",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.rate > 0 {
				if err := o.flood(c.Context(), c.OutOrStdout()); err != nil {
					return err
				}
			}
			if o.attackers == 0 {
				return nil
			}
			r := &report{out: c.OutOrStdout()}
			return o.each(c.Context(), r, nil, func(version, root string) error { return o.race(c.Context(), r, version, root) })
		},
	}
	o.flags(c)
	c.Flags().Lookup("asterisk").DefValue, o.versions = "22", []string{"22"}
	c.Flags().IntVar(&o.attackers, "attackers", o.attackers, "how many guess passwords of a real Asterisk, one after the other; 0: none")
	c.Flags().IntVar(&o.strangers, "strangers", o.strangers, "how many addresses send the flood")
	c.Flags().IntVar(&o.rate, "rate", o.rate, "their packets a second; 0: no flood")
	c.Flags().DurationVar(&o.length, "length", o.length, "how long the flood takes")
	c.Flags().StringVar(&o.more, "config", "", "more lines of the main file under the flood, such as 'wire: {enabled: false}'")
	return c
}

// stranger is the nth sender of a flood: RFC 2544 has this range for measurements.
func stranger(nth int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18 + byte(nth>>16), byte(nth >> 8), byte(nth)})
}

// written is the nth attacker of the log. All have IPv4.
func written(nth int) netip.Addr { return bot(4 * nth) }

const (
	writeEvery = 100 * time.Millisecond // between two attackers of the log
	// mostShut is how many banned addresses send on at once: fewer than the kernel's filter
	// of packets has room for.
	mostShut = 100
	shutTime = 5 * time.Second
)

// flood lets strangers send more than is read, while attackers are written to a log.
func (o floodBench) flood(ctx context.Context, out io.Writer) (err error) {
	m, g, leave, err := oneGuard(ctx, out, o.pbxjail, o.jailctl, "log_format: json\n"+o.more+"\n")
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
	crowd, err := g.net.NewCrowd(lab.Port)
	if err != nil {
		return err
	}
	defer crowd.Close()
	var all []netip.Addr
	for i := range o.strangers {
		all = append(all, stranger(i))
	}
	attackers, err := o.underFlood(ctx, m, g, crowd, all)
	if err != nil || len(attackers) == 0 {
		return err
	}
	return shutOut(ctx, m, g, crowd, attackers[:min(len(attackers), mostShut)], o.rate)
}

// floodStatus is what we read of `jailctl status --json`.
type floodStatus struct {
	Files []struct {
		Path  string `json:"path"`
		Lines int    `json:"lines"`
	} `json:"files"`
	Problems []struct {
		What string `json:"what"`
	} `json:"problems"`
	Wire struct {
		Packets int `json:"packets"`
		Banned  int `json:"banned"`
		Dropped int `json:"dropped"`
		Sampled int `json:"sampled"`
	} `json:"wire"`
}

func (g *guard) floodStatus() (s floodStatus, err error) {
	out, err := g.ctl("status", "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &s)
	}
	return s, err
}

// linesRead is how many lines of the bench's log were read.
func (s *floodStatus) linesRead() (n int) {
	for _, f := range s.Files {
		if filepath.Base(f.Path) == benchLog {
			n = f.Lines
		}
	}
	return n
}

// underFlood returns the attackers that were written to the log, each after one packet of
// its own: a record about an address that sent nothing charges no address.
func (o floodBench) underFlood(ctx context.Context, m *measurer, g *guard, crowd *lab.Crowd, all []netip.Addr) (attackers []netip.Addr, err error) {
	before, err := g.floodStatus()
	if err != nil {
		return nil, err
	}
	used, err := usedBy(g.daemon.Process.Pid)
	if err != nil {
		return nil, err
	}
	var writing sync.WaitGroup
	var failed error
	over := make(chan struct{})
	writing.Go(func() { attackers, failed = writeAttackers(ctx, g, over) })
	begin := time.Now()
	sent, err := crowd.Send(ctx, all, o.rate, o.length)
	took := time.Since(begin).Seconds()
	after, errUsed := usedBy(g.daemon.Process.Pid)
	under, errStatus := g.floodStatus()
	close(over)
	writing.Wait()
	if err := errors.Join(err, failed, errUsed, errStatus); err != nil {
		return nil, err
	}
	banned := 0
	until(ctx, 10*time.Second, func() bool {
		list, err := g.bans()
		banned = 0
		for _, b := range list {
			for _, a := range attackers {
				if b.Prefix.Addr() == a {
					banned++
				}
			}
		}
		return err != nil || banned == len(attackers) || g.gone()
	})
	s, err := g.floodStatus()
	if err != nil {
		return nil, err
	}
	m.title("a flood of %d strangers, %s, while attackers are written to a log", o.strangers, o.length)
	t := m.table("SENT A SECOND", "READ A SECOND", "SKIPPED", "LOST", "PROCESSOR OF PBXJAIL", "LINES READ", "ATTACKERS OF THE LOG BANNED", "VMRSS", "OF IT ANONYMOUS", "VMHWM")
	lines := s.linesRead() - before.linesRead()
	fmt.Fprintf(t, "%.0f\t%.0f\t%d\t%d\t%.1f %%\t%s\t%s\t%.1f MiB\t%.1f MiB\t%.1f MiB\n", float64(sent)/took, float64(under.Wire.Packets-before.Wire.Packets)/took,
		under.Wire.Sampled-before.Wire.Sampled, under.Wire.Dropped-before.Wire.Dropped, 100*(after.processor-used.processor).Seconds()/took,
		m.required(fmt.Sprintf("%d of %d", lines, linesEach*len(attackers)), lines == linesEach*len(attackers)),
		m.required(fmt.Sprintf("%d of %d", banned, len(attackers)), banned == len(attackers)), mib(after.rss), mib(after.anonymous), mib(after.most))
	err = t.Flush()
	for _, p := range under.Problems {
		if strings.HasPrefix(p.What, "wire:") {
			m.quote(p.What)
		}
	}
	return attackers, err
}

// linesEach is how many wrong passwords make a ban.
const linesEach = 5

// writeAttackers writes one attacker after the other, until over.
func writeAttackers(ctx context.Context, g *guard, over <-chan struct{}) (list []netip.Addr, err error) {
	own, err := g.net.NewCrowd(lab.Port)
	if err != nil {
		return nil, err
	}
	defer own.Close()
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return list, nil
		case <-ctx.Done():
			return list, context.Cause(ctx)
		case <-tick.C:
		}
		a := written(len(list))
		if _, err := own.Send(ctx, []netip.Addr{a}, 1000, time.Millisecond); err != nil {
			return list, err
		}
		var text strings.Builder
		for i := range linesEach {
			now := time.Now()
			fmt.Fprintf(&text, wrongPassword, now.Format(time.DateTime), now.UTC().Format("2006-01-02T15:04:05.000+0000"), 1000+(len(list)*linesEach+i)%8999, "IPV4", a)
		}
		if err := appendTo(filepath.Join(g.logs(), benchLog), text.String()); err != nil {
			return list, err
		}
		list = append(list, a)
	}
}

// shutOut lets banned addresses send on, and reports how many of their packets reach the daemon.
func shutOut(ctx context.Context, m *measurer, g *guard, crowd *lab.Crowd, banned []netip.Addr, rate int) error {
	before, err := g.floodStatus()
	if err != nil {
		return err
	}
	used, err := usedBy(g.daemon.Process.Pid)
	if err != nil {
		return err
	}
	begin := time.Now()
	sent, err := crowd.Send(ctx, banned, rate, shutTime)
	if err != nil {
		return err
	}
	took := time.Since(begin).Seconds()
	after, err := usedBy(g.daemon.Process.Pid)
	if err != nil {
		return err
	}
	s, err := g.floodStatus()
	if err != nil {
		return err
	}
	m.title("%d banned addresses send on, %s", len(banned), shutTime)
	t := m.table("SENT", "A SECOND", "REACHED USER SPACE", "PROCESSOR OF PBXJAIL")
	fmt.Fprintf(t, "%d\t%.0f\t%d\t%.2f %%\n", sent, float64(sent)/took, s.Wire.Packets-before.Wire.Packets, 100*(after.processor-used.processor).Seconds()/took)
	return t.Flush()
}
