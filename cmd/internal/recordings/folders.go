package recordings

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"golang.org/x/sys/unix"

	"pbxjail/configs/asterisk"
)

// Kind is what is in a folder.
type Kind string

const (
	Calls     Kind = "call"
	Voicemail Kind = "voicemail" // CONTEXT/MAILBOX/FOLDER/msgNNNN.txt, with its sound
)

// Folder is a folder with recordings.
type Folder struct {
	Path  string `json:"path"`  // as it was named
	Real  string `json:"real"`  // where that is, without symbolic links; "" when it cannot be opened
	Kind  Kind   `json:"kind"`  // what is in it
	From  string `json:"from"`  // who names it: "built in", "main file", or a file of Asterisk
	Doubt string `json:"doubt"` // why expire deletes nothing in it; ""
	Err   error  `json:"-"`     // why it cannot be read; nil

	id     key
	closed bool // others than owner and group cannot reach it
}

// spoolFolders are the folders below Asterisk's spool folder that hold recordings: calls
// (app_mixmonitor.c), what ARI records (res_ari_recordings), conferences (app_meetme.c), and
// voicemail (app_voicemail.c).
var spoolFolders = []string{"monitor", "recording", "meetme", "voicemail"}

// The words of Folder.From for folders that no file of Asterisk names.
const (
	FromBuiltIn = "built in"
	FromPolicy  = "main file"
)

// Folders are the folders with recordings on this machine, without those that do not exist,
// each once. A folder of the main file that cannot be opened is listed with its error.
func (m *Machine) Folders(p Policy) (list []Folder) {
	add := func(name, from string) {
		f := Folder{Path: path.Clean(name), From: from, Kind: Calls}
		if path.Base(f.Path) == "voicemail" {
			f.Kind = Voicemail
		}
		m.look(&f)
		if from != FromPolicy && errors.Is(f.Err, fs.ErrNotExist) {
			return
		}
		if from != FromBuiltIn && from != FromPolicy && f.Doubt == "" && !m.vouched(from) {
			f.Doubt = "only " + from + " names the folder, and other users than root can change that file"
		}
		if i := slices.IndexFunc(list, func(o Folder) bool { return o.Path == f.Path || f.Err == nil && o.Err == nil && o.id == f.id }); i >= 0 {
			return // the first that names it counts
		}
		list = append(list, f)
	}
	for _, name := range p.Folders {
		add(name, FromPolicy)
	}
	for _, sub := range spoolFolders {
		add(path.Join(asterisk.DefaultSpool, sub), FromBuiltIn)
	}
	if spool, file := asterisk.Spool(m.path(m.Asterisk)); file != "" {
		for _, sub := range spoolFolders {
			add(path.Join(spool, sub), m.name(file))
		}
	}
	for _, r := range asterisk.RecordingFolders(m.path(m.Asterisk)) {
		add(r.Folder, m.name(r.File))
	}
	return list
}

// look opens a folder, to see which one it is.
func (m *Machine) look(f *Folder) {
	o, err := m.openFolder(f.Path)
	if err != nil {
		f.Err = err
		return
	}
	defer o.file.Close()
	f.Real, f.closed = o.real, o.closed
	f.Doubt = o.doubt
	if slices.Contains(systemFolders, f.Real) {
		f.Doubt = "it is a folder of the system, and holds more than recordings"
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(o.file.Fd()), &st); err != nil {
		f.Err = pathError("stat", f.Path, err)
		return
	}
	f.id = keyOf(&st)
}

// systemFolders are never a folder of recordings, wherever a link or a file of Asterisk leads.
var systemFolders = []string{"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var"}
