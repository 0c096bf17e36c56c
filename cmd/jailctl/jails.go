package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

func (a *app) jailsVerb() *cobra.Command {
	var config, folder, name string
	var effective, logs bool
	c := &cobra.Command{
		Use:   "jails",
		Short: "the settings of each jail, and where they come from; needs no daemon",
		Long: `jails reads the main file (/etc/pbxjail/pbxjail.yaml) and the jail files as the daemon does.
If a setting has several sources, the last one in this list counts:

  built-in   the defaults of pbxjail
  shipped    the jail that comes with pbxjail
  defaults   defaults and logs of the main file, for all jails
  FILE:LINE  the jail's own file in /etc/pbxjail.d

A file with both logs and match is a whole jail: it replaces the shipped jail of its name.
Any other file changes some settings of the shipped jail of its name.

  jailctl jails                           one line for each jail
  jailctl jails --logs                    the logs that each jail follows, found ones too
  jailctl jails --effective               every setting of every jail
  jailctl jails --print NAME              the file of a jail, as it is written
  jailctl jails --print NAME --effective  every setting of a jail, as a complete file

What --print prints is a jail file: a good start for a jail of your own.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			main, err := mainOf(config, folder)
			if err != nil {
				return err
			}
			list, err := a.everyJail(main)
			if err != nil {
				return err
			}
			switch {
			case c.Flags().Changed("print"):
				return a.printJail(list, name, effective)
			case logs:
				return a.printJailLogs(list, main)
			}
			return a.printJails(list, effective)
		},
	}
	configFlag(c, &config)
	c.Flags().StringVar(&folder, "jails", "", "folder of jail files, in place of the one in the main file")
	c.Flags().StringVar(&name, "print", "", "print the file of this jail")
	c.Flags().BoolVar(&logs, "logs", false, "print the logs that each jail follows, and whether they exist")
	c.Flags().BoolVar(&effective, "effective", false, "print every setting, and where it comes from")
	return c
}

// mainOf reads the main file (the default one where it exists, when config is ""), with
// another folder of jail files where one is named.
func mainOf(config, folder string) (*configs.Main, error) {
	main, err := configs.LoadMain(cmp.Or(config, configs.DefaultMain), config != "")
	if err == nil && folder != "" {
		main.Jails = folder
	}
	return main, err
}

// everyJail are all jails. In the place of a file that is refused is what the daemon
// starts with: the shipped jail, if there is one of its name.
func (a *app) everyJail(main *configs.Main) ([]*configs.Jail, error) {
	list, bad := main.EveryJail()
	if err := bad[""]; err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		a.problem(bad[name])
		if shipped := main.ShippedJail(name); shipped != nil {
			a.complain("note: pbxjail uses its shipped jail %s in place of this file", name)
			list = append(list, shipped)
		}
	}
	slices.SortFunc(list, func(x, y *configs.Jail) int { return strings.Compare(x.Name, y.Name) })
	return list, nil
}

// printJail prints the file of one jail.
func (a *app) printJail(list []*configs.Jail, name string, effective bool) error {
	i := slices.IndexFunc(list, func(j *configs.Jail) bool { return j.Name == name })
	if i < 0 {
		return noJail(name, namesOf(list))
	}
	if a.json {
		return a.emit(settingsOf(list[i]))
	}
	text := fmt.Sprintf("# All settings of the jail %s, and where each comes from.\n", name) + list[i].Text()
	if !effective {
		if data, ok := configs.ShippedText(list[i].File); ok {
			text = string(data)
		} else if data, err := os.ReadFile(list[i].File); err == nil {
			text = string(data)
		} else {
			return hint.Cannot(err)
		}
	}
	for line := range strings.Lines(text) {
		fmt.Fprintln(a.stdout, show.Terminal(strings.TrimSuffix(line, "\n"))) // a file is not broken into lines
	}
	return nil
}

func namesOf(list []*configs.Jail) (names []string) {
	for _, j := range list {
		names = append(names, j.Name)
	}
	return names
}

// noJailError is about a jail that does not exist.
type noJailError struct{ error }

func (n *noJailError) Unwrap() error { return n.error }

// noJail is the error about a jail that does not exist.
func noJail(name string, names []string) error {
	slices.Sort(names)
	return &noJailError{control.Refuse(0, "the jails are: "+strings.Join(slices.Compact(names), ", "), "no such jail: %q", name)}
}

// jailSettings is what jails prints as JSON.
type jailSettings struct {
	Name     string    `json:"name"`
	File     string    `json:"file"` // its own file, or shipped/NAME.yaml
	Enabled  bool      `json:"enabled"`
	Settings []setting `json:"settings"`
}

type setting struct {
	Key   string `json:"key"`
	Value string `json:"value"` // as a file has it; "": not set
	From  string `json:"from"`  // built-in, shipped, defaults or file
	File  string `json:"file"`  // "" where it is built in
	Line  int    `json:"line"`
}

func settingsOf(j *configs.Jail) jailSettings {
	s := jailSettings{j.Name, j.File, j.Enabled, []setting{}}
	for _, one := range j.Settings() {
		s.Settings = append(s.Settings, setting{one.Key, one.Value, one.From.Layer, one.From.File, one.From.Line})
	}
	return s
}

func (a *app) printJails(list []*configs.Jail, effective bool) error {
	if a.json {
		all := []jailSettings{}
		for _, j := range list {
			all = append(all, settingsOf(j))
		}
		return a.emit(all)
	}
	if effective {
		t := a.newTable("JAIL", "SETTING", "FROM", "VALUE")
		for _, j := range list {
			for _, s := range j.Settings() {
				t.row(j.Name, s.Key, s.From.String(), s.Value)
			}
		}
		return t.end()
	}
	t := a.newTable("JAIL", "STATE", "MAXRETRY", "FINDTIME", "BANTIME", "FROM", "CHANGED")
	for _, j := range list {
		s, state := map[string]string{}, "on"
		from, changed := j.File, []string{}
		for _, one := range j.Settings() {
			s[one.Key] = one.Value
			if one.From.Layer == configs.FromShipped {
				from = "shipped"
			}
		}
		for _, one := range j.Settings() {
			if one.From.Layer == configs.FromDefaults || one.From.Layer == configs.FromFile && from == "shipped" {
				changed = append(changed, one.Key)
			}
		}
		switch {
		case !j.Enabled:
			state = "off"
		case j.Observe:
			state = "observes"
		}
		t.row(j.Name, state, s["maxretry"], s["findtime"], s["bantime"], from, strings.Join(changed, ", "))
	}
	return t.end()
}
