package main

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/fail2ban"
	"pbxjail/configs/show"
)

// importSide is a setting of a jail, as fail2ban has it and as pbxjail would.
type importSide struct {
	Setting string `json:"setting"`
	Theirs  string `json:"fail2ban"`
	Ours    string `json:"pbxjail"`
}

// sidesOf compares a jail of fail2ban with the jail that would do its work; nil where there
// is none.
func sidesOf(main *configs.Main, t fail2ban.Taken) (sides []importSide) {
	spec := ourJail(main, t)
	if spec == nil {
		return nil
	}
	var ports []string
	for _, p := range spec.Ports {
		ports = append(ports, cmp.Or(p.Word, p.Range.String()))
	}
	bantime := show.Duration(spec.Bantime)
	if g := spec.Growth; g.Factor > 1 {
		bantime += ", longer each time, to " + show.Duration(g.Max)
	}
	theirs := t.Jail.Bantime
	if t.Jail.Growth.On {
		theirs += ", longer each time"
	}
	return []importSide{
		{"logs", joined(t.Jail.Logs), logsShown(spec.Logs)},
		{"maxretry", t.Jail.Maxretry, strconv.FormatFloat(float64(spec.Maxretry)/1000, 'f', -1, 64)},
		{"findtime", readable(t.Jail.Findtime), show.Duration(spec.Findtime)},
		{"bantime", readable(theirs), bantime},
		{"ports", cmp.Or(t.Jail.Ports, "all"), cmp.Or(joined(ports), "those of the service")},
	}
}

// ourJail is the jail that does the work: of the file that is made, or guessing for the
// filters of Asterisk.
func ourJail(main *configs.Main, t fail2ban.Taken) *configs.Jail {
	if t.Text != "" {
		spec, _ := main.JailOf(t.File, []byte(t.Text)) // the plan names a text that is none
		return spec
	}
	if strings.HasPrefix(t.Jail.Filter, "asterisk") && t.Covered != "" {
		return main.ShippedJail("guessing")
	}
	return nil
}

// logsShown are the first logs of a jail, and how many more there are.
func logsShown(logs []string) string {
	const most = 3
	if len(logs) <= most {
		return joined(logs)
	}
	return joined(logs[:most]) + " and " + strconv.Itoa(len(logs)-most) + " more"
}

func joined(list []string) string { return strings.Join(list, " ") }

// readable writes a number of seconds as a length. Other text stays as it is.
func readable(text string) string {
	number, rest, _ := strings.Cut(text, ",")
	d, forever, err := fail2ban.Duration(number)
	switch {
	case err != nil:
		return text
	case forever:
		number = "forever"
	case d >= time.Second:
		number = show.Duration(d.Truncate(time.Second))
	}
	if rest != "" {
		return number + "," + rest
	}
	return number
}

// printSides prints the two beside each other; what is too long for its column has a line of
// its own.
func (a *app) printSides(sides []importSide) {
	const width = 34
	if len(sides) == 0 {
		return
	}
	a.say("    %-10s%-*s%s", "", width, "fail2ban", "pbxjail")
	for _, s := range sides {
		theirs := show.Escaped(s.Theirs)
		if len(theirs) >= width {
			a.say("    %-10s%s", s.Setting, theirs)
			a.say("    %-10s%-*s%s", "", width, "", show.Escaped(s.Ours))
			continue
		}
		a.say("    %-10s%-*s%s", s.Setting, width, theirs, show.Escaped(s.Ours))
	}
}
