package recordings

import (
	"path/filepath"
	"time"
)

// Machine is what this package knows of the machine. Its methods are for one goroutine at a
// time.
type Machine struct {
	Root     string         // the folder in which the machine's files are; "" is /
	Proc     string         // proc(5) of the kernel we run on; "" is /proc
	Asterisk string         // Asterisk's configuration, within Root
	Now      time.Time      // ages are counted from it
	Zone     *time.Location // of the dates in names of files
	UID      int            // ours: a file of this user is as good as one of root
	Synced   bool           // the kernel says that the clock is set from elsewhere; see Synchronised
}

// Policy is what the admin wants. The zero value deletes nothing.
type Policy struct {
	Retention time.Duration // 0: calls are never deleted
	Voicemail time.Duration // 0: voicemail is never deleted
	Folders   []string      // that the main file names
	KeepTrail time.Duration // 0: no end
}

// keep is how long a kind of recording is kept; 0: without end.
func (p *Policy) keep(k Kind) time.Duration {
	if k == Voicemail {
		return p.Voicemail
	}
	return p.Retention
}

// shortest is the shorter one of the two times that are set.
func (p *Policy) shortest() time.Duration {
	if p.Voicemail == 0 || p.Retention != 0 && p.Retention < p.Voicemail {
		return p.Retention
	}
	return p.Voicemail
}

func (m *Machine) root() string {
	if m.Root == "" {
		return "/"
	}
	return m.Root
}

func (m *Machine) proc() string {
	if m.Proc == "" {
		return "/proc"
	}
	return m.Proc
}

// path is where a file of the machine is for us.
func (m *Machine) path(name string) string { return filepath.Join(m.root(), name) }

// name is a path of ours as the machine has it.
func (m *Machine) name(path string) string {
	rel, err := filepath.Rel(m.root(), path)
	if err != nil {
		return path
	}
	return filepath.Join("/", rel)
}
