package host

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// sshLine is one line of a file of sshd.
type sshLine struct {
	file  string
	at    int // from 1
	key   string
	value string
	scope applies
}

// applies is whether a line counts for root from a strange address.
type applies uint8

const (
	global  applies = iota // outside any Match
	matched                // in a Match that fits
	unsure                 // in a Match that may fit
	other                  // in a Match for other users or addresses
)

// Bounds of what is read of sshd: servconf.c has the same depth.
const (
	maxInclude  = 16
	maxSSHFile  = 1 << 20
	maxSSHFiles = 200
)

var errTooDeep = errors.New("too many files of sshd include each other, one inside the other")

// aliases are older names of settings: openssh:servconf.c keywords.
var aliases = map[string]string{"challengeresponseauthentication": "kbdinteractiveauthentication", "skeyauthentication": "kbdinteractiveauthentication"}

// readLines reads a file of sshd with what it includes: openssh:servconf.c.
func readLines(m *audit.Machine, file string, depth int) (list []sshLine, err error) {
	if depth > maxInclude {
		return nil, fmt.Errorf("%s: %w", file, errTooDeep)
	}
	text, err := m.Read(file, maxSSHFile)
	if err != nil {
		return nil, err
	}
	scope, at := global, 0
	for line := range strings.Lines(string(text)) {
		at++
		key, value := keyOf(line)
		if key == "" {
			continue
		}
		if key == "match" {
			scope = matchOf(value)
		}
		list = append(list, sshLine{file, at, key, value, scope})
		if key != "include" {
			continue
		}
		for _, pattern := range strings.Fields(value) {
			if !strings.HasPrefix(pattern, "/") {
				pattern = path.Join("/etc/ssh", pattern)
			}
			for _, included := range m.Glob(pattern, maxSSHFiles) {
				more, err := readLines(m, included, depth+1)
				if err != nil {
					return nil, err
				}
				for _, l := range more {
					list = append(list, within(l, scope))
				}
			}
			if folder, err := m.Open(path.Dir(pattern)); err == nil {
				folder.Close()
			} else if !errors.Is(err, fs.ErrNotExist) { // it may have files that are not seen
				return nil, err
			}
		}
	}
	return list, nil
}

// within is a line of a file that is included in a Match.
func within(l sshLine, outer applies) sshLine {
	if outer == global || l.scope == other {
		return l
	}
	if l.scope == global || outer == other || outer == unsure {
		l.scope = outer
	}
	return l
}

// keyOf takes a line apart: "Key value", "Key=value". Keys ignore case.
func keyOf(line string) (key, value string) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return "", ""
	}
	end := strings.IndexAny(line, " \t=")
	if end < 0 {
		return strings.ToLower(line), ""
	}
	value = strings.TrimLeft(line[end:], " \t")
	value = strings.TrimSpace(strings.TrimPrefix(value, "="))
	if before, _, found := strings.Cut(value, " #"); found {
		value = strings.TrimSpace(before)
	}
	key = strings.ToLower(line[:end])
	if newer := aliases[key]; newer != "" {
		key = newer
	}
	return key, strings.Trim(value, `"`)
}

// matchOf is whether a Match fits root from a strange address: all its criteria must.
func matchOf(criteria string) applies {
	words := strings.Fields(strings.ReplaceAll(criteria, "=", " "))
	out := matched
	for i := 0; i < len(words); i++ {
		criterion := strings.ToLower(words[i])
		if criterion == "all" {
			continue
		}
		if i++; i == len(words) {
			return unsure
		}
		fits := unsure
		switch criterion {
		case "user":
			fits = listed(words[i], func(pattern string) bool { return matches(pattern, "root") })
		case "group":
			fits = listed(words[i], func(pattern string) bool { return matches(pattern, "root") })
		case "address":
			fits = listed(words[i], isWorld)
		}
		if fits == other {
			return other
		}
		if fits == unsure {
			out = unsure
		}
	}
	return out
}

// listed is whether one of the patterns fits, and none that forbids it: ssh_config(5).
func listed(patterns string, fits func(string) bool) applies {
	out := other
	for one := range strings.SplitSeq(patterns, ",") {
		if forbidden, is := strings.CutPrefix(one, "!"); is {
			if fits(forbidden) {
				return other
			}
		} else if fits(one) {
			out = matched
		}
	}
	return out
}

// matches compares with a pattern of * and ?.
func matches(pattern, name string) bool {
	ok, err := path.Match(strings.NewReplacer(`\`, `\\`, "[", `\[`).Replace(pattern), name)
	return err == nil && ok
}

// isWorld reports whether a strange address fits.
func isWorld(pattern string) bool {
	if p, err := netip.ParsePrefix(pattern); err == nil {
		return p.Bits() == 0
	}
	return matches(pattern, stranger)
}

// readFiles is what sshd does with root, by its files. Where a Match may fit or not, and that
// decides, it is an error.
func readFiles(m *audit.Machine) (policy, error) {
	lines, err := readLines(m, "/etc/ssh/sshd_config", 0)
	if err != nil {
		return nil, err
	}
	without, with := choose(m, lines, false), choose(m, lines, true)
	if without.open() != with.open() {
		at := slices.IndexFunc(lines, func(l sshLine) bool { return l.scope == unsure })
		return nil, hint.New(audit.AsRoot("run jailctl audit as root, which can ask sshd; or look at the line yourself", "look at the line yourself, and see what sshd does without it: sshd -T | grep -i -e permitrootlogin -e password"),
			fmt.Sprintf("%s:%d is in a Match that jailctl does not understand", lines[at].file, lines[at].at))
	}
	return without, nil
}

// choose is the policy of the lines: the first value in a Match that fits counts, else the
// first one outside any Match, else the default.
func choose(m *audit.Machine, lines []sshLine, unsureFits bool) policy {
	p := policy{"passwordauthentication": {value: "yes"}, "kbdinteractiveauthentication": {value: "yes"}, "usepam": {value: "no"}} // the defaults of all versions
	if m.System().Is("debian", "ubuntu") {
		p["permitrootlogin"] = setting{value: "prohibit-password"} // since Debian 8
	}
	chosen := map[string]applies{}
	for _, l := range lines {
		if l.scope == unsure && unsureFits {
			l.scope = matched
		}
		if l.key == "match" || l.key == "include" || l.scope == other || l.scope == unsure {
			continue
		}
		set := setting{l.value, fmt.Sprintf("%s:%d: %s %s", l.file, l.at, l.key, show.Word(l.value, 80))}
		before, has := chosen[l.key]
		switch {
		case !has, before == global && l.scope == matched:
			p[l.key], chosen[l.key] = set, l.scope
		case before == l.scope && (strings.HasPrefix(l.key, "allow") || strings.HasPrefix(l.key, "deny")): // these add up
			set.value = p[l.key].value + " " + set.value
			p[l.key] = set
		}
	}
	return p
}
