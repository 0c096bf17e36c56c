package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/host"
	"pbxjail/cmd/internal/program"
	"pbxjail/cmd/internal/survey"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// systemdRuns is a folder that is there while systemd runs this machine (sd_booted(3)).
const systemdRuns = "/run/systemd/system"

func (a *app) setupVerb() *cobra.Command {
	var yes, dry bool
	var config string
	c := &cobra.Command{
		Use:   "setup",
		Short: "look at this machine, print what to change, ask once, and start to ban",
		Long: `setup looks at this machine: which Asterisk, which logs, which trunks, which web interface,
which firewalls, and whether fail2ban runs. It prints what it found and what it would do.
After your answer it does this:

  - it writes observe: false into /etc/pbxjail/pbxjail.yaml, so that pbxjail bans;
  - if Asterisk writes no security events, it adds the line security => security to
    logger.conf, and keeps a copy of the old file; it never changes a file that a web
    interface generates;
  - it switches on jails for other programs, such as sshd, if their log exists: it writes a
    file for each such jail into /etc/pbxjail.d; a jail that has a file is not changed;
  - it restarts pbxjail with systemctl, and waits until the bans are in the kernel.

It changes nothing before you answer. --dry-run only prints; --yes asks nothing.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			plan, err := a.planSetup(c.Context(), config)
			if err != nil {
				return err
			}
			return a.runSetup(c.Context(), plan, yes, dry)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	c.Flags().BoolVar(&dry, "dry-run", false, "print what would be done, and do nothing")
	configFlag(c, &config)
	return c
}

// setupPlan is what setup found, and what it would do.
type setupPlan struct {
	Found   survey.Found `json:"found"`
	Admin   string       `json:"admin"`  // the SSH session that calls; "" none
	Trunks  int          `json:"trunks"` // addresses that Asterisk's files name
	Logs    []string     `json:"logs"`   // those of the jails that are there
	Steps   []setupStep  `json:"steps"`
	Advice  []string     `json:"advice"`
	main    *configs.Main
	hasFile bool
}

// setupStep is one change.
type setupStep struct {
	What string `json:"what"`
	do   func(context.Context) error
}

func (a *app) planSetup(ctx context.Context, config string) (*setupPlan, error) {
	path := config
	if path == "" {
		path = configs.DefaultMain
	}
	main, err := configs.LoadMain(path, config != "")
	if err != nil {
		return nil, err
	}
	list, _ := configs.LoadJails(main.Jails) // jailctl check and the daemon name the bad ones
	_, err = os.Stat(path)
	p := &setupPlan{main: main, hasFile: err == nil, Found: survey.Look(ctx, survey.Machine{Root: os.DirFS("/"), Version: survey.AskAsterisk})}
	if admin, ok := host.Caller(); ok {
		p.Admin = admin.String()
	}
	p.Trunks = len(a.protections(main).Current().Trusts)
	p.Logs = logsThatAreThere(list)
	hostname, _ := os.Hostname()
	written, _ := asterisk.Logs(main.Asterisk, hostname) // its problems are the daemon's to say
	p.loggerSteps(written)
	p.jailSteps(logsThatAreThere)
	p.steps(path)
	p.advise()
	return p, nil
}

// steps are decided from what was found alone.
func (p *setupPlan) steps(path string) {
	if p.main.Observe && p.hasFile {
		p.Steps = append(p.Steps, setupStep{"set observe: false in " + path, func(context.Context) error { return configs.SetObserve(path, false) }})
	}
	if _, err := os.Stat(systemdRuns); err == nil {
		p.Steps = append(p.Steps, setupStep{"run: systemctl enable pbxjail; systemctl restart pbxjail", func(ctx context.Context) error {
			for _, verb := range []string{"enable", "restart"} {
				if _, err := program.Run(ctx, "systemctl", "--quiet", verb, "pbxjail.service"); err != nil {
					return err
				}
			}
			return nil
		}})
	}
}

// advise says what setup leaves to the admin.
func (p *setupPlan) advise() {
	f := p.Found
	say := func(format string, args ...any) { p.Advice = append(p.Advice, fmt.Sprintf(format, args...)) }
	if f.Asterisk == "" {
		say("no Asterisk found on this machine: pbxjail reads the logs of Asterisk as soon as they exist")
	}
	if f.Fail2ban.Running {
		say("fail2ban runs here and reads the same logs. When you trust pbxjail, switch off the jails of fail2ban for Asterisk: jailctl help fail2ban")
	}
	if f.Docker {
		say("Docker is installed. If Asterisk runs in a container, write the paths of its logs into the main file: logs: [PATH]")
	}
	if len(f.Firewalls) > 0 {
		say("%s runs here: pbxjail's rules come before its rules, and pbxjail puts them back after a restart of the firewall", strings.Join(f.Firewalls, " and "))
	}
	if p.Admin == "" {
		say("you are not connected over SSH; to protect the address of an admin: jailctl allow ADDRESS")
	}
}

// logsThatAreThere are files of the jails that exist, each once.
func logsThatAreThere(list []*configs.Jail) (there []string) {
	seen := map[string]bool{}
	for _, j := range list {
		for _, log := range j.Logs {
			if info, err := os.Stat(log); err == nil && info.Mode().IsRegular() && !seen[log] {
				seen[log] = true
				there = append(there, log)
			}
		}
	}
	return there
}

func (a *app) printSetup(p *setupPlan) {
	f := p.Found
	found := func(what, text string) { a.say("  %-12s %s", what, text) }
	a.say("found:")
	asterisk := "none"
	if f.Asterisk != "" {
		asterisk = f.Asterisk
		if !f.Running {
			asterisk += ", does not run now"
		}
	}
	found("Asterisk", asterisk)
	found("interface", orNone(f.GUI))
	found("logs", orNone(strings.Join(p.Logs, " ")))
	found("protected", fmt.Sprintf("%d addresses", p.Trunks)+" from Asterisk's files and this machine; to see them: jailctl protected")
	if p.Admin != "" {
		found("you", p.Admin+", protected while you are logged in, and for some time after")
	}
	found("firewalls", orNone(strings.Join(f.Firewalls, ", ")))
	if f.Fail2ban.Installed {
		state := "installed, does not run"
		if f.Fail2ban.Running {
			state = "runs"
		}
		found("fail2ban", state)
	}
	a.say("setup will do this, after you agree:")
	if len(p.Steps) == 0 {
		a.say("  nothing")
	}
	for i, s := range p.Steps {
		a.say("  %d. %s", i+1, s.What)
	}
	for _, text := range p.Advice {
		a.say("note: %s", text)
	}
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func (a *app) runSetup(ctx context.Context, p *setupPlan, yes, dry bool) error {
	if a.json {
		if !dry && !yes {
			return usage("write jailctl setup --json --dry-run, or jailctl setup --json --yes", "with --json setup cannot ask")
		}
		if err := a.emit(p); err != nil {
			return err
		}
	} else {
		a.printSetup(p)
	}
	if dry {
		return nil
	}
	if !yes && !a.confirms("Do it?") {
		return control.Refuse(0, "to do it without a question: jailctl setup --yes", "nothing was changed")
	}
	// Each call tells a daemon that runs from where it comes: the ledger keeps that over the restart.
	_, _ = a.client().Status(ctx)
	for i, s := range p.Steps {
		if err := s.do(ctx); err != nil {
			return hint.Add(cmp.Or(hint.Of(err), "correct the cause; then run again: jailctl setup"), fmt.Errorf("step %d failed, and the steps after step %d are not done: %w", i+1, i+1, err))
		}
	}
	if err := a.waitUntilGuarding(ctx); err != nil || !p.Found.Fail2ban.Running {
		return err
	}
	if jails := liveJails(ctx); len(jails) > 0 {
		a.takeBans(ctx, a.client(), jails)
	}
	return nil
}

// confirms asks on the terminal; only yes is a yes.
func (a *app) confirms(question string) bool {
	fmt.Fprintf(a.stdout, "%s [y/N] ", question)
	answer, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil && answer == "" {
		a.say("")
		return false
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// guardingWait is how long a start may take: a large ledger, a slow disk.
const guardingWait = 20 * time.Second

// waitUntilGuarding asks the daemon until it drops.
func (a *app) waitUntilGuarding(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, guardingWait)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := a.client().Status(ctx)
		if err == nil && s.Enforcing {
			if !a.json {
				a.say("pbxjail guards this machine now; %s in force; enforcer: %s", show.Count(s.Bans, "ban"), s.Enforcer)
			}
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err == nil {
				return control.Refuse(0, "to see why: jailctl doctor", "pbxjail runs, but packets of banned addresses pass; enforcer: %s", s.Enforcer)
			}
			return hint.Add(cmp.Or(hint.Of(err), "to see why: journalctl -u pbxjail"), fmt.Errorf("pbxjail does not guard this machine yet: %w", err))
		}
	}
}
