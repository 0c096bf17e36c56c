// Package asterisk is the part of jailctl audit for Asterisk: its version, who can reach its
// manager interface and its web server, what callers without an account can do, weak secrets,
// and files for phones that show secrets. The list of the parts has its Checks. It must never
// change anything, never show a secret or a part of one, and never call something fine that
// it could not look at. What it knows of versions is in versions.json, with its date.
package asterisk

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/doctor"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/host"
	"pbxjail/cmd/internal/survey"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// Checks are the checks of this part.
func Checks() []findings.Check[*audit.Machine] {
	return []findings.Check[*audit.Machine]{
		{Name: "asterisk-version", Asks: "is Asterisk old, or does it have known holes?", Run: versions},
		{Name: "asterisk-manager", Asks: "who can reach the manager interface (AMI)?", Run: manager},
		{Name: "asterisk-http", Asks: "who can reach the web server of Asterisk, and ARI?", Run: web},
		{Name: "asterisk-open", Asks: "does Asterisk listen to the world for programs?", Run: open},
		{Name: "asterisk-callers", Asks: "what can callers without an account do?", Run: callers},
		{Name: "asterisk-secrets", Asks: "are there weak secrets?", Run: secrets},
		{Name: "asterisk-phones", Asks: "can anybody read the files of phones, with secrets in them?", Run: phones},
	}
}

// folders are where Asterisk's configuration is, and where it really is on the disk. other is
// the finding where there is none.
func folders(m *audit.Machine) (list []string, other []findings.Finding) {
	names := []string{asterisk.DefaultDir}
	if m.IsThis() {
		names = append(names, host.ConfigFolders("/proc", "asterisk")...)
	}
	slices.Sort(names)
	var failed error
	for _, name := range slices.Compact(names) {
		real, err := m.Path(name)
		if err == nil {
			_, err = m.Stat(name + "/asterisk.conf")
		}
		switch {
		case err == nil:
			list = append(list, real)
		case !missing(err):
			failed = err
		}
	}
	switch {
	case len(list) > 0:
		return list, nil
	case failed != nil:
		return nil, []findings.Finding{m.Unseen("asterisk", "what the configuration of Asterisk says", failed)}
	}
	return nil, []findings.Finding{audit.Absent("asterisk", "Asterisk has no configuration on this machine (%s)", asterisk.DefaultDir)}
}

// named is a file for people, as the machine names it.
func named(m *audit.Machine, file string) string {
	if root := strings.TrimSuffix(m.Root, "/"); root != "" {
		if rest, found := strings.CutPrefix(file, root+"/"); found {
			file = "/" + rest
		}
	}
	return show.Word(file, 200)
}

// where is a line of a file for people.
func where(m *audit.Machine, at asterisk.Place) string {
	return fmt.Sprintf("%s:%d", named(m, at.File), at.Line)
}

// unread are the problems of reading a file: what is in it is not known.
func unread(about, what string, problems []error) (list []findings.Finding) {
	if len(problems) == 0 {
		return nil
	}
	f := findings.Finding{About: about, Severity: findings.Unknown, What: "cannot tell all of " + what + ": a part of the configuration cannot be read", Hint: hint.Of(problems[0])}
	for _, p := range problems {
		f.Evidence = append(f.Evidence, hint.Line(p.Error()))
	}
	return []findings.Finding{f}
}

// general is the last setting of a key in [general]; "" where there is none.
func general(sections []asterisk.Section, key string) (last asterisk.Setting) {
	for _, s := range sections {
		if set, found := s.Last(key); found && strings.EqualFold(s.Name, "general") {
			last = set
		}
	}
	return last
}

// callers asks the checks of doctor: guests, the answers to wrong accounts, and texts of
// callers that reach a shell.
func callers(m *audit.Machine) (list []findings.Finding) {
	dirs, other := folders(m)
	if other != nil {
		return nil // the check of the manager interface says it
	}
	e := &doctor.Env{Root: m.Files(), Folders: dirs, Found: survey.Found{Asterisk: installed(m).text}}
	for _, f := range findings.Run(e, doctor.Callers()).Findings {
		if f.Severity == findings.OK {
			continue
		}
		for i := range f.Evidence {
			f.Evidence[i] = shorten(m, f.Evidence[i])
		}
		f.What, f.Hint = shorten(m, f.What), shorten(m, f.Hint)
		for i := range f.Fix {
			f.Fix[i].Where = shorten(m, f.Fix[i].Where)
		}
		list = append(list, f)
	}
	for _, dir := range dirs {
		_, problems := asterisk.Dialplan(dir)
		list = append(list, unread("callers", "what callers can do", problems)...)
	}
	if len(list) == 0 {
		list = append(list, audit.OK("callers", "callers without an account reach no dialplan that calls out, and no text of a caller reaches a shell"))
	}
	return list
}

// shorten takes the folder of another machine out of a text.
func shorten(m *audit.Machine, text string) string {
	if root := strings.TrimSuffix(filepath.Clean(m.Root), "/"); !m.IsThis() && root != "" {
		return strings.ReplaceAll(text, root+"/", "/")
	}
	return text
}
