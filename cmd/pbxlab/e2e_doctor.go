package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/lab"
)

func e2eDoctorVerb() *cobra.Command {
	o := e2eOptions{}
	var only string
	c := &cobra.Command{
		Use:   "e2e-doctor",
		Short: "plant one fault after another on real Asterisks, and see that jailctl doctor finds each",
		Long: `A real Asterisk with pbxjail beside it is well: doctor finds nothing. Then one fault after
another is planted and repaired. doctor must find each fault, with the check that is made
for it, and must be silent when it is repaired. What cannot be had in a bench has a
stand-in, and the table says so.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r := &report{out: c.OutOrStdout()}
			return o.each(c.Context(), r, nil, func(version, root string) error {
				return errors.Join(
					o.examine(c.Context(), r, version, root, "as Debian ships it", nil, true),
					o.examine(c.Context(), r, version, root, "with faults", faultsOf(version, only), false))
			})
		},
	}
	o.flags(c)
	c.Flags().StringVar(&only, "fault", "", "only faults with this in their names")
	return c
}

// finding is what we read of `jailctl doctor --json`.
type finding struct {
	Check    string   `json:"check"`
	Severity string   `json:"severity"`
	OK       bool     `json:"ok"`
	What     string   `json:"what"`
	Evidence []string `json:"evidence"`
	Hint     string   `json:"hint"`
	Fix      []struct {
		Where string   `json:"where"`
		Lines []string `json:"lines"`
		Run   string   `json:"run"`
	} `json:"fix"`
}

// severities are the words of doctor, the worst last.
var severities = []string{"ok", "note", "risky", "blind", "broken"}

func (f finding) atLeast(severity string) bool {
	return slices.Index(severities, f.Severity) >= slices.Index(severities, severity)
}

// patient is a machine that doctor looks at.
type patient struct {
	*scene
	env   []string          // of jailctl
	files map[string]string // of Asterisk, as they are when nothing is wrong
	main  string            // the main file, but for the paths
	last  []finding
}

// healthyLogger is a logger.conf with nothing wrong.
const healthyLogger = "[general]\ndateformat=%F %T\n[logfiles]\nmessages => notice,warning,error\nsecurity => security\n" +
	"full => notice,warning,error,verbose(3)\nfull.json => [json]notice,warning,error,security\n"

// examine makes a machine, and plants the faults on it. shipped: with the configuration of
// Debian's package, and the line for security events that jailctl setup adds.
func (o e2eOptions) examine(ctx context.Context, r *report, version, root, how string, faults []fault, shipped bool) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	p := &patient{scene: &scene{version: version}}
	if p.dir, err = os.MkdirTemp("", "pbxlab-"); err != nil {
		return err
	}
	defer os.RemoveAll(p.dir)
	defer func() { err = errors.Join(err, p.close()) }()
	if err := errors.Join(os.Chmod(p.dir, 0o755), p.begin(ctx, o, root, shipped)); err != nil {
		return err
	}
	r.title("Asterisk %s, %s", version, how)
	healthy := until(ctx, 20*time.Second, func() bool { return p.worst(ctx) != "" && !slices.Contains(severities[2:], p.worst(ctx)) })
	for _, f := range p.last {
		if f.Severity != "ok" {
			fmt.Fprintf(r.out, "  %s: %s: %s\n", f.Severity, f.Check, f.What)
		}
	}
	if !healthy {
		r.fault("a machine that is well is not green")
	} else {
		fmt.Fprintln(r.out, "  green: nothing worse than a note")
	}
	if len(faults) == 0 {
		return nil
	}
	fmt.Fprintln(r.out)
	t := r.table("  FAULT", "CHECK", "FOUND AS", "REPAIRED", "EVIDENCE")
	found, silent := 0, 0
	for _, f := range faults {
		one, is, well, err := p.try(ctx, f)
		if err != nil {
			return errors.Join(t.Flush(), fmt.Errorf("%s: %w", f.name, err))
		}
		if !is && o.keep {
			text, _ := p.guard.ctl("doctor")
			r.quote(text)
			out, _ := p.net.PBX.Output(exec.Command("ipset", "list", "-t"))
			r.quote(string(out))
			r.quote(p.guard.said())
		}
		as, repaired, evidence := one.Severity, "silent", strings.Join(one.Evidence, "; ")
		if found++; !is {
			found--
			as = r.mark("not found")
		}
		if silent++; !well {
			silent--
			repaired = r.mark("still found")
		}
		if evidence == "" {
			evidence = one.What
		}
		evidence = strings.ReplaceAll(evidence, p.dir, "")
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\n", f.label(), f.check, as, repaired, evidence[:min(len(evidence), 90)])
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "\n  %d faults: %d found, %d silent when repaired\n", len(faults), found, silent)
	return nil
}

// begin starts Asterisk and pbxjail, with a copy of /etc of their own.
func (p *patient) begin(ctx context.Context, o e2eOptions, root string, shipped bool) (err error) {
	if p.net, err = lab.New(); err != nil {
		return err
	}
	p.guard = &guard{net: p.net, pbxjail: o.pbxjail, jailctl: o.jailctl, dir: p.dir}
	p.closers = append(p.closers, func() error {
		err := p.net.Close()
		p.guard.wait()
		if p.pbx != nil {
			p.pbx.Wait()
		}
		return err
	})
	p.cell = cell{logs: "security+messages", wire: true}
	if err := p.guard.prepare(p.cell.files()); err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\nexec chroot %q /usr/sbin/asterisk \"$@\"\n", root)
	err = errors.Join(os.Mkdir(p.guard.path("bin"), 0o755), os.WriteFile(p.guard.path("bin/asterisk"), []byte(script), 0o755))
	if out, copyErr := exec.CommandContext(ctx, "cp", "-a", "/etc", p.guard.path("host-etc")).CombinedOutput(); copyErr != nil {
		err = errors.Join(err, fmt.Errorf("copy /etc: %w: %s", copyErr, out))
	}
	for _, name := range []string{"fail2ban", "asterisk", "freepbx.conf"} { // what this machine has is not the bench's
		err = errors.Join(err, os.RemoveAll(p.guard.path("host-etc/"+name)))
	}
	if err = errors.Join(err, p.net.PBX.Mount(p.guard.path("host-etc"), "/etc")); err != nil {
		return err
	}
	p.env = append(os.Environ(), "PATH="+p.guard.path("bin")+":"+os.Getenv("PATH"), "SSH_CONNECTION=")
	files := map[string]string{"logger.conf": healthyLogger}
	if shipped {
		if files, err = shippedFiles(root); err != nil {
			return err
		}
	}
	if p.pbx, err = p.net.StartAsterisk(ctx, root, p.version, p.dir, p.guard.logs(), false, files); err != nil {
		return err
	}
	if p.files, err = readFolder(p.guard.path("etc")); err != nil {
		return err
	}
	p.main = fmt.Sprintf("asterisk: %q\n", p.guard.path("etc"))
	if err := p.guard.configure(p.main); err != nil {
		return err
	}
	return p.startGuard(ctx)
}

// shippedFiles are those of Debian's package, with security events.
func shippedFiles(root string) (map[string]string, error) {
	files, err := readFolder(filepath.Join(root, "etc/asterisk"))
	if err != nil {
		return nil, err
	}
	delete(files, "asterisk.conf") // the bench says where things are
	files["logger.conf"] = strings.Replace(files["logger.conf"], "\n[logfiles]\n", "\n[logfiles]\nsecurity => security\n", 1)
	return files, nil
}

// readFolder reads the files of a configuration.
func readFolder(folder string) (map[string]string, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.conf"))
	files := map[string]string{}
	for _, name := range names {
		text, readErr := os.ReadFile(name)
		err = errors.Join(err, readErr)
		files[filepath.Base(name)] = string(text)
	}
	return files, err
}

// doctor runs jailctl doctor. What it exits with is not our matter: the findings say it.
func (p *patient) doctor(change func(*exec.Cmd)) (list []finding) {
	cmd := exec.Command(p.guard.jailctl, "doctor", "--json", "--socket", p.guard.path("pbxjail.sock"))
	cmd.Env = p.env
	if change != nil {
		change(cmd)
	}
	out, _ := p.net.PBX.Output(cmd)
	var said struct {
		Findings []finding `json:"findings"`
	}
	if json.Unmarshal(out, &said) != nil {
		return nil
	}
	return said.Findings
}

// worst is the worst severity of all findings; "": doctor said nothing.
func (p *patient) worst(ctx context.Context) string {
	if p.last = p.doctor(nil); len(p.last) == 0 || ctx.Err() != nil {
		return ""
	}
	worst := 0
	for _, f := range p.last {
		worst = max(worst, slices.Index(severities, f.Severity))
	}
	return severities[worst]
}

// findTime is how long a fault may take to show: pbxjail looks at files every second, and at
// some parts every few seconds.
const findTime = 20 * time.Second

// try plants a fault, looks for it, and repairs it.
func (p *patient) try(ctx context.Context, f fault) (one finding, found, silent bool, err error) {
	see := func() (finding, bool) {
		for _, one := range p.doctor(f.as) {
			text := fmt.Sprint(one.What, one.Evidence, one.Fix)
			if one.Check == f.check && one.atLeast(f.severity) && strings.Contains(text, f.says) {
				return one, true
			}
		}
		return finding{}, false
	}
	if _, before := see(); before {
		return one, false, false, errors.New("it is found before it is planted")
	}
	if err = p.change(ctx, f, true); err != nil {
		return one, false, false, fmt.Errorf("plant: %w", err)
	}
	found = until(ctx, findTime, func() (is bool) { one, is = see(); return is })
	if f.follow != nil && found {
		if err = f.follow(p, one); err != nil {
			return one, found, false, fmt.Errorf("follow what doctor says: %w", err)
		}
		silent = until(ctx, findTime, func() bool { _, is := see(); return !is })
	}
	if err = p.change(ctx, f, false); err != nil {
		return one, found, false, fmt.Errorf("repair: %w", err)
	}
	clean := until(ctx, findTime, func() bool { _, is := see(); return !is })
	return one, found, clean && (silent || f.follow == nil || !found), nil
}

// change plants a fault or takes it back: files of Asterisk, the main file, then the rest.
func (p *patient) change(ctx context.Context, f fault, plant bool) error {
	files := map[string]string{}
	for name, edit := range f.files {
		files[name] = p.files[name]
		if plant {
			files[name] = edit(p.files[name])
		}
	}
	err := p.pbx.Configure(files)
	for _, command := range f.reload {
		_, cliErr := p.pbx.CLI(command)
		err = errors.Join(err, cliErr)
	}
	if f.main != "" {
		more := p.main
		if plant {
			more += strings.ReplaceAll(f.main, "$DIR", p.dir)
		}
		if err = errors.Join(err, p.guard.configure(more)); err == nil {
			err = p.restart(ctx, f, plant)
		}
	}
	do := f.heal
	if plant {
		do = f.plant
	}
	if do != nil && err == nil {
		err = do(p)
	}
	return err
}

// restart starts pbxjail again, where the fault needs it.
func (p *patient) restart(ctx context.Context, f fault, plant bool) error {
	if _, err := p.guard.stop(); err != nil {
		return err
	}
	p.guard.env = nil
	if plant {
		p.guard.env = f.env
	}
	if f.before != nil && plant {
		if err := f.before(p); err != nil {
			return err
		}
	}
	return p.startGuard(ctx)
}

// run runs a program in the namespace of the PBX, where its mounts are.
func (p *patient) run(name string, args ...string) error {
	_, err := p.net.PBX.Output(exec.Command(name, args...))
	return err
}

// faultsOf are the faults that this Asterisk can have.
func faultsOf(version, only string) (list []fault) {
	for _, f := range slices.Concat(asteriskFaults(), dialplanFaults(), logFaults(), machineFaults(), daemonFaults()) {
		if (f.only == "" || f.only == version) && strings.Contains(f.name, only) {
			list = append(list, f)
		}
	}
	return list
}

// kept is a copy that a fault may change.
func kept(env []string, more ...string) []string { return append(slices.Clone(env), more...) }
