package fail2ban

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Jail is one enabled jail, its settings as they are written.
type Jail struct {
	Name     string
	Filter   string            // the name of its filter
	Options  map[string]string // what the jail gives to the filter: filter = NAME[mode=extra]
	Logs     []string
	Maxretry string
	Findtime string
	Bantime  string
	Ports    string
	Ignoreip []string // addresses, networks and names
	Growth   Growth
	Journal  bool     // its backend reads the journal, and no file
	Match    string   // journalmatch, where the jail has its own
	Notes    []string // what is not taken, and why
}

// Growth is bantime.increment and what belongs to it.
type Growth struct {
	On      bool
	Factor  string
	Maxtime string
}

// Load reads the jails below dir, such as /etc/fail2ban: jail.conf, jail.d/*.conf,
// jail.local, jail.d/*.local, later ones over earlier ones. It returns the enabled ones in
// the order of their sections. Bad are jails that cannot be read.
func Load(dir string) (jails []Jail, bad map[string]error, err error) {
	f := newFile()
	f.section("DEFAULT")
	paths := append([]string{filepath.Join(dir, "jail.conf")}, overlayFiles(dir)...)
	there := 0
	for _, path := range paths {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		there++
		f.read = 0
		if err := f.load(path); err != nil {
			return nil, nil, err
		}
	}
	if there == 0 {
		return nil, nil, fmt.Errorf("%s has no jail.conf and no jail.local: %w", dir, fs.ErrNotExist)
	}
	bad = map[string]error{}
	for _, name := range f.order {
		if name == "DEFAULT" || name == "INCLUDES" {
			continue
		}
		on, _, err := f.value(name, "enabled")
		if err == nil && !isTrue(on) {
			continue
		}
		j, err := f.jail(name)
		if err != nil {
			bad[name] = err
			continue
		}
		jails = append(jails, j)
	}
	return jails, bad, nil
}

func isTrue(text string) bool {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "1", "on", "true", "yes":
		return true
	}
	return false
}

// actionPort is the ports in an action such as iptables-multiport[name=SSH, port="ssh"].
var actionPort = regexp.MustCompile(`[\[,]\s*port\s*=\s*(?:"([^"\]]*)"|([^,"\]\s]+))`)

func (f *file) jail(name string) (Jail, error) {
	j := Jail{Name: name}
	var failed error
	get := func(key string) string {
		text, _, err := f.value(name, key)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", key, err))
		}
		return strings.TrimSpace(text)
	}
	j.Filter, j.Options = options(get("filter"))
	if j.Filter == "" {
		j.Filter = name
	}
	backend := get("backend")
	j.Journal, j.Match = strings.HasPrefix(backend, "systemd"), get("journalmatch")
	for line := range strings.FieldsSeq(strings.ReplaceAll(get("logpath"), "\n", " ")) {
		if line != "tail" && line != "head" { // where to begin, not a file
			j.Logs = append(j.Logs, line)
		}
	}
	j.Maxretry, j.Findtime, j.Bantime, j.Ports = get("maxretry"), get("findtime"), get("bantime"), get("port")
	if _, all, _ := Ports(j.Ports); all { // older files name the ports in the action alone
		if m := actionPort.FindStringSubmatch(get("action")); m != nil {
			j.Ports = cmp.Or(m[1], m[2])
		}
	}
	j.Ignoreip = words(get("ignoreip"))
	j.Growth = Growth{On: isTrue(get("bantime.increment")), Factor: get("bantime.factor"), Maxtime: get("bantime.maxtime")}
	if get("bantime.formula") != "" || get("bantime.multipliers") != "" {
		j.Notes = append(j.Notes, "bantime.formula and bantime.multipliers are not imported: write bantime_growth into the new jail file, such as bantime_growth: {factor: 2, max: 4w}")
	}
	if get("ignorecommand") != "" {
		j.Notes = append(j.Notes, "ignorecommand is not imported, because pbxjail starts no program for a log line: write the addresses that it finds into ignoreip")
	}
	return j, failed
}

// options splits NAME[key=value, key='value'].
func options(text string) (name string, opts map[string]string) {
	name, rest, found := strings.Cut(text, "[")
	name = strings.TrimSpace(name)
	if !found {
		return name, nil
	}
	opts = map[string]string{}
	rest = strings.TrimSuffix(strings.TrimSpace(rest), "]")
	for rest != "" {
		key, after, found := strings.Cut(rest, "=")
		if !found {
			break
		}
		value, left := optionValue(strings.TrimLeft(after, " \t\n"))
		opts[strings.ToLower(strings.Trim(key, " \t\n,"))] = value
		rest = left
	}
	return name, opts
}

// optionValue takes a value up to the next comma, or a quoted one whole.
func optionValue(text string) (value, rest string) {
	if text != "" && (text[0] == '"' || text[0] == '\'') {
		if end := strings.IndexByte(text[1:], text[0]); end >= 0 {
			return text[1 : end+1], strings.TrimLeft(text[end+2:], " \t\n,")
		}
	}
	value, rest, _ = strings.Cut(text, ",")
	return strings.TrimSpace(value), strings.TrimLeft(rest, " \t\n")
}

// Written writes the options of a filter as a jail does, and as fail2ban-regex reads them. A
// value that cannot be quoted is left out.
func Written(opts map[string]string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(opts)) {
		if !strings.ContainsAny(key+opts[key], "\"[]\n") {
			parts = append(parts, fmt.Sprintf(`%s="%s"`, key, opts[key]))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
