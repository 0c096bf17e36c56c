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

// LoadJails is the method of a main file with that folder and nothing else.
func LoadJails(dir string) (jails []*Jail, bad map[string]error) {
	return (&Main{Jails: dir}).LoadJails()
}

// LoadJails reads the jail files of the folder of m, and the shipped jails for names that
// have no file there. It returns the jails that are enabled, sorted by name, and
// what is wrong with the others, by name; bad[""] is about the folder. A folder
// that does not exist is an empty one. A bad file hides the shipped jail of its
// name all the same: the caller knows which jail was there before, if any.
func (m *Main) LoadJails() (jails []*Jail, bad map[string]error) {
	all, bad := m.EveryJail()
	return slices.DeleteFunc(all, func(j *Jail) bool { return !j.Enabled }), bad
}

// EveryJail is LoadJails with the jails that are switched off.
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

// LoadJail reads one jail file, or shipped/NAME.yaml, over defaults and logs of m, and over
// the shipped jail of its name where it does not say all. An error is a Problem or Problems.
func (m *Main) LoadJail(path string) (*Jail, error) {
	name := JailName(path)
	if path == shippedFile(name) {
		return m.parseJail(name, path, nil)
	}
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	jail, err := m.parseJail(name, path, append([]byte{}, data...)) // an empty file is not none
	if err != nil {
		return nil, hideForeign(path, err)
	}
	return jail, nil
}

// ShippedJail is the shipped jail of a name as it comes with the program; nil: there is none.
func ShippedJail(name string) *Jail { return (&Main{}).ShippedJail(name) }

// ShippedJail is the shipped jail of a name; nil: there is none. Where defaults and logs
// of m do not suit it, it is as it comes with the program.
func (m *Main) ShippedJail(name string) *Jail {
	if !slices.Contains(shippedNames(), name) {
		return nil
	}
	for _, of := range []*Main{m, {}} {
		if jail, err := of.LoadJail(shippedFile(name)); err == nil {
			return jail
		}
	}
	panic("configs: shipped jail " + name) // a test holds them to be sound
}

// jailFiles maps names of jails to their files. Hidden files and what editors
// and package managers leave behind have other endings, and are passed over.
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
			bad[name] = Problem{File: path, What: fmt.Sprintf("jail %s is defined in %s as well", name, filepath.Base(first)), Fix: "remove one of the two files"}
			delete(files, name)
			continue
		}
		if len(files) == maxJails {
			bad[""] = Problem{File: dir, What: fmt.Sprintf("holds more than %d jail files: those from %s on are not read", maxJails, show.Escaped(base)), Fix: "remove jail files, or put several kinds of event into one"}
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
