package configs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"pbxjail/configs/show"
)

// hideForeign keeps the text of a file out of its error messages, when the file is a link
// that leads out of its folder. Such a file may hold passwords, and people who may not
// read the file can see the messages.
func hideForeign(path string, err error) error {
	list, ok := errors.AsType[Problems](err)
	if !ok {
		return err
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSymlink {
		return list
	}
	dir, err1 := filepath.EvalSymlinks(filepath.Dir(path))
	target, err2 := filepath.EvalSymlinks(path)
	if inside, err := filepath.Rel(dir, target); errors.Join(err, err1, err2) == nil && filepath.IsLocal(inside) {
		return list
	}
	return Problems{{
		File: path, Line: list[0].Line, What: "has a mistake here. The text of the mistake is not shown, because the file is a link to another folder",
		Fix: "to see the mistake, run as root: jailctl check \"$(readlink -f " + show.Escaped(path) + ")\"",
	}}
}
