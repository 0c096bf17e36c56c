package recordings

import (
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
)

// opened is a folder that was reached with care.
type opened struct {
	file *os.File
	real string // where it is, without symbolic links
	// doubt is why nothing may be deleted in it; "" when it may.
	doubt string
	// closed: others than its owner and group cannot reach what is in it.
	closed bool
}

// maxLinks is how many symbolic links lead to a folder: path_resolution(7).
const maxLinks = 40

// searchOnly opens a folder on the way: it needs the right to pass, and none to read.
const searchOnly = unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC

// readFolder opens the folder itself.
const readFolder = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

// openFolder opens a folder of the machine, step by step. A symbolic link is followed only if
// root or we made it: the user of Asterisk could have put any other one there. Where others
// can write to the folder that has the link, they could have moved it there: then doubt is
// set. Absolute links stay below Root.
func (m *Machine) openFolder(name string) (*opened, error) {
	top, err := unix.Open(m.root(), searchOnly|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	w := &steps{m: m, name: name, fds: []int{top}}
	defer w.close()
	for rest := elements(name); len(rest) > 0; {
		if rest, err = w.step(rest); err != nil {
			return nil, err
		}
	}
	fd, err := unix.Openat(w.at(), ".", readFolder, 0)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	real := "/" + strings.Join(w.names, "/")
	return &opened{file: os.NewFile(uintptr(fd), real), real: real, doubt: w.doubt, closed: w.closed()}, nil
}

// steps is a walk to a folder.
type steps struct {
	m     *Machine
	name  string
	fds   []int    // of the folders that lead to where we are, Root first
	names []string // of those below Root
	links int
	doubt string
}

func (w *steps) at() int { return w.fds[len(w.fds)-1] }

func (w *steps) close() {
	for _, fd := range w.fds {
		unix.Close(fd)
	}
}

// up goes back until n folders below Root are left.
func (w *steps) up(n int) {
	for len(w.names) > max(n, 0) {
		unix.Close(w.at())
		w.fds, w.names = w.fds[:len(w.fds)-1], w.names[:len(w.names)-1]
	}
}

// step does the first of the elements that are left, and returns those after it.
func (w *steps) step(rest []string) ([]string, error) {
	next, rest := rest[0], rest[1:]
	if next == ".." {
		w.up(len(w.names) - 1)
		return rest, nil
	}
	fd, err := unix.Openat(w.at(), next, searchOnly, 0)
	if err != nil {
		return nil, pathError("open", w.name, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, pathError("stat", w.name, err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		w.fds, w.names = append(w.fds, fd), append(w.names, next)
		return rest, nil
	case unix.S_IFLNK:
		unix.Close(fd)
		return w.follow(next, &st, rest)
	}
	unix.Close(fd)
	return nil, pathError("open", w.name, syscall.ENOTDIR)
}

// follow follows a symbolic link in the folder where we are.
func (w *steps) follow(link string, st *unix.Stat_t, rest []string) ([]string, error) {
	where := path.Join("/", path.Join(w.names...), link)
	if !w.m.ours(st.Uid) {
		return nil, hint.Errorf("check where the link leads; then write the folder behind it into folders below recordings in the main file",
			"cannot open %s: %s is a symbolic link of another user than root, and pbxjail does not follow it", w.name, where)
	}
	if w.links++; w.links > maxLinks {
		return nil, pathError("open", w.name, syscall.ELOOP)
	}
	var folder unix.Stat_t
	if err := unix.Fstat(w.at(), &folder); err != nil {
		return nil, pathError("stat", w.name, err)
	}
	if !w.m.onlyOurs(&folder) {
		w.doubt = where + " is a symbolic link in a folder that other users can write to"
	}
	var target [unix.PathMax]byte
	n, err := unix.Readlinkat(w.at(), link, target[:])
	if err != nil {
		return nil, pathError("open", w.name, err)
	}
	if n > 0 && target[0] == '/' {
		w.up(0)
	}
	return append(elements(string(target[:n])), rest...), nil
}

// closed reports whether a folder on the way lets only its owner and group pass.
func (w *steps) closed() bool {
	for _, fd := range w.fds {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && st.Mode&0o001 == 0 {
			return true
		}
	}
	return false
}

// ours reports whether a user is root, or we.
func (m *Machine) ours(uid uint32) bool { return uid == 0 || int(uid) == m.UID }

// onlyOurs reports whether only root and we can change what is in a folder, or a file. In a
// folder with the sticky bit, such as /tmp, others cannot replace what is ours.
func (m *Machine) onlyOurs(st *unix.Stat_t) bool {
	sticky := st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Mode&unix.S_ISVTX != 0
	return m.ours(st.Uid) && (st.Mode&0o022 == 0 || sticky)
}

// vouched reports whether only root and we can change a file, or put another one in its
// place.
func (m *Machine) vouched(name string) bool {
	at, err := unix.Open(m.root(), searchOnly|unix.O_DIRECTORY, 0)
	if err != nil {
		return false
	}
	for _, next := range append([]string{"."}, elements(name)...) {
		fd, err := unix.Openat(at, next, searchOnly, 0)
		unix.Close(at)
		if err != nil {
			return false
		}
		var st unix.Stat_t
		if at = fd; unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT == unix.S_IFLNK || !m.onlyOurs(&st) {
			unix.Close(at)
			return false
		}
	}
	unix.Close(at)
	return true
}

// elements are the names in a path, with ".." where it is: what it leads out of may be a link.
func elements(name string) (list []string) {
	for one := range strings.SplitSeq(name, "/") {
		if one != "" && one != "." {
			list = append(list, one)
		}
	}
	return list
}

func pathError(op, name string, err error) error {
	return hint.Cannot(&os.PathError{Op: op, Path: name, Err: err})
}

// key is which file it is, as long as it is there.
type key struct{ dev, ino uint64 }

func keyOf(st *unix.Stat_t) key { return key{st.Dev, st.Ino} }

// String is for errors of tests.
func (k key) String() string { return fmt.Sprintf("%d:%d", k.dev, k.ino) }
