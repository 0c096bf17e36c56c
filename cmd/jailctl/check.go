package main

import (
	"cmp"
	"errors"
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
		Short: "find mistakes in the main file and the jail files; needs no daemon",
		Long: `check reads jail files, tests their patterns and runs their samples. Without FILE it checks
the main file (/etc/pbxjail/pbxjail.yaml), every jail that the daemon would load, the lists
of user agents and numbers, the feeds that are files, and whether the packet rules would drop
packets of your own phones and peers.

FILE is a main file, a jail file, or a list of user agents or numbers: check knows them by
their keys. A main file is checked as with --config. A jail file changes settings of the
shipped jail of its name, and of defaults and logs in the main file; check reads all of them.

To see the value of each setting, and where it comes from: jailctl jails --effective`,
		RunE: func(_ *cobra.Command, files []string) error {
			if reference {
				_, err := fmt.Fprint(a.stdout, configs.Reference())
				return err
			}
			return a.check(config, asterisk, files)
		},
	}
	configFlag(c, &config)
	c.Flags().StringVar(&asterisk, "asterisk", "", "folder of Asterisk's own files, in place of the one in the main file")
	c.Flags().BoolVar(&reference, "reference", false, "print every setting, with its default and what it does")
	return c
}

// checkup is what check prints.
type checkup struct {
	Files    []checkedFile `json:"files"` // those without a problem
	Problems []remark      `json:"problems"`
	Warnings []remark      `json:"warnings"`

	noStart bool // the daemon would not start
}

// checkedFile is a file without a problem.
type checkedFile struct {
	File    string `json:"file"`
	Kind    string `json:"kind"`    // main file, jail, user agents, numbers
	Samples int    `json:"samples"` // of a jail
}

// remark is one problem or warning.
type remark struct {
	File string `json:"file"` // "": it is about no file alone
	Line int    `json:"line"` // 0: the file as a whole
	What string `json:"what"`
	Hint string `json:"hint"`

	text string // all of it but the hint, in one line
}

func (a *app) check(config, asterisk string, files []string) error {
	jailFiles, lists, mains, err := sortFiles(files)
	if err != nil {
		return err
	}
	if len(mains) > 0 {
		if config != "" || len(mains) > 1 {
			return usage("check one main file at a time", "these are two main files: %s and %s", cmp.Or(config, mains[0]), mains[len(mains)-1])
		}
		config, a.main = mains[0], mains[0] // texts name this file
	}
	c := &checkup{Files: []checkedFile{}, Problems: []remark{}, Warnings: []remark{}}
	if main := c.mainFile(config); main != nil {
		if asterisk != "" {
			main.Asterisk = asterisk
		}
		if len(files) == 0 || len(mains) > 0 {
			c.all(a, main)
		}
		for _, f := range jailFiles {
			jail, err := main.LoadJail(f)
			c.jail(jail, err)
		}
	}
	for _, f := range lists {
		c.list(f)
	}
	return a.report(c)
}

// sortFiles finds out what kind each file is. One that cannot be read is taken for a jail,
// which says why it cannot.
func sortFiles(files []string) (jailFiles, lists, mains []string, err error) {
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.IsDir() {
			return nil, nil, nil, usage("name a file in this folder; or check all files of pbxjail: jailctl check", "%s is a folder", f)
		}
		switch kind, _ := configs.KindOf(f); kind {
		case configs.KindMain:
			mains = append(mains, f)
		case configs.KindAgents, configs.KindNumbers:
			lists = append(lists, f)
		default:
			jailFiles = append(jailFiles, f)
		}
	}
	return jailFiles, lists, mains, nil
}

// mainFile reads the main file; nil: it is refused.
func (c *checkup) mainFile(config string) *configs.Main {
	main, err := configs.LoadMain(cmp.Or(config, configs.DefaultMain), config != "")
	if err != nil {
		c.noStart = true
		c.refuse(err)
		return nil
	}
	c.warn(main.Warnings)
	if main.File != "" {
		c.Files = append(c.Files, checkedFile{File: main.File, Kind: configs.KindMain})
	}
	return main
}

