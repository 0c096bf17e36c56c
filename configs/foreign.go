package configs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
		File: path, Line: list[0].Line, What: "cannot be read from this line on. The text is not shown here, because the file is a link to another folder",
		Fix: "readlink -f shows the path of the file itself: run jailctl check with that path",
	}}
}
