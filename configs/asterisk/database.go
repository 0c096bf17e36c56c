package asterisk

import (
	"path/filepath"
	"strings"
)

// defaultStateDir is where Asterisk keeps its database when asterisk.conf says nothing.
const defaultStateDir = "/var/lib/asterisk"

// Database is where Asterisk keeps its own database, by asterisk.conf below dir; "" is
// DefaultDir. The file need not be there. Database may be called from any goroutine.
func Database(dir string) string {
	folder, _ := directory(dir, "astdbdir", defaultStateDir)
	return filepath.Join(folder, "astdb.sqlite3") // asterisk:main/options.c, AST_DB
}

// directory is a folder that [directories] of asterisk.conf below dir names, and the file
// that names it; else the standard one, and "".
func directory(dir, key, standard string) (folder, file string) {
	if dir == "" {
		dir = DefaultDir
	}
	r := newReader(dir)
	r.kept = []string{key}
	r.begin()
	r.file(place{}, filepath.Join(r.dir, "asterisk.conf"), true)
	folder = standard
	for _, s := range r.sections {
		if !strings.EqualFold(s.name, "directories") {
			continue
		}
		for _, set := range s.settings {
			if filepath.IsAbs(set.value) {
				folder, file = filepath.Clean(set.value), set.at.path
			}
		}
	}
	return folder, file
}
