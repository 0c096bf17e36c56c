package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/lab"
)

// e2eOptions are the options of a run against real Asterisks.
type e2eOptions struct {
	pbxjail, jailctl string // the programs
	dir              string // where the folders with Asterisks are, or shall be
	versions         []string
	callers          []bool // with and without callers who have no account
	cells            []cell // what pbxjail can see; none: all logs and packets
	keep             bool   // the logs, for study
}

func e2eVerb() *cobra.Command {
	o := e2eOptions{callers: []bool{true, false}}
	c := &cobra.Command{
		Use:   "e2e",
		Short: "let pbxjail guard real Asterisks against real attacks, beside honest phones, and judge it",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return e2e(c.Context(), c.OutOrStdout(), o) },
	}
	o.flags(c)
	return c
}

func (o *e2eOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.pbxjail, "pbxjail", "bin/pbxjail", "the daemon to judge")
	c.Flags().StringVar(&o.jailctl, "jailctl", "bin/jailctl", "its client")
	c.Flags().StringVar(&o.dir, "dir", "", "folder for the Asterisks, which are built once (default: in the user's cache)")
	c.Flags().StringSliceVar(&o.versions, "asterisk", []string{"16", "22"}, "which versions")
	c.Flags().BoolVar(&o.keep, "keep", false, "keep the logs, and say where")
}

// actTime is how long one act may take.
const actTime = 2 * time.Minute

func e2e(ctx context.Context, out io.Writer, o e2eOptions) error {
	r := &report{out: out}
	return o.each(ctx, r, attackPrograms, func(version, root string) error {
		for _, guests := range o.callers {
			if err := acts(ctx, r, o, root, version, guests); err != nil {
				return err
			}
		}
		return nil
	})
}

// each finds the programs, installs what is missing of those that are needed besides (the
// Debian package by program), builds each Asterisk, and has it played.
func (o *e2eOptions) each(ctx context.Context, r *report, besides map[string]string, play func(version, root string) error) (err error) {
	out := r.out
	for _, program := range []*string{&o.pbxjail, &o.jailctl} {
		if *program, err = found(*program); err != nil {
			return err
		}
	}
	if o.dir == "" {
		if o.dir, err = os.UserCacheDir(); err != nil {
			o.dir = "/var/cache"
		}
		o.dir = filepath.Join(o.dir, "pbxlab")
	}
	say := func(what string) { fmt.Fprintf(out, "  %s\n", what) }
	r.title("what it needs")
	need := map[string]string{"debootstrap": "debootstrap", "iptables": "iptables", "ipset": "ipset"}
	maps.Copy(need, besides)
	if err := lab.Tools(ctx, say, need); err != nil {
		return err
	}
	for _, version := range o.versions {
		root, err := lab.BuildRoot(ctx, o.dir, version, say)
		if err != nil {
			return err
		}
		say(fmt.Sprintf("Asterisk %s is in %s", version, root))
		if err := play(version, root); err != nil {
			return fmt.Errorf("asterisk %s: %w", version, err)
		}
	}
	if r.wrong > 0 {
		return fmt.Errorf("%d checks failed, see WRONG above", r.wrong)
	}
	fmt.Fprintln(out, "\nAll checks passed.")
	return nil
}

// found is the absolute path of a program.
func found(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", fmt.Errorf("%w; build it, or name it with --pbxjail and --jailctl", err)
	}
	return path, nil
}

// act is one Asterisk under attack, from its start to the verdict.
func act(ctx context.Context, r *report, o e2eOptions, root, version string, guests bool, c cell, m *matrix) (err error) {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	s := &scene{version: version, guests: guests, cell: c}
	if s.dir, err = os.MkdirTemp("", "pbxlab-"); err != nil {
		return err
	}
	if err := os.Chmod(s.dir, 0o755); err != nil { // Asterisk has a user of its own
		return err
	}
	if o.keep {
		defer func() { fmt.Fprintf(r.out, "  its logs are in %s\n", s.guard.logs()) }()
	} else {
		defer os.RemoveAll(s.dir)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	callers := map[bool]string{true: "with a catch-all for callers without an account", false: "that knows its callers"}[guests]
	r.title("Asterisk %s, %s; pbxjail sees %s", version, callers, c)
	begin := time.Now()
	if err := s.open(ctx, o, root); err != nil {
		return err
	}
	bad := attackers(s)
	good, err := honestPeople(ctx, s)
	defer good.hangUp()
	if err != nil {
		return err
	}
	probed := slices.Clone(strangers)
	for _, a := range bad {
		probed = append(probed, a.addr)
	}
	for _, h := range good.all {
		probed = append(probed, h.addr)
	}
	if err := s.watch(ctx, probed); err != nil {
		return err
	}
	forged := allLies(s)
	fmt.Fprintf(r.out, "  up and guarded after %.1fs; %d attackers, %d forgeries, %d honest\n\n",
		time.Since(begin).Seconds(), len(bad), len(forged), len(good.all))
	sent := s.play(ctx, bad, good.all, forged)
	if ctx.Err() != nil {
		r.fault("the act was ended: %v", context.Cause(ctx))
	}
	v := verdict{report: r, scene: s, attackers: bad, honest: good.all, liars: len(forged), matrix: m}
	v.tell()
	fmt.Fprintf(r.out, "\n  %d of %d forgeries were sent; all took %.0fs\n", sent, len(forged), time.Since(begin).Seconds())
	return nil
}

// play runs all attackers, honest phones and forgers at the same time.
func (s *scene) play(ctx context.Context, bad []*attacker, good []*honest, forged []lie) (sent int) {
	over := make(chan struct{})
	var people, harm sync.WaitGroup
	for _, h := range good {
		people.Go(func() { h.run(ctx, over) })
	}
	harm.Go(func() { sent = s.forge(ctx, forged) })
	harm.Go(func() {
		for _, a := range bad {
			if a.runs > 0 { // they share what address the world sends from
				a.run(ctx, s)
			}
		}
	})
	slots := make(chan struct{}, atOnce)
	for _, a := range bad {
		if a.runs == 0 {
			slots <- struct{}{}
			harm.Go(func() {
				a.run(ctx, s)
				<-slots
			})
		}
	}
	harm.Wait()
	if s.cell.wire { // an address that never answers a challenge is known after a while
		until(ctx, s.cell.patience(), func() bool { return s.allDropped(bad) })
	}
	close(over)
	people.Wait()
	return sent
}

// allDropped reports whether everybody who sent enough requests is dropped.
func (s *scene) allDropped(bad []*attacker) bool {
	return !slices.ContainsFunc(bad, func(a *attacker) bool {
		_, dropped := s.dropped(a.addr)
		return !dropped && len(s.wire.Seen(a.addr)) >= enoughRequests
	})
}

// holdsAny reports whether a prefix covers one of these addresses.
func holdsAny(p netip.Prefix, addrs []netip.Addr) (netip.Addr, bool) {
	if i := slices.IndexFunc(addrs, p.Contains); i >= 0 {
		return addrs[i], true
	}
	return netip.Addr{}, false
}
