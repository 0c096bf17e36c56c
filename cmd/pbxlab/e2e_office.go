package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/lab"
)

// officeOptions is are the settings of a day of offices.
type officeOptions struct {
	e2eOptions
	length  time.Duration
	offices int
	seed    uint64
	jails   string // the folder with the shipped jail files
	wire    bool
}

// mostOffices is fewer than fail at once when it is the PBX that is broken: then pbxjail
// bans no address for wrong passwords, attackers neither.
const mostOffices = 4

func e2eOfficeVerb() *cobra.Command {
	o := officeOptions{}
	c := &cobra.Command{
		Use:   "e2e-office",
		Short: "let offices live behind real Asterisks, with old passwords and restarts, and attackers beside them",
		Long: `Offices with good phones, and with phones that keep an old password, live behind a real
Asterisk; the clock of their day runs sixty times as fast, and so do the times of the jails.
In the middle the passwords are changed, and later pbxjail is restarted. Attackers come
before there is an office, and after each of these. No office may be banned, each must be
reported at most once an hour of its clock with the cause, and attackers must be banned as
fast as without offices.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.length < time.Minute || o.offices < 1 || o.offices > mostOffices {
				return fmt.Errorf("--length must be 1m or more, and --offices 1 to %d", mostOffices)
			}
			r := &report{out: c.OutOrStdout()}
			return o.each(c.Context(), r, nil, func(version, root string) error { return o.day(c.Context(), r, version, root) })
		},
	}
	o.flags(c)
	c.Flags().DurationVar(&o.length, "length", 20*time.Minute, "how long each Asterisk is lived behind")
	c.Flags().IntVar(&o.offices, "offices", mostOffices, "how many offices")
	c.Flags().Uint64Var(&o.seed, "seed", 12, "draws the phones and their intervals")
	c.Flags().StringVar(&o.jails, "jails", "configs/jails", "folder with the shipped jail files")
	c.Flags().BoolVar(&o.wire, "wire", true, "let pbxjail read packets beside the logs")
	return c
}

// times finds the times in a jail file.
var times = regexp.MustCompile(`\b((?:findtime|bantime|max|forgive_after|seen|proven|claimed): *)(\d+)([smhdw])\b`)

// fastJails are the jail files of a folder with their times divided.
func fastJails(folder string) (files map[string]string, err error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("no jail file is in %s: name the folder with --jails", folder)
	}
	files = map[string]string{}
	for _, path := range paths {
		text, failed := os.ReadFile(path)
		err = errors.Join(err, failed)
		files[filepath.Base(path)] = times.ReplaceAllStringFunc(string(text), func(found string) string {
			part := times.FindStringSubmatch(found)
			n, _ := strconv.Atoi(part[2])
			unit := map[string]int{"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}[part[3]]
			return fmt.Sprintf("%s%ds", part[1], max(n*unit/faster, 1))
		})
	}
	return files, err
}

// officeDay is a scene with offices.
type officeDay struct {
	*scene
	*report
	officeOptions
	all    []*office
	waves  []wave
	begin  time.Time
	banned map[string]string // offices in the kernel's sets, and when they were seen there
	now    atomic.Int32      // the state of the passwords
}

// day lets offices live behind one Asterisk, and judges.
func (o officeOptions) day(ctx context.Context, r *report, version, root string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, o.length+5*time.Minute)
	defer cancel()
	random := rand.New(rand.NewPCG(o.seed, uint64(len(version))))
	d := &officeDay{
		scene: &scene{version: version, cell: cell{logs: "security+messages", wire: o.wire}}, report: r, officeOptions: o,
		all: newOffices(random, version, o.offices), banned: map[string]string{},
	}
	if d.dir, err = os.MkdirTemp("", "pbxlab-"); err != nil {
		return err
	}
	if err := os.Chmod(d.dir, 0o755); err != nil { // Asterisk has a user of its own
		return err
	}
	if o.keep {
		defer func() { fmt.Fprintf(r.out, "  its logs are in %s\n", d.dir) }()
	} else {
		defer os.RemoveAll(d.dir)
	}
	defer func() { err = errors.Join(err, d.close()) }()
	d.title("Asterisk %s, %d offices; pbxjail sees %s, seed %d", version, o.offices, d.cell, o.seed)
	d.files = accounts(version, d.all, false)
	if d.scene.jails, err = fastJails(o.jails); err != nil {
		return err
	}
	if err := d.open(ctx, o.e2eOptions, root); err != nil {
		return err
	}
	if err := d.lines(ctx); err != nil {
		return err
	}
	if err := d.live(ctx, random); err != nil {
		return err
	}
	d.judge()
	return nil
}

// lines gives every phone its socket.
func (d *officeDay) lines(ctx context.Context) (err error) {
	d.closers = append(d.closers, func() error {
		for _, o := range d.all {
			for _, h := range o.phones {
				if h.line != nil {
					h.line.Close()
				}
			}
		}
		return nil
	})
	for _, o := range d.all {
		for _, h := range o.phones {
			if h.line, err = d.net.NewSender(ctx, "udp", h.addr, o.port); err != nil {
				return err
			}
			h.line.Patience = phoneTime
		}
	}
	return nil
}

// live is the day: attackers alone, then offices, and what happens to them.
func (d *officeDay) live(ctx context.Context, random *rand.Rand) error {
	d.begin = time.Now()
	d.attack(ctx, "before there is an office")
	living, end := context.WithTimeout(ctx, d.length)
	defer end()
	var people sync.WaitGroup
	defer people.Wait()
	for _, o := range d.all {
		for _, h := range o.phones {
			first := time.Duration(random.Int64N(int64(h.every)))
			people.Go(func() { h.live(living, &d.now, first) })
		}
	}
	people.Go(func() { d.watchBans(living) })
	for _, step := range []struct {
		at   float64 // of the whole length
		what string
		do   func(context.Context) error
	}{
		{0.4, "passwords are changed at the PBX", d.change},
		{0.45, "", d.attackLater("after the change of passwords")},
		{0.55, "pbxjail is restarted", d.restart},
		{0.57, "", d.attackLater("after a restart of pbxjail")},
		{0.8, "", d.attackLater("when old passwords have failed for long")},
		{1, "the day ends", func(context.Context) error { return nil }},
	} {
		select {
		case <-time.After(time.Until(d.begin.Add(time.Duration(step.at * float64(d.length))))):
		case <-living.Done():
			if step.at < 1 {
				return context.Cause(living)
			}
		}
		if step.what != "" {
			d.happens(step.what)
		}
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	end()
	return nil
}

func (d *officeDay) happens(what string) {
	fmt.Fprintf(d.out, "  %6s  %s\n", time.Since(d.begin).Round(time.Second), what)
}

func (d *officeDay) change(context.Context) error {
	d.now.Store(passwordsChange)
	err := d.pbx.Configure(accounts(d.version, d.all, true))
	for _, s := range stacks(d.version) {
		command := map[string]string{"pjsip": "module reload res_pjsip.so", "chan_sip": "sip reload"}[s.name]
		_, failed := d.pbx.CLI(command)
		err = errors.Join(err, failed)
	}
	d.now.Store(passwordsChanged)
	return err
}

func (d *officeDay) restart(ctx context.Context) error {
	if _, err := d.guard.stop(); err != nil {
		return err
	}
	return d.startGuard(ctx)
}

// watchBans asks the kernel each second whether an office is banned.
func (d *officeDay) watchBans(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		bans, err := d.inKernel()
		for _, o := range d.all {
			for _, p := range bans {
				if p.Overlaps(o.net) && d.banned[o.String()] == "" {
					d.banned[o.String()] = fmt.Sprintf("%s is banned after %s", p, time.Since(d.begin).Round(time.Second))
				}
			}
		}
		if err != nil && ctx.Err() == nil {
			d.banned["?"] = err.Error()
		}
	}
}

// attackKinds are the attackers of a wave.
var attackKinds = []struct {
	what, network string
	do            func(s *lab.Sender, nth int) (int, error)
}{
	{"guesses the password of an office's account, udp", "udp", func(s *lab.Sender, nth int) (int, error) {
		return s.Register("2000", fmt.Sprint("guess", nth))
	}},
	{"guesses, tcp", "tcp", func(s *lab.Sender, nth int) (int, error) { return s.Register("2000", fmt.Sprint("guess", nth)) }},
	{"looks for accounts, udp", "udp", enumerate},
}
