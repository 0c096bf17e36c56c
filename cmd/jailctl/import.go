package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/fail2ban"
	"pbxjail/configs/hint"
	"pbxjail/configs/prefix"
	"pbxjail/configs/show"
	"pbxjail/parsers"
)

func (a *app) importVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "import",
		Short: "import the configuration of another ban program",
		RunE:  noVerb,
		Args:  cobra.ArbitraryArgs,
	}
	c.AddCommand(a.importFail2banVerb())
	return c
}

func (a *app) importFail2banVerb() *cobra.Command {
	var apply, quick bool
	var config string
	c := &cobra.Command{
		Use:   "fail2ban [DIR]",
		Short: "turn fail2ban's jails into jail files; prints them, --apply writes them",
		Long: `import fail2ban reads the jails and filters in DIR (without DIR, in /etc/fail2ban). For each
enabled jail it prints a jail file, or the jail of pbxjail that already does the same work,
with the settings of both side by side. It prints what cannot be imported, with the reason.
Then it replays the last day of the logs with both programs, and prints the addresses that
both ban, only fail2ban, and only pbxjail. It changes nothing.

With --apply it writes the jail files into the folder of jail files (/etc/pbxjail.d); a file
that exists already is not changed. It allows the addresses in ignoreip of fail2ban, and
reloads the daemon. It imports the bans of fail2ban, each for the time that is left. While
pbxjail only observes, no ban is imported; jailctl setup imports the bans when it switches
pbxjail on.

fail2ban is not changed. When you trust the result: systemctl disable --now fail2ban`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "/etc/fail2ban"
			if len(args) > 0 {
				dir = args[0]
			}
			main, err := configs.LoadMain(orDefault(config), config != "")
			if err != nil {
				return err
			}
			plan, err := planImport(dir, main)
			if err != nil {
				return err
			}
			if !apply && !quick {
				if plan.Replay, err = a.replayImport(c.Context(), dir, config, plan); err != nil {
					a.complain("note: the logs could not be replayed: %v", err)
				}
			}
			if err := a.printImport(plan); err != nil {
				return err
			}
			if !apply {
				if !a.json {
					a.say("nothing is changed yet. To write the jail files, and to import ignoreip and the bans, give the command again with --apply")
				}
				return nil
			}
			return a.applyImport(c.Context(), plan, main.Jails)
		},
	}
	c.Flags().BoolVar(&apply, "apply", false, "write the jail files, and import ignoreip and the bans")
	c.Flags().BoolVar(&quick, "no-replay", false, "do not replay the logs")
	configFlag(c, &config)
	return c
}

func orDefault(config string) string {
	if config == "" {
		return configs.DefaultMain
	}
	return config
}

// importPlan is what import found.
type importPlan struct {
	Jails  []fail2ban.Taken `json:"jails"`
	Ignore []string         `json:"ignoreip"`

	Sides  map[string][]importSide `json:"sides"`            // by jail of fail2ban
	Replay *importReplay           `json:"replay,omitempty"` // of the last day of the logs; null: no log is there
}

func planImport(dir string, main *configs.Main) (*importPlan, error) {
	list, bad, err := fail2ban.Load(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = hint.Add("name the folder that has jail.conf: jailctl import fail2ban DIR", err)
		}
		return nil, err
	}
	p := &importPlan{Sides: map[string][]importSide{}}
	for _, j := range list {
		var f fail2ban.Filter
		var failed error
		f, failed = fail2ban.LoadFilter(dir, j)
		t := fail2ban.Take(j, f, failed, func(regex string) error { _, err := parsers.NewPattern(regex); return err })
		if t.Text != "" {
			if err := configs.CheckJail(t.File, []byte(t.Text)); err != nil {
				t.Text, t.Carried = "", 0
				t.Notes = append(t.Notes, "not imported: "+err.Error())
			}
		}
		p.Jails = append(p.Jails, t)
		p.Sides[t.Name] = sidesOf(main, t)
		for _, word := range j.Ignoreip {
			if !slices.Contains(p.Ignore, word) {
				p.Ignore = append(p.Ignore, word)
			}
		}
	}
	for name, err := range bad {
		p.Jails = append(p.Jails, fail2ban.Taken{Name: name, File: name + ".yaml", Notes: []string{"not imported: " + err.Error()}})
	}
	return p, nil
}

func (a *app) printImport(p *importPlan) error {
	if a.json {
		return a.emit(p)
	}
	for _, t := range p.Jails {
		switch {
		case t.Covered != "" && t.Text != "":
			a.say("jail %s of fail2ban: jail %s of pbxjail does the same work. This file switches it on (%s):", t.Name, t.Covered, t.File)
			a.sayText(t.Text)
		case t.Covered != "":
			a.say("jail %s of fail2ban: no file is needed, because this part of pbxjail does the same work: %s", t.Name, t.Covered)
		case t.Text != "":
			a.say("jail %s of fail2ban: %d of %s can be imported", t.Name, t.Carried, show.Count(t.Patterns, "pattern"))
			a.sayText(t.Text)
		default:
			a.say("jail %s of fail2ban: nothing of this jail can be imported. The notes say why", t.Name)
		}
		a.printSides(p.Sides[t.Name])
		for _, note := range t.Notes {
			a.say("  note: %s", note)
		}
	}
	if len(p.Ignore) > 0 {
		a.say("ignoreip of fail2ban: %s", strings.Join(p.Ignore, " "))
	}
	if p.Replay != nil {
		a.printReplay(p.Replay)
	}
	return nil
}

// sayText prints the text of a jail file, indented.
func (a *app) sayText(text string) {
	for line := range strings.Lines(text) {
		a.say("    %s", strings.TrimSuffix(line, "\n"))
	}
}

// applyImport writes, allows, bans and reloads, in this order: what is ignored is protected
// before the new jails read a line.
func (a *app) applyImport(ctx context.Context, p *importPlan, dir string) error {
	var failed error
	client := a.client()
	for _, word := range p.Ignore {
		failed = errors.Join(failed, a.allowImported(ctx, client, word))
	}
	for _, t := range p.Jails {
		if t.Text == "" {
			continue
		}
		path := filepath.Join(dir, t.File)
		switch err := writeNew(path, t.Text); {
		case errors.Is(err, fs.ErrExist):
			a.say("not written, because this file exists already: %s", path)
		case err != nil:
			return err
		default:
			a.say("written: %s", path)
		}
	}
	if _, err := client.Reload(ctx); err != nil {
		return errors.Join(failed, hint.Add(cmp.Or(hint.Of(err), "to see the mistakes: jailctl check")+"; then: jailctl reload", fmt.Errorf("the files are written, but pbxjail does not use them yet: %w", err)))
	}
	return errors.Join(failed, a.takeBansWhenGuarding(ctx, client, p))
}

// allowImported allows an address, a network or a name of ignoreip; our own side never
// needs it.
func (a *app) allowImported(ctx context.Context, client *control.Client, word string) error {
	if known, err := prefix.Parse(word); err == nil && known.Addr().IsLoopback() {
		return nil
	}
	p, host, err := a.allowArg(word)
	if err == nil {
		_, err = control.Ask(ctx, client, control.CallAllow, control.AllowRequest{Prefix: p, Host: host, Note: "ignoreip of fail2ban"})
	}
	if err != nil {
		return fmt.Errorf("cannot allow %q, which is in ignoreip of fail2ban: %w", word, err)
	}
	a.say("allowed: %s", word)
	return nil
}

func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return hint.Cannot(err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
