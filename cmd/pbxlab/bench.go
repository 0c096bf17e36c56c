package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/lab"
)

// benchOptions is how much is measured.
type benchOptions struct {
	pbxjail, jailctl string // the programs
	rounds           int
	bans             int // in the ledger
	burst            int // attackers at once
	rules            int // one by one, to compare a set with
	packets          int // of one measurement
	rate, length     int // lines a second of a log that grows, and for how many seconds
	samples          int // of the time from a line to the drop
	settles          time.Duration
	parts            []string
	keep             bool
}

// What is required, of a quiet machine.
const (
	mostRestore = 1.5 // times ipset restore
	// mostFollowed is until the first line is read, mostLive until the first attack is banned.
	mostFollowed = 50 * time.Millisecond
	mostLive     = 200 * time.Millisecond
	mostMemory   = 60 << 10 // KiB
	mostBurst    = 300 * time.Millisecond
)

// benchTime is how long one thing may take.
const benchTime = 2 * time.Minute

// benchParts are what is measured, in the order in which it is printed.
var benchParts = []string{"restart", "burst", "growing", "stopping", "flooded", "packet", "stubborn"}

func benchVerb() *cobra.Command {
	o := benchOptions{parts: benchParts, rounds: 3, bans: 100_000, burst: 10_000, rules: 1000, packets: 300_000, rate: 1_000_000, length: 3, samples: 200, settles: wireSettles}
	c := &cobra.Command{
		Use:   "bench",
		Short: "measure a restart with many bans, a burst of attackers, and what a packet costs",
		Long: `bench measures the daemon in network namespaces of its own.

  restart   a start with many bans in the ledger, in an empty kernel, while attackers come
  burst     many attackers at once, and how long after the last line all are banned
  growing   a log that grows by many lines a second: how many are read, and how late
  stopping  from the write of the line that makes a ban until packets stop, the wire on
  flooded   the same beside a log that grows by 50,000 lines a second
  packet    what a packet costs that no ban drops
  stubborn  one address that goes on sending into its ban`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return bench(c.Context(), c.OutOrStdout(), o) },
	}
	programFlags(c, &o.pbxjail, &o.jailctl)
	c.Flags().StringSliceVar(&o.parts, "parts", o.parts, "what is measured")
	c.Flags().IntVar(&o.rounds, "rounds", o.rounds, "how often each thing is measured; the median is printed")
	c.Flags().IntVar(&o.bans, "bans", o.bans, "how many bans the ledger holds, a quarter of them IPv6")
	c.Flags().IntVar(&o.burst, "burst", o.burst, "how many new attackers come at once")
	c.Flags().IntVar(&o.rules, "rules", o.rules, "how many rules, one by one, a set is compared with")
	c.Flags().IntVar(&o.packets, "packets", o.packets, "how many packets are sent for one figure")
	c.Flags().IntVar(&o.rate, "rate", o.rate, "lines a second of a log that grows")
	c.Flags().IntVar(&o.length, "length", o.length, "for how many seconds it grows")
	c.Flags().IntVar(&o.samples, "samples", o.samples, "how many bans are timed")
	c.Flags().DurationVar(&o.settles, "settles", o.settles, "how long after the start they begin: before that the wire is not sure of anything")
	c.Flags().BoolVar(&o.keep, "keep", false, "keep ledger and logs, and say where")
	return c
}

// programFlags are the flags that name the programs to measure.
func programFlags(c *cobra.Command, pbxjail, jailctl *string) {
	c.Flags().StringVar(pbxjail, "pbxjail", "bin/pbxjail", "the daemon to measure")
	c.Flags().StringVar(jailctl, "jailctl", "bin/jailctl", "its client")
}

// measurer measures one thing after the other.
type measurer struct {
	benchOptions
	report
	dir   string
	next  int    // number of the next attacker
	guard *guard // whose ledger holds the bans
}

func bench(ctx context.Context, out io.Writer, o benchOptions) (err error) {
	if o.rounds < 1 || o.bans < 1 || o.burst < 1 || o.packets < 1 || o.rate < 1 || o.length < 1 || o.samples < 1 || o.bans+(o.burst+100)*o.rounds >= mostAttackers {
		return errors.New("measure at least one of each, and not more than there are addresses")
	}
	m := &measurer{benchOptions: o, report: report{out: out}}
	parts := map[string]func(context.Context) error{"restart": m.restarts, "burst": m.bursts, "growing": m.growing, "stopping": m.stopping, "flooded": m.flooded, "packet": m.packetCost, "stubborn": m.stubborn}
	if err := unknown(o.parts, benchParts); err != nil {
		return err
	}
	for _, program := range []*string{&m.pbxjail, &m.jailctl} {
		if *program, err = found(*program); err != nil {
			return err
		}
	}
	m.dir, err = os.MkdirTemp("", "pbxlab-")
	if err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(m.dir)
	}
	fmt.Fprintf(out, "%s\n", machine())
	for _, p := range benchParts {
		if !slices.Contains(o.parts, p) {
			continue
		}
		if err := parts[p](ctx); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	if o.keep {
		fmt.Fprintf(out, "\nEverything is in %s.\n", m.dir)
	}
	if m.wrong > 0 {
		return fmt.Errorf("%d figures are not as required, see WRONG above; a busy machine may be why", m.wrong)
	}
	return nil
}