// all checks what the daemon would load with a main file.
func (c *checkup) all(a *app, main *configs.Main) {
	for _, err := range atStart(main) {
		c.noStart = true
		c.refuse(err)
	}
	c.places(main)
	list, bad := main.LoadJails()
	maps.Copy(bad, a.checkPlan(main))
	for _, about := range slices.Sorted(maps.Keys(bad)) {
		c.refuse(bad[about])
	}
	for _, jail := range list {
		c.jail(jail, nil)
	}
}

// jail compiles a jail and runs its samples.
func (c *checkup) jail(spec *configs.Jail, err error) {
	if err != nil {
		c.refuse(err)
		return
	}
	c.warn(spec.Warnings)
	j, err := jails.Compile(spec)
	if err != nil {
		c.refuse(err)
	} else if wrong := j.CheckSamples(); len(wrong) > 0 {
		c.refuse(wrong)
	} else {
		c.Files = append(c.Files, checkedFile{spec.File, configs.KindJail, len(spec.Samples)})
	}
}

// list checks a list of user agents or of numbers.
func (c *checkup) list(file string) {
	kind, err := configs.KindOf(file)
	switch kind {
	case configs.KindAgents:
		err = configs.CheckAgents(file)
	case configs.KindNumbers:
		_, err = configs.LoadNumbers(file)
	}
	if err != nil {
		c.refuse(err)
		return
	}
	c.Files = append(c.Files, checkedFile{File: file, Kind: kind})
}

// refuse notes what the daemon would refuse.
func (c *checkup) refuse(err error) { c.Problems = append(c.Problems, remarks(err)...) }

func (c *checkup) warn(list configs.Problems) {
	if len(list) > 0 {
		c.Warnings = append(c.Warnings, remarks(list)...)
	}
}

// remarks are an error, or each of the faults of a file.
func remarks(err error) (list []remark) {
	problems, ok := errors.AsType[configs.Problems](err)
	if one, is := errors.AsType[configs.Problem](err); !ok && is && one.Error() == err.Error() {
		problems = configs.Problems{one}
	}
	for _, p := range problems {
		list = append(list, remark{p.File, p.Line, p.What, p.Hint(), p.Error()})
	}
	if len(problems) == 0 {
		list = []remark{{What: err.Error(), Hint: hint.Of(err), text: err.Error()}}
	}
	return list
}

func (a *app) report(c *checkup) error {
	if a.json {
		if err := a.emit(c); err != nil {
			return err
		}
	} else {
		a.complainAbout("warning: ", c.Warnings)
		a.complainAbout("", c.Problems)
		for _, f := range c.Files {
			if f.Kind == configs.KindJail {
				a.say("%s: ok, %s", f.File, show.Count(f.Samples, "sample")+" passed")
			} else {
				a.say("%s: ok, %s", f.File, f.Kind)
			}
		}
	}
	if n := len(c.Problems); n > 0 {
		do := "correct the files; then: jailctl reload. Until then pbxjail uses the settings that it read before"
		if c.noStart {
			do = "correct the main file: pbxjail cannot start with these mistakes. Then: jailctl check; systemctl restart pbxjail"
		}
		return control.Refuse(0, do, "%s", show.Count(n, "problem"))
	}
	return nil
}

// problem prints what is wrong with files, each fault with what to do.
func (a *app) problem(err error) { a.complainAbout("", remarks(err)) }

// complainAbout prints remarks, each with what to do.
func (a *app) complainAbout(lead string, list []remark) {
	for _, r := range list {
		a.complain("%s%s", lead, r.text)
		if r.Hint != "" {
			a.complain("  %s", r.Hint)
		}
	}
}
