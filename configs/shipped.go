package configs

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pbxjail/configs/show"
)

// maxJails is how many jail files a folder may hold.
const maxJails = 256

//go:embed jails/*.yaml
var embedded embed.FS

// LoadJails is Main.LoadJails for a main file that sets only that folder.
func LoadJails(dir string) (jails []*Jail, bad map[string]error) {
	return (&Main{Jails: dir}).LoadJails()
}

// LoadJails reads the jail files of the folder of m, and the shipped jails for names that
// have no file there. It returns the jails that are enabled, sorted by name, and
// the errors of the others, by name; bad[""] is about the folder. A folder that does not
// exist is an empty one. A bad file still replaces the shipped jail of its name: the
// caller knows which jail was there before, if any.
func (m *Main) LoadJails() (jails []*Jail, bad map[string]error) {
	all, bad := m.EveryJail()
	return slices.DeleteFunc(all, func(j *Jail) bool { return !j.Enabled }), bad
}

// EveryJail is LoadJails, including the jails that are switched off.
func (m *Main) EveryJail() (jails []*Jail, bad map[string]error) {
	files, bad := jailFiles(m.Jails)
	for _, name := range shippedNames() {
		if files[name] == "" && bad[name] == nil {
			files[name] = shippedFile(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		jail, err := m.LoadJail(files[name])
		if err != nil {
			bad[name] = err
		} else {
			jails = append(jails, jail)
		}
	}
	return jails, bad
}

// LoadJail reads one jail file, or shipped/NAME.yaml, and adds defaults and logs of m and
// the shipped jail of its name where the file is not complete. An error is a Problem or Problems.
func (m *Main) LoadJail(path string) (*Jail, error) {
	name := JailName(path)
	if path == shippedFile(name) {
		return m.parseJail(name, path, nil)
	}
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	jail, err := m.parseJail(name, path, append([]byte{}, data...)) // not nil: an empty file is still a file
	if err != nil {
		return nil, hideForeign(path, err)
	}
	return jail, nil
}

// ShippedJail is the shipped jail of a name as it comes with the program; nil: there is none.
func ShippedJail(name string) *Jail { return (&Main{}).ShippedJail(name) }

// ShippedJail is the shipped jail of a name; nil: there is none. If defaults and logs
// of m do not fit it, it is returned without them.
func (m *Main) ShippedJail(name string) *Jail {
	if !slices.Contains(shippedNames(), name) {
		return nil
	}
	for _, of := range []*Main{m, {}} {
		if jail, err := of.LoadJail(shippedFile(name)); err == nil {
			return jail
		}
	}
	panic("configs: shipped jail " + name) // a test checks them
}

// jailFiles maps names of jails to their files. Hidden files are skipped, and so
// are files that editors and package managers leave: they have other endings.
func jailFiles(dir string) (files map[string]string, bad map[string]error) {
	files, bad = map[string]string{}, map[string]error{}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		bad[""] = unreadable(dir, err)
	}
	for _, entry := range entries {
		base := entry.Name()
		name, path := JailName(base), filepath.Join(dir, base)
		if ext := filepath.Ext(base); strings.HasPrefix(base, ".") || ext != ".yaml" && ext != ".yml" {
			continue
		}
		if first := files[name]; first != "" {
			bad[name] = Problem{File: path, What: fmt.Sprintf("jail %s has two files in this folder: this one and %s", name, filepath.Base(first)), Fix: "delete one of the two files"}
			delete(files, name)
			continue
		}
		if len(files) == maxJails {
			bad[""] = Problem{File: dir, What: fmt.Sprintf("has more than %d jail files: pbxjail does not read %s and those after it, so these jails do not run", maxJails, show.Escaped(base)), Fix: "delete jail files that you do not need, or put several entries of match into one file"}
			break
		}
		files[name] = path
	}
	return files, bad
}

func shippedFile(name string) string { return shippedPrefix + name + ".yaml" }

// ShippedText is the text of a shipped jail, for a Jail.File such as
// shipped/guessing.yaml; ok is false when there is none.
func ShippedText(file string) (data []byte, ok bool) {
	if name := JailName(file); file == shippedFile(name) {
		return shippedText(name)
	}
	return nil, false
}

// shippedText is the text of the shipped jail of a name.
func shippedText(name string) (data []byte, ok bool) {
	data, err := embedded.ReadFile("jails/" + name + ".yaml")
	return data, err == nil
}

// shippedNames are the names of the shipped jails, sorted.
func shippedNames() (names []string) {
	paths, _ := fs.Glob(embedded, "jails/*.yaml")
	for _, path := range paths {
		names = append(names, JailName(path))
	}
	return names
}
