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

// LoadJails reads the jail files of dir, and the shipped jails for names that
// have no file there. It returns the jails that are enabled, sorted by name, and
// what is wrong with the others, by name; bad[""] is about the folder. A folder
// that does not exist is an empty one. A bad file hides the shipped jail of its
// name all the same: the caller knows which jail was there before, if any.
func LoadJails(dir string) (jails []*Jail, bad map[string]error) {
	files, bad := jailFiles(dir)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		jail, err := LoadJail(files[name])
		if err != nil {
			bad[name] = err
		} else if jail.Enabled {
			jails = append(jails, jail)
		}
	}
	for _, jail := range shippedJails() {
		if files[jail.Name] == "" && bad[jail.Name] == nil {
			jails = append(jails, jail)
		}
	}
	slices.SortFunc(jails, func(a, b *Jail) int { return strings.Compare(a.Name, b.Name) })
	return jails, bad
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

// ShippedJail is the shipped jail of a name; nil: there is none.
func ShippedJail(name string) *Jail {
	for _, jail := range shippedJails() {
		if jail.Name == name {
			return jail
		}
	}
	return nil
}

// shippedJails parses the embedded files; a test holds them to be sound.
func shippedJails() []*Jail {
	paths, _ := fs.Glob(embedded, "jails/*.yaml")
	var jails []*Jail
	for _, path := range paths {
		data, err := embedded.ReadFile(path)
		if err != nil {
			panic(err)
		}
		jail, err := ParseJail("shipped/"+filepath.Base(path), data)
		if err != nil {
			panic(err)
		}
		jails = append(jails, jail)
	}
	return jails
}
