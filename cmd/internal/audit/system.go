package audit

import (
	"slices"
	"strings"

	"pbxjail/cmd/internal/survey"
)

// Survey is which PBX the machine has, and what runs beside it, by its files alone.
func (m *Machine) Survey() survey.Found {
	return Remember(m, "survey", func() survey.Found {
		return survey.Look(m.Context(), survey.Machine{Root: m.Files()})
	})
}

// FreePBX reports whether FreePBX writes the files of Asterisk: then an admin adds lines to
// files of their own.
func (m *Machine) FreePBX() bool { return m.Survey().GUI == "FreePBX" }

// System is the distribution of the machine, by os-release(5). The zero value is unknown.
type System struct {
	ID   string   // "debian", "centos", "sangoma"; lower case
	Like []string // what it is made from
	Text string   // its name for people; it may hold any byte
}

// System reads which distribution the machine has.
func (m *Machine) System() (s System) {
	text, err := m.Read("/etc/os-release", 64<<10)
	if err != nil {
		text, _ = m.Read("/usr/lib/os-release", 64<<10)
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.Trim(value, `"'`)
		switch key {
		case "ID":
			s.ID = strings.ToLower(value)
		case "ID_LIKE":
			s.Like = strings.Fields(strings.ToLower(value))
		case "PRETTY_NAME":
			s.Text = value
		}
	}
	if s.ID == "" {
		for _, old := range []struct{ file, id string }{{"/etc/debian_version", "debian"}, {"/etc/redhat-release", "rhel"}} { // older than os-release
			if _, err := m.Stat(old.file); err == nil {
				s.ID = old.id
			}
		}
	}
	return s
}

// Is reports whether the distribution is one of these, or is made from one of them.
func (s System) Is(ids ...string) bool {
	return slices.ContainsFunc(ids, func(id string) bool { return s.ID == id || slices.Contains(s.Like, id) })
}

// Upgrade is the command that installs the newest package of a name, for the distribution;
// "" when the distribution is not known.
func (s System) Upgrade(debian, redHat string) string {
	switch {
	case s.Is("debian", "ubuntu"):
		return "apt-get update && apt-get install --only-upgrade " + debian
	case s.Is("rhel", "fedora", "centos", "sangoma", "rocky", "almalinux"):
		return "yum update " + redHat
	}
	return ""
}
