package fail2ban

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Overlay is what the web interface of a PBX wrote for fail2ban beside its jail.conf. The
// zero value says nothing.
type Overlay struct {
	Ignoreip []string // of [DEFAULT]: for all jails
	Jails    []Over
}

// Over is what one section says, itself or by [DEFAULT]; "" where it says nothing.
type Over struct {
	Name                        string
	Maxretry, Findtime, Bantime string
	Ignoreip                    []string // of the section itself
}

// overlayFiles are those that are written beside jail.conf, in the order in which fail2ban
// reads them. FreePBX writes jail.local, Issabel jail.d/issabel.conf.
func overlayFiles(dir string) (paths []string) {
	for _, step := range []string{"jail.d/*.conf", "jail.local", "jail.d/*.local"} {
		found, _ := filepath.Glob(filepath.Join(dir, step)) // the patterns are right
		slices.Sort(found)
		paths = append(paths, found...)
	}
	return paths
}

// LoadOverlay reads jail.local and the files of jail.d below dir. A value that cannot be put
// together is left out. A folder that is not there says nothing.
func LoadOverlay(dir string) (Overlay, error) {
	f := newFile()
	f.section("DEFAULT")
	for _, path := range overlayFiles(dir) {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		f.read = 0
		if err := f.load(path); err != nil {
			return Overlay{}, err
		}
	}
	get := func(section, key string) string {
		text, _, err := f.value(section, key)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(text)
	}
	o := Overlay{Ignoreip: words(get("DEFAULT", "ignoreip"))}
	for _, name := range f.order {
		if name == "DEFAULT" || name == "INCLUDES" {
			continue
		}
		over := Over{Name: name, Maxretry: get(name, "maxretry"), Findtime: get(name, "findtime"), Bantime: get(name, "bantime")}
		if _, own := f.sections[name]["ignoreip"]; own {
			over.Ignoreip = words(get(name, "ignoreip"))
		}
		o.Jails = append(o.Jails, over)
	}
	return o, nil
}

// words splits a list of addresses, as ignoreip is one.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' })
}

// asteriskJails are the jails of pbxjail that are one jail for those who know fail2ban:
// "asterisk". The first three count what its filter counts.
var asteriskJails = []string{"guessing", "scanning", "manager", "toll-fraud", "silent", "sipsec", "manual"}

// Ours are the names that the jails of pbxjail may have which do the work of a jail of
// fail2ban. Web interfaces and distributions name one service in several ways. counted is
// how many of them, from the first, count what the jail of fail2ban counts.
func Ours(name string) (jails []string, counted int) {
	const counting = 3
	plain := strings.TrimSuffix(name, "-iptables") // as Issabel and old FreePBX name them
	switch {
	case strings.HasPrefix(name, "asterisk"):
		return slices.Clone(asteriskJails), counting
	case strings.HasPrefix(name, "ssh"):
		jails = []string{name, "sshd"}
	case name == "pbx-gui":
		jails = []string{name, "freepbx"}
	case name == "issabel-gui":
		jails = []string{name, "issabel"}
	case plain != name:
		jails = []string{name, plain}
	default:
		jails = []string{name}
	}
	return jails, len(jails)
}
