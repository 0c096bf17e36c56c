package audit

import (
	"io/fs"
	"os"
	"path"
	"strings"
)

// Files is the file system of the machine from "/", for packages that read an fs.FS:
// fs.WalkDir, fs.Glob and fs.ReadFile work on it. Its names have no "/" at their beginning.
// Symbolic links stay below Root. It can be used from any goroutine.
func (m *Machine) Files() fs.FS { return tree{m} }

type tree struct{ m *Machine }

func (t tree) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return t.m.Open("/" + name)
}

func (t tree) Stat(name string) (fs.FileInfo, error) { return t.m.Stat("/" + name) }

// Lstat is for fs.ReadLinkFS.
func (t tree) Lstat(name string) (fs.FileInfo, error) {
	real, err := t.m.resolve("/"+name, false)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(real)
	return info, named(err, "/"+name)
}

// ReadLink is for fs.ReadLinkFS.
func (t tree) ReadLink(name string) (string, error) {
	real, err := t.m.resolve("/"+name, false)
	if err != nil {
		return "", err
	}
	target, err := os.Readlink(real)
	return target, named(err, "/"+name)
}

// Glob are the files that match a pattern of path.Match, sorted. The pattern begins with "/",
// and so do the names. No more than most are returned. Folders that cannot be read have no
// matches: where that matters, ask Stat.
func (m *Machine) Glob(pattern string, most int) []string {
	list, _ := fs.Glob(m.Files(), strings.TrimPrefix(path.Clean(pattern), "/")) // a wrong pattern matches nothing
	list = list[:min(len(list), most)]
	for i := range list {
		list[i] = "/" + list[i]
	}
	return list
}
