package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// peersBench compares pbxjail with other programs, side by side in one run.
type peersBench struct {
	report
	kit
	pbxjail, jailctl string
	parts            []string
	rounds           int
	lines, slowLines int // of a made log, for the fast programs and for the slow
	samples          int // of the time from a line to the drop
	burst, slowBurst int // attackers at once
	packets          int // of one measurement
	dir              string
}

// peerParts are what is compared, in the order in which it is printed.
var peerParts = []string{"read", "latency", "burst", "innocent"}

func benchPeersVerb() *cobra.Command {
	o := &peersBench{
		kit:   kit{folder: "bin/peers", locale: "C.UTF-8", cpu: "1"},
		parts: peerParts, rounds: 5, lines: 300_000, slowLines: 30_000, samples: 200, burst: 10_000, slowBurst: 500, packets: 200_000,
	}
	c := &cobra.Command{
		Use:   "bench-peers",
		Short: "compare with fail2ban, CrowdSec, sshguard, grep and ripgrep, side by side in one run",
		Long: `bench-peers measures pbxjail and the programs that Debian offers in one run: one after the
other, round by round. It prints tables in Markdown. A program that is not there is named as
missing.

  read      lines a second and processor for a line, over logs whose truth is known
  latency   from the write of the line that makes a ban until packets stop
  burst     many attackers at once; memory; what a packet then costs; bans after a restart
  innocent  which addresses are banned for text that others wrote, or for an old password

It works in network namespaces of its own. 'make peers' unpacks Debian's packages into
bin/peers: nothing is installed, and no service starts.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), c.OutOrStdout()) },
	}
	programFlags(c, &o.pbxjail, &o.jailctl)
	c.Flags().StringVar(&o.folder, "peers", o.folder, "where the other programs are unpacked; after it the machine's own folders are looked at")
	c.Flags().StringSliceVar(&o.parts, "parts", o.parts, "what is compared")
	c.Flags().StringVar(&o.locale, "locale", o.locale, "LC_ALL of each program")
	c.Flags().StringVar(&o.cpu, "cpu", o.cpu, "the processor that readers of logs run on; empty: any")
	c.Flags().IntVar(&o.rounds, "rounds", o.rounds, "how often each thing is measured; the median is printed")
	c.Flags().IntVar(&o.lines, "lines", o.lines, "lines of a log")
	c.Flags().IntVar(&o.slowLines, "slow-lines", o.slowLines, "lines of a log for the slow programs")
	c.Flags().IntVar(&o.samples, "samples", o.samples, "how many bans of pbxjail are timed; fewer of the others, as the table says")
	c.Flags().IntVar(&o.burst, "burst", o.burst, "how many attackers come at once")
	c.Flags().IntVar(&o.slowBurst, "slow-burst", o.slowBurst, "how many of them for the other programs")
	c.Flags().IntVar(&o.packets, "packets", o.packets, "how many packets are sent for one figure")
	return c
}

func (o *peersBench) run(ctx context.Context, out io.Writer) (err error) {
	o.out = out
	if o.rounds < 1 || o.lines < 1 || o.slowLines < 1 || o.samples < 8 || o.burst < 1 || o.slowBurst < 1 || o.packets < 1 {
		return errors.New("measure at least one of each, and eight samples")
	}
	parts := map[string]func(context.Context) error{"read": o.read, "latency": o.latency, "burst": o.bursts, "innocent": o.innocent}
	if err := unknown(o.parts, peerParts); err != nil {
		return err
	}
	for _, program := range []*string{&o.pbxjail, &o.jailctl} {
		if *program, err = found(*program); err != nil {
			return err
		}
	}
	if o.folder, err = filepath.Abs(o.folder); err != nil {
		return err
	}
	if o.dir, err = os.MkdirTemp("", "pbxlab-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	o.about()
	for _, p := range peerParts {
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
	if o.wrong > 0 {
		return fmt.Errorf("%d things are not as required, see WRONG above", o.wrong)
	}
	return nil
}

// about says what is compared, where, and which programs are missing.
func (o *peersBench) about() {
	fmt.Fprintf(o.out, "%s. LC_ALL=%s.\n\n", machine(), o.locale)
	fmt.Fprintf(o.out, "- pbxjail %s\n", o.version(o.jailctl, "version"))
	for _, p := range others {
		root, ok := o.root(p.program)
		if !ok {
			fmt.Fprintf(o.out, "- %s: missing (%s is not there)\n", p.name, p.program)
			continue
		}
		fmt.Fprintf(o.out, "- %s %s: %s\n", p.name, o.versionOf(root, p), p.how)
	}
}

// markdown prints a table.
func (o *peersBench) markdown(title string, head []string, rows [][]string) {
	fmt.Fprintf(o.out, "\n### %s\n\n| %s |\n|%s\n", title, strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, r := range rows {
		fmt.Fprintf(o.out, "| %s |\n", strings.Join(r, " | "))
	}
}
