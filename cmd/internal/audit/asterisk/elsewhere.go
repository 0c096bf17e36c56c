package asterisk

import (
	"io/fs"
	"path"
	"regexp"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// wholePath is an #include of a whole path.
var wholePath = regexp.MustCompile(`(?im)^\s*#(?:try)?include\s+["<]?/`)

const mostConfs = 2000

// elsewhere says which files of another machine (--root) lead to whole paths: the reader of
// Asterisk's files follows them on our own machine, so what the other one has there is not
// known.
func elsewhere(m *audit.Machine) []findings.Finding {
	if m.IsThis() {
		return nil
	}
	f := findings.Finding{
		About: "configuration", Severity: findings.Unknown, What: "cannot tell all that the configuration of the other machine says: some of its files lead to whole paths, which are looked for on this machine",
		Hint: "run jailctl audit on that machine itself, without --root",
	}
	for _, name := range m.Glob(asterisk.DefaultDir+"/*.conf", mostConfs) {
		target, err := fs.ReadLink(m.Files(), strings.TrimPrefix(name, "/"))
		if err == nil && path.IsAbs(target) {
			f.Evidence = append(f.Evidence, show.Word(name, 200)+" is a link to "+show.Word(target, 200))
			continue
		}
		text, _ := m.Read(name, 4<<20) // the checks report what cannot be read
		if at := wholePath.FindIndex(text); at != nil {
			f.Evidence = append(f.Evidence, show.Word(name, 200)+": #include of a whole path")
		}
	}
	if len(f.Evidence) == 0 {
		return nil
	}
	return []findings.Finding{f}
}
