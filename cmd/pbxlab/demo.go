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
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/lab"
)

// options of a demo.
type options struct {
	pbxjail, jailctl string        // the programs
	lines            float64       // played in a second
	patience         time.Duration // how long what must come is waited for
}

func demoVerb() *cobra.Command {
	o := options{lines: 100, patience: 10 * time.Second}
	c := &cobra.Command{
		Use:   "demo",
		Short: "let pbxjail guard a PBX in a namespace against a recorded attack, and check every packet",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return demo(c.Context(), c.OutOrStdout(), o) },
	}
	c.Flags().StringVar(&o.pbxjail, "pbxjail", "bin/pbxjail", "the daemon to show")
	c.Flags().StringVar(&o.jailctl, "jailctl", "bin/jailctl", "its client")
	return c
}

// story is one demo. What goes wrong is printed where it happens, and counted.
type story struct {
	options
	report
	net    *lab.Net
	guard  *guard
	stream *lab.Stream
	attack []lab.Line
	actors []lab.Actor
}

// demo tells the story and removes everything it made. The error says how many
// things were not as they should be.
func demo(ctx context.Context, out io.Writer, o options) (err error) {
	s := &story{options: o, report: report{out: out}}
	if s.attack, s.actors, err = lab.Attack(); err != nil {
		return err
	}
	for _, program := range []*string{&s.pbxjail, &s.jailctl} {
		if *program, err = exec.LookPath(*program); err == nil {
			*program, err = filepath.Abs(*program)
		}
		if err != nil {
			return fmt.Errorf("%w; build it, or name it with --pbxjail and --jailctl", err)
		}
	}
	dir, err := os.MkdirTemp("", "pbxlab-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if s.net, err = lab.New(); err != nil {
		return err
	}
	s.guard = &guard{net: s.net, pbxjail: s.pbxjail, jailctl: s.jailctl, dir: dir}
	defer func() {
		err = errors.Join(err, s.net.Close())
		s.guard.wait()
	}()
	if err := s.guard.prepare(logNames(s.attack)); err != nil {
		return err
	}
	var addrs []netip.Addr
	for _, a := range s.actors {
		addrs = append(addrs, a.Addr)
	}
	stream, stop, err := startTraffic(ctx, s.net, lab.Port, pace, addrs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	s.stream = stream
	return s.tell(ctx)
}

func logNames(lines []lab.Line) (names []string) {
	for _, line := range lines {
		if !slices.Contains(names, line.File) {
			names = append(names, line.File)
		}
	}
	return names
}

func (s *story) tell(ctx context.Context) error {
	s.before(ctx)
	if err := s.started(ctx); err != nil {
		return err
	}
	if err := s.played(ctx); err != nil {
		return err
	}
	s.kernel()
	s.packets(ctx)
	s.unban(ctx)
	s.ending(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.wrong > 0 {
		s.title("what pbxjail printed")
		s.quote(s.guard.said())
		return fmt.Errorf("%d checks failed, see WRONG above", s.wrong)
	}
	fmt.Fprintln(s.out, "\nAll checks passed.")
	return nil
}

// before shows that every address is answered while the PBX is not guarded.
func (s *story) before(ctx context.Context) {
	s.title("a PBX at %s and %s in a namespace, and the world at the other end of its wire", lab.PBX4, lab.PBX6)
	until(ctx, s.patience, func() bool { return !slices.ContainsFunc(s.actors, s.unheard) })
	t := s.table("ADDRESS", "WHO", "ITS PACKETS")
	for _, a := range s.actors {
		is := "answered"
		if s.unheard(a) {
			is = s.mark("not answered, though no address is banned")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", a.Addr, a.What, is)
	}
	t.Flush()
}

func (s *story) unheard(a lab.Actor) bool { return s.stream.Tallies()[a.Addr].Answered == 0 }

// started waits for the daemon.
func (s *story) started(ctx context.Context) error {
	s.title("pbxjail guards it, with the jails it ships and empty logs in %s", asteriskLogs)
	if err := s.guard.start(); err != nil {
		return err
	}
	up := until(ctx, s.patience, func() bool { return s.guard.gone() || s.guard.follows(logNames(s.attack)) })
	s.quote(s.guard.said())
	if s.guard.gone() {
		return fmt.Errorf("pbxjail ended at once (%v)", s.guard.exit)
	}
	if !up {
		status, _ := s.guard.ctl("status")
		s.quote(status)
		return errors.New("pbxjail does not follow the logs")
	}
	return nil
}

// played plays the recording and prints every ban when it is made.
func (s *story) played(ctx context.Context) error {
	s.title("the attack: %d lines that real Asterisks logged, written with today's date and time", len(s.attack))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	end := make(chan error, 1)
	begin := time.Now()
	go func() {
		p := lab.NewPlayer(s.guard.logs())
		defer p.Close()
		end <- p.Play(ctx, s.attack, lab.Pace{Lines: s.lines})
	}()
	var banned []netip.Prefix
	fall := func() bool {
		bans, err := s.guard.bans()
		if err != nil {
			return false
		}
		for _, b := range bans {
			if !slices.Contains(banned, b.Prefix) {
				banned = append(banned, b.Prefix)
				s.fallen(b, time.Since(begin))
			}
		}
		return !slices.ContainsFunc(s.actors, func(a lab.Actor) bool { return a.Ban && !slices.ContainsFunc(bans, holds(a)) })
	}
	for playing := true; playing; {
		until(ctx, 100*time.Millisecond, func() bool { fall(); return false })
		select {
		case err := <-end:
			if err != nil {
				return err
			}
			playing = false
		default:
		}
	}
	until(ctx, s.patience, fall)
	for _, a := range s.actors {
		if a.Ban && !slices.ContainsFunc(banned, func(p netip.Prefix) bool { return p.Contains(a.Addr) }) {
			s.fault("%s is not banned: %s", a.Addr, a.What)
		}
	}
	return nil
}

func holds(a lab.Actor) func(ban) bool { return func(b ban) bool { return b.Prefix.Contains(a.Addr) } }

// fallen tells one ban, and judges it.
func (s *story) fallen(b ban, after time.Duration) {
	who := b.Prefix.String()
	if b.Prefix.IsSingleIP() {
		who = b.Prefix.Addr().String()
	}
	fmt.Fprintf(s.out, "  %4.1fs  %-18s  jail %s: %s\n", after.Seconds(), who, b.Jail, b.Reason)
	known := false
	for _, a := range s.actors {
		if !b.Prefix.Contains(a.Addr) {
			continue
		}
		known = true
		if !a.Ban {
			s.fault("%s must not be banned: %s", a.Addr, a.What)
		}
	}
	if !known {
		s.fault("no address in the recording is %s", who)
	}
}
