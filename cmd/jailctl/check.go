package main

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
	"pbxjail/jails"
)

func (a *app) checkVerb() *cobra.Command {
	var config, asterisk string
	var reference bool
	c := &cobra.Command{
		Use:   "check [FILE]...",
		Short: "whether the main file and the jail files are right; needs no daemon",
		Long: `check reads jail files, compiles their patterns and runs their samples. Without
FILE it checks the main file, every jail that the daemon would load, the lists of user agents
and numbers, the feeds that are files, and whether the packet rules would cut your own.`,
		RunE: func(_ *cobra.Command, files []string) error {
			if reference {
				_, err := fmt.Fprint(a.stdout, configs.Reference())
				return err
			}
			return a.check(config, asterisk, files)
		},
	}
	c.Flags().StringVar(&config, "config", "", "main file (default "+configs.DefaultMain+", where it exists)")
	c.Flags().StringVar(&asterisk, "asterisk", "", "folder of Asterisk's own files, in place of the main file's")
	c.Flags().BoolVar(&reference, "reference", false, "print every setting, with its default and what it does")
	return c
}

func (a *app) check(config, asterisk string, files []string) error {
	var list []*configs.Jail
	bad := map[string]error{}
	if len(files) == 0 {
		path := config
		if path == "" {
			path = configs.DefaultMain
		}
		main, err := configs.LoadMain(path, config != "")
		if err != nil {
			a.problem(err)
			return control.Refuse(0, "mend the main file; the daemon would not start with it", "1 problem")
		}
		a.warn(main.Warnings)
		list, bad = configs.LoadJails(main.Jails)
		if asterisk != "" {
			main.Asterisk = asterisk
		}
		maps.Copy(bad, a.checkPlan(main))
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.IsDir() {
			return usage("name the files in it, or: jailctl check --config F", "%s is a folder", f)
		}
		j, err := configs.LoadJail(f)
		if err != nil {
			bad[f] = err
			continue
		}
		list = append(list, j)
	}
	return a.report(list, bad)
}

func (a *app) report(list []*configs.Jail, bad map[string]error) error {
	problems := 0
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		problems += a.problem(bad[name])
	}
	for _, spec := range list {
		a.warn(spec.Warnings)
		j, err := jails.Compile(spec)
		if err != nil {
			problems += a.problem(err)
			continue
		}
		if wrong := j.CheckSamples(); len(wrong) > 0 {
			problems += a.problem(wrong)
			continue
		}
		a.say("%s: right, %s", spec.File, show.Count(len(spec.Samples), "sample"))
	}
	if problems > 0 {
		return control.Refuse(0, "the daemon refuses these files, and keeps what it had of them", "%s", show.Count(problems, "problem"))
	}
	return nil
}

// problem prints each fault of a file with what to do, and counts them.
func (a *app) problem(err error) int {
	list, ok := err.(configs.Problems)
	if !ok {
		a.complain("%v", err)
		if do := hint.Of(err); do != "" {
			a.complain("  %s", do)
		}
		return 1
	}
	for _, p := range list {
		a.complain("%s", p.Error())
		a.complain("  %s", p.Hint())
	}
	return len(list)
}

func (a *app) warn(list configs.Problems) {
	for _, p := range list {
		a.complain("warning: %s", p.Error())
		a.complain("  %s", p.Hint())
	}
}