// inside makes namespaces for a guard, and shows it its logs. The caller closes
// them, which kills the guard.
func (m *measurer) inside(g *guard) (leave func() error, err error) {
	if g.net, err = lab.New(); err != nil {
		return nil, err
	}
	leave = func() error {
		err := g.net.Close()
		g.wait()
		return err
	}
	if err := g.net.PBX.Mount(g.logs(), asteriskLogs); err != nil {
		return nil, errors.Join(err, leave())
	}
	return leave, nil
}

// newGuard is a guard with an empty ledger, in namespaces of its own.
func (m *measurer) newGuard(name, enforcer string) (g *guard, leave func() error, err error) {
	g = &guard{pbxjail: m.pbxjail, jailctl: m.jailctl, dir: filepath.Join(m.dir, name)}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, nil, err
	}
	if g.net, err = lab.New(); err != nil {
		return nil, nil, err
	}
	leave = func() error {
		err := g.net.Close()
		g.wait()
		return err
	}
	if err = g.prepare([]string{benchLog}); err == nil {
		err = g.configure(noWire + grown + "enforcer: " + enforcer + "\n")
	}
	if err != nil {
		return nil, nil, errors.Join(err, leave())
	}
	return g, leave, nil
}

// grown makes a new ledger count as one that has been in use for long: bans have their full
// time, and a start reads no old logs for log-ins.
const grown = "day_one: false\n"

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// ready starts the guard and waits until it follows the log.
func (m *measurer) ready(ctx context.Context, g *guard) error {
	if err := g.start(); err != nil {
		return err
	}
	if !until(ctx, benchTime, func() bool { return g.gone() || g.follows([]string{benchLog}) }) || g.gone() {
		return fmt.Errorf("pbxjail does not follow the log; it prints:\n%s", g.said())
	}
	return nil
}

// held asks the kernel how many members our sets have.
func held(g *guard) (n int) {
	out, err := g.net.PBX.Output(exec.Command("ipset", "list", "-t"))
	if err != nil { // none is there yet
		return 0
	}
	for line := range strings.Lines(string(out)) {
		if number, ok := strings.CutPrefix(line, "Number of entries: "); ok {
			members, _ := strconv.Atoi(strings.TrimSpace(number))
			n += members
		}
	}
	return n
}

// needLedger lets the daemon ban every address that a restart will bring back, once.
func (m *measurer) needLedger(ctx context.Context) (err error) {
	if m.guard != nil {
		return nil
	}
	m.title("a ledger of %d bans, as the daemon writes it: 5 wrong passwords each, in one log", m.bans)
	g, leave, err := m.newGuard("ledger", "ipset")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave()) }()
	if err := m.ready(ctx, g); err != nil {
		return err
	}
	begin := time.Now()
	for left := m.bans; left > 0; left -= min(left, m.burst) {
		if _, err := m.attack(g, min(left, m.burst), false); err != nil {
			return err
		}
	}
	written := time.Since(begin)
	if !until(ctx, benchTime, func() bool { return g.gone() || held(g) >= m.bans }) || g.gone() {
		return fmt.Errorf("of %d attackers %d are banned", m.bans, held(g))
	}
	took := time.Since(begin)
	if _, err := g.stop(); err != nil {
		return err
	}
	info, err := os.Stat(g.path("pbxjail.db"))
	if err != nil {
		return err
	}
	fmt.Fprintf(m.out, "%d lines written in %.1f s, all banned after %.1f s, %d MiB of ledger\n", 5*m.bans, written.Seconds(), took.Seconds(), info.Size()>>20)
	m.guard = g
	return nil
}

// median of at least one.
func median[T time.Duration | float64 | int](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

// required is a figure, marked when it is worse than it must be.
func (r *report) required(figure string, ok bool) string {
	if ok {
		return figure
	}
	return r.mark(figure)
}

func millis(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

func each[T any](list []T, write func(T) string) string {
	var texts []string
	for _, v := range list {
		texts = append(texts, write(v))
	}
	return strings.Join(texts, ", ")
}

// mostAttackers have addresses of their own: see bot.
const mostAttackers = 1 << 22

// bot is the nth of many, no two of them in one network; every fourth has IPv6.
func bot(nth int) netip.Addr {
	if nth%4 == 3 {
		return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(nth >> 16), byte(nth >> 8), byte(nth), 15: 7})
	}
	return netip.AddrFrom4([4]byte{byte(20 + nth>>16), byte(nth >> 8), byte(nth), 7})
}
