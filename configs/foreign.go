package configs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// hideForeign keeps the text of a file out of what is said about it, when the file is a
// link that leads out of its folder: then it may be no file of ours, such as one with
// passwords, and what is said about it is shown to others than its owner.
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
		File: path, Line: list[0].Line, What: "is not understood from this line on; its text is not shown, because the file is a link that leads out of the folder",
		Fix: "see where the link leads; jailctl check says what is wrong when it is given that file's own name",
	}}
}
