package host

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// maxName is as long as a name in comm can be, with its newline (proc_pid_comm(5)).
const maxName = 16

// Processes are the folders in proc, which is "/proc", of the processes with this name, in
// order. It opens nothing but one small file of each process: there may be thousands.
func Processes(proc, name string) []string {
	return (&Finder{proc: proc, name: name}).Find(time.Time{})
}

// Finder finds the processes with a name again and again, and reads little for it: no more
// than one file while no process is new. Not safe for concurrent use.
type Finder struct {
	proc, name string
	newest     string         // the last process that was made, as the kernel says
	looks      map[string]int // at each process that has another name
	found      []string
	all        time.Time // when all processes were looked at last
}

const (
	// findAll is how often a Finder looks at all processes: a program can become another one
	// at any time (execve(2)), and a number can be given again.
	findAll = time.Minute
	// sureLooks is at how many looks a process must have another name until it is passed
	// over: a new one has for a moment the name of the one that made it.
	sureLooks = 2
)

// NewFinder finds processes with this name in proc, which is "/proc".
func NewFinder(proc, name string) *Finder { return &Finder{proc: proc, name: name} }

// Find is Processes, but it can miss for a minute one that took the name over later.
func (f *Finder) Find(now time.Time) []string {
	newest := newestProcess(f.proc)
	if now.Sub(f.all).Abs() >= findAll || f.looks == nil {
		f.all, f.looks, f.newest = now, map[string]int{}, ""
	}
	if newest != "" && newest == f.newest && !f.unsure() && f.stay() {
		return f.found
	}
	f.newest = newest
	f.look()
	return f.found
}

// newestProcess is the number of the last process that was made: proc_loadavg(5).
func newestProcess(proc string) string {
	var text [128]byte
	n := readSmall(unix.AT_FDCWD, filepath.Join(proc, "loadavg"), text[:])
	fields := bytes.Fields(text[:n])
	if len(fields) < 5 {
		return ""
	}
	return string(fields[4])
}

// unsure reports whether a process was not looked at often enough.
func (f *Finder) unsure() bool {
	for _, n := range f.looks {
		if n < sureLooks {
			return true
		}
	}
	return false
}

// stay reports whether all that were found are still there.
func (f *Finder) stay() bool {
	return !slices.ContainsFunc(f.found, func(folder string) bool { return !f.named(unix.AT_FDCWD, folder) })
}

// look looks at all processes that may have the name.
func (f *Finder) look() {
	dir, err := os.Open(f.proc)
	if err != nil {
		f.found = nil
		return
	}
	defer dir.Close()
	ids, _ := dir.Readdirnames(-1) // a process may end at any time
	before := f.looks
	f.looks = make(map[string]int, len(ids))
	f.found = nil
	for _, id := range ids {
		switch {
		case id[0] < '1' || id[0] > '9':
		case before[id] >= sureLooks:
			f.looks[id] = before[id]
		case f.named(int(dir.Fd()), id):
			f.found = append(f.found, filepath.Join(f.proc, id))
		default:
			f.looks[id] = before[id] + 1
		}
	}
	slices.Sort(f.found)
}

// named reports whether a process has the name.
func (f *Finder) named(at int, folder string) bool {
	var text [maxName]byte
	n := readSmall(at, folder+"/comm", text[:])
	return string(bytes.TrimSpace(text[:n])) == f.name
}

// readSmall reads a file of the kernel in one go, and returns how many bytes; 0: it cannot.
// The file is not for the runtime's poller, which would cost more than to read it.
func readSmall(at int, path string, text []byte) int {
	fd, err := unix.Openat(at, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, text)
	if err != nil {
		return 0
	}
	return n
}
