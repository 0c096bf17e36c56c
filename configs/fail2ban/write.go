package fail2ban

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"pbxjail/configs/show"
)

// Taken is a jail as pbxjail would have it.
type Taken struct {
	Jail     Jail     `json:"-"`
	File     string   `json:"file"` // the name of the jail file that Text is for
	Name     string   `json:"jail"`
	Covered  string   `json:"covered_by"` // what of pbxjail does its work; "": Text does
	Patterns int      `json:"patterns"`   // how many the filter has
	Carried  int      `json:"carried"`    // and how many of them are in Text
	Text     string   `json:"text"`       // the jail file; "": none
	Notes    []string `json:"notes"`      // what is not taken, and why
}

// fileName is what a jail file may be named: a name must not lead out of its folder.
var fileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// count is a number as it may be written into a jail file.
var count = regexp.MustCompile(`^[0-9]+(?:\.[0-9]+)?$`)

// covered are filters whose work jails of pbxjail do, and do better than a pattern could.
var covered = map[string]string{
	"asterisk":          "the shipped jails guessing, scanning, toll-fraud and manager",
	"asterisk-security": "the shipped jails guessing, scanning, toll-fraud and manager",
	"recidive":          "bantime_growth, which makes each further ban longer, and all_ports_from",
}

// switched are filters whose work a shipped jail does that is off until a file switches it on.
var switched = map[string]string{
	"sshd": "sshd", "vsftpd": "vsftpd", "openvpn": "openvpn", "postfix": "postfix", "postfix-sasl": "postfix", "issabel-gui": "issabel",
	"apache-auth": "apache", "apache-noscript": "apache", "apache-botsearch": "apache", "nginx-botsearch": "nginx", "freepbx": "freepbx", "pbx-gui": "freepbx",
}

// Take makes a jail file of a jail and its filter. failed is why the filter could not be
// read, or nil. good reports whether pbxjail takes a pattern, and why not.
func Take(j Jail, f Filter, failed error, good func(regex string) error) Taken {
	t := Taken{Jail: j, File: j.Name + ".yaml", Name: j.Name, Covered: covered[j.Filter], Patterns: len(f.Patterns), Notes: j.Notes}
	note := func(format string, args ...any) { t.Notes = append(t.Notes, fmt.Sprintf(format, args...)) }
	if j.Journal {
		j.Logs = journalUnits(j, f)
		t.Jail.Logs = j.Logs
	}
	switch shipped := switched[j.Filter]; {
	case shipped != "":
		t.Covered, t.File = "the shipped jail "+shipped, shipped+".yaml"
		t.Text = t.switchOn(note)
		return t
	case !fileName.MatchString(j.Name):
		note("not imported: its name cannot be the name of a file; give the jail a name of letters, digits and - in fail2ban")
		return t
	case t.Covered != "":
		return t
	case failed != nil:
		note("not imported: %v", failed)
		return t
	case len(j.Logs) == 0 && j.Journal:
		note(noUnit)
		return t
	case len(j.Logs) == 0:
		note("not imported: fail2ban names no log for it; write logpath into jail.local")
		return t
	}
	var regexes []string
	for _, p := range f.Patterns {
		why := p.Why
		if why == "" {
			if err := good(p.Regex); err != nil {
				why = err.Error()
			}
		}
		if why != "" {
			note("failregex is not imported: %s: %s", why, p.Theirs)
			continue
		}
		regexes = append(regexes, p.Regex)
	}
	if t.Carried = len(regexes); t.Carried == 0 {
		return t
	}
	t.Text = t.file(regexes, f.Ignore, note)
	return t
}

// file writes the jail file.
func (t *Taken) file(regexes, ignore []string, note func(string, ...any)) string {
	var b strings.Builder
	j := t.Jail
	fmt.Fprintf(&b, "# Made by jailctl import from the jail %s of fail2ban, filter %s.\n", j.Name, j.Filter)
	if len(ignore) > 0 {
		b.WriteString("\n# The filter has an ignoreregex, which pbxjail does not have, so this jail only observes. If\n# jailctl list shows no honest address, remove the next line.\nobserve: true\n")
		note("its ignoreregex is not imported, so the jail only observes: if jailctl list shows no honest address, remove observe: true from the new jail file")
	}
	t.writeLogs(&b)
	b.WriteString("\nmatch:\n")
	for _, regex := range regexes {
		fmt.Fprintf(&b, "  - regex: %s\n", quoted(regex))
	}
	b.WriteString("\n")
	t.writeLimits(&b, note)
	t.writePorts(&b, note)
	return b.String()
}

