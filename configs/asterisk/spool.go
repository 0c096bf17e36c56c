package asterisk

import (
	"path/filepath"
	"strings"
)

// DefaultSpool is where Asterisk keeps recordings and voicemail when asterisk.conf says
// nothing.
const DefaultSpool = "/var/spool/asterisk"

// Spool is the folder below which Asterisk keeps recordings and voicemail: astspooldir of
// asterisk.conf below dir; "" is DefaultDir. file is the file that says so; "" when none
// does. Spool may be called from any goroutine.
func Spool(dir string) (folder, file string) { return directory(dir, "astspooldir", DefaultSpool) }

// Recordings is a folder for recordings that FreePBX was given (MIXMON_DIR, "Override Call
// Recording Location"), and the file that names it.
type Recordings struct{ Folder, File string }

// amportal is a file of FreePBX up to 12 and of Issabel, with KEY=value lines.
const amportal = "amportal.conf"

// RecordingFolders are the folders that FreePBX's own files name: the global MIXMON_DIR of
// its dialplan below dir, and amportal.conf beside dir. "" is DefaultDir. FreePBX keeps the
// setting in its database too, which is not read. RecordingFolders may be called from any
// goroutine.
func RecordingFolders(dir string) (list []Recordings) {
	if dir == "" {
		dir = DefaultDir
	}
	for _, name := range []string{"extensions_additional.conf", "globals_custom.conf"} {
		r := newReader(dir)
		r.kept = []string{"mixmon_dir"}
		r.begin()
		if name == "globals_custom.conf" { // it is included inside [globals]
			r.header(place{}, "[globals]")
		}
		r.file(place{}, filepath.Join(r.dir, name), true)
		for _, s := range r.sections {
			for _, set := range s.settings {
				if strings.EqualFold(s.name, "globals") && filepath.IsAbs(set.value) {
					list = append(list, Recordings{filepath.Clean(set.value), set.at.path})
				}
			}
		}
	}
	path := filepath.Join(filepath.Dir(filepath.Clean(dir)), amportal)
	if folder := amportalValue(path, "MIXMON_DIR"); filepath.IsAbs(folder) {
		list = append(list, Recordings{filepath.Clean(folder), path})
	}
	return list
}

// amportalValue is the last value of a key; "" when the file has none.
func amportalValue(path, key string) (value string) {
	text, err := slurp(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(text) {
		if name, text, found := strings.Cut(line, "="); found && strings.TrimSpace(name) == key {
			value = strings.Trim(strings.TrimSpace(text), `"'`)
		}
	}
	return value
}