// switchOn writes a file that switches a shipped jail on, with the values of theirs.
func (t *Taken) switchOn(note func(string, ...any)) string {
	var b strings.Builder
	b.WriteString("# Made by jailctl import from a jail of fail2ban. What is not written here is as in the shipped jail of this name.\nenabled: true\n")
	if len(t.Jail.Logs) > 0 {
		t.writeLogs(&b)
	}
	if t.Jail.Journal && len(t.Jail.Logs) == 0 {
		note(noUnit)
	}
	b.WriteString("\n")
	t.writeLimits(&b, note)
	if _, all, unknown := Ports(t.Jail.Ports); !all || unknown != "" { // or else the shipped jail's ports
		t.writePorts(&b, note)
	}
	return b.String()
}

func (t *Taken) writeLogs(b *strings.Builder) {
	b.WriteString("\nlogs:\n")
	for _, log := range t.Jail.Logs {
		fmt.Fprintf(b, "  - %s\n", quoted(log))
	}
}

// writeLimits writes how many lines lead to a ban, and how long it lasts.
func (t *Taken) writeLimits(b *strings.Builder, note func(string, ...any)) {
	j := t.Jail
	switch n := strings.TrimSpace(j.Maxretry); {
	case count.MatchString(n):
		fmt.Fprintf(b, "maxretry: %s\n", n)
	case n != "":
		note("maxretry %q is not imported: the default of pbxjail is used", n)
	}
	for _, length := range []struct{ key, text string }{{"findtime", j.Findtime}, {"bantime", j.Bantime}} {
		if length.text == "" {
			continue
		}
		text, err := ourDuration(length.text)
		if err != nil || length.key == "findtime" && text == "forever" {
			note("%s %q is not imported: the default of pbxjail is used", length.key, length.text)
			continue
		}
		fmt.Fprintf(b, "%s: %s\n", length.key, text)
	}
	if g := j.Growth; g.On {
		factor, most := g.Factor, "4w"
		if !count.MatchString(factor) || factor == "1" {
			factor = "2" // fail2ban doubles by its formula
		}
		if text, err := ourDuration(g.Maxtime); err == nil {
			most = text
		}
		fmt.Fprintf(b, "bantime_growth: {factor: %s, max: %s}\n", factor, most)
	}
}

// writePorts writes which ports a ban closes.
func (t *Taken) writePorts(b *strings.Builder, note func(string, ...any)) {
	switch list, all, unknown := Ports(t.Jail.Ports); {
	case unknown != "":
		note("port %q is unknown, so bans of this jail close all ports: write ports into the new jail file", unknown)
		b.WriteString("ports: all\n")
	case all:
		b.WriteString("ports: all\n")
	default:
		fmt.Fprintf(b, "ports: [%s]\n", strings.Join(list, ", "))
	}
}

// noUnit says why a jail that reads the journal is not taken.
const noUnit = "not imported: its journalmatch names no unit (_SYSTEMD_UNIT=NAME), and any program can write the other fields"

// unitMatch is a word of a journalmatch that only the processes of a unit fulfil.
var unitMatch = regexp.MustCompile(`^_SYSTEMD_UNIT=([A-Za-z0-9][A-Za-z0-9:_.@-]{0,250})$`)

// sshUnits are the names that distributions give to the unit of sshd. The filter knows one.
var sshUnits = []string{"ssh.service", "sshd.service"}

// journalUnits are the units that a jail reads in the journal, as logs.
func journalUnits(j Jail, f Filter) (logs []string) {
	for _, word := range strings.Fields(cmp.Or(j.Match, f.Match)) {
		found := unitMatch.FindStringSubmatch(word)
		if found == nil {
			continue
		}
		units := found[1:]
		if slices.Contains(sshUnits, units[0]) {
			units = sshUnits
		}
		for _, unit := range units {
			if log := "journal:" + unit; !slices.Contains(logs, log) {
				logs = append(logs, log)
			}
		}
	}
	return logs
}

// quoted is a string of YAML in which nothing but the quote means something.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func ourDuration(text string) (string, error) {
	d, forever, err := Duration(text)
	switch {
	case err != nil:
		return "", err
	case forever:
		return "forever", nil
	case d < time.Second:
		return "", fmt.Errorf("%q is shorter than 1s", text)
	}
	return show.Duration(d.Truncate(time.Second)), nil
}
