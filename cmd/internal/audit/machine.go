package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/program"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// Machine is all that a check may look at. The zero value is this machine's files, with no
// programs and no connections. Its methods never change a file. A Machine is for one
// goroutine at a time, unless a method says otherwise.
type Machine struct {
	Name string    // of the host, for people; it may hold any byte
	Now  time.Time // all ages and expiries are counted from it

	// Root is the folder in which the machine's files are; "" is "/". Names of files given
	// to methods begin with "/", and symbolic links stay below Root.
	Root string

	// Dial opens a connection, as net.Dialer.DialContext does; nil: none can be opened.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Run runs a program, as program.Do does; nil: none can be started.
	Run func(ctx context.Context, c program.Command) (program.Result, error)

	// Addresses are ports that the admin named: "HOST:PORT".
	Addresses []string

	// Main is the main file of pbxjail that the admin named, on the machine that we run on; "":
	// the usual one of the machine.
	Main string

	// Clock says whether the kernel takes its time for synchronised; nil: not known.
	Clock func() (synchronised bool, err error)

	ctx  context.Context // of the part that runs; see Context
	memo map[string]any  // what Remember keeps
}

// This is the machine that we run on, with the rights of the caller.
func This(now time.Time) *Machine {
	name, _ := os.Hostname() // a machine without a name can be audited
	return &Machine{Name: name, Now: now, Root: "/", Dial: new(net.Dialer).DialContext, Run: program.Do, Clock: kernelClock}
}

// kernelClock asks adjtimex(2), which changes nothing when no mode is set.
func kernelClock() (bool, error) {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return false, fmt.Errorf("cannot ask the kernel for the state of the clock: %w", err)
	}
	return t.Status&unix.STA_UNSYNC == 0, nil
}

// Remember looks once for all checks of a part: the second call with the same name returns
// what the first one found. Call it with a name of your own part.
func Remember[T any](m *Machine, name string, look func() T) T {
	if known, ok := m.memo[name].(T); ok {
		return known
	}
	found := look()
	if m.memo == nil {
		m.memo = map[string]any{}
	}
	m.memo[name] = found
	return found
}

// InFolder is a machine whose files are below a folder: a backup, a disk, a container. None
// of its programs is started, and no connection is opened: that would be ours.
func InFolder(folder string, now time.Time) (*Machine, error) {
	info, err := os.Stat(folder)
	if err != nil {
		return nil, hint.Cannot(err)
	}
	if !info.IsDir() {
		return nil, hint.Errorf("write the folder that has etc and usr of the other machine: --root FOLDER", "%s is not a folder", folder)
	}
	m := &Machine{Now: now, Root: folder}
	if text, err := m.Read("/etc/hostname", 256); err == nil {
		m.Name = strings.TrimSpace(string(text))
	}
	return m, nil
}

// NotCopied is an error when the machine is a folder that has nothing in any of these folders:
// a copy of a part of a machine. What was not found there can be on the machine. nil: it was
// looked at.
func (m *Machine) NotCopied(folders ...string) error {
	if m.IsThis() {
		return nil
	}
	for _, folder := range folders {
		if len(m.Glob(folder+"/*", 1)) > 0 {
			return nil
		}
	}
	names := strings.Join(folders, " or ")
	return hint.Errorf("copy "+names+" of that machine too; or run jailctl audit on that machine itself, without --root", "nothing of %s is in the folder after --root", names)
}

// IsThis reports whether the machine is the one that we run on.
func (m *Machine) IsThis() bool { return cmp.Or(m.Root, "/") == "/" }

// Context ends when the part that runs has used its time.
func (m *Machine) Context() context.Context {
	if m.ctx == nil {
		return context.Background()
	}
	return m.ctx
}

// Reasons of errors.
var (
	ErrTooLarge   = errors.New("it is too large")
	ErrNotRegular = errors.New("it is a device, a pipe or a socket, not a text file")
	ErrOfKernel   = errors.New("a link leads from it to a file of the kernel, as in /proc")
	ErrNoPrograms = errors.New("programs of another machine are not started")
	ErrNoDial     = errors.New("no connection is opened to another machine")
)

// Do runs a program of the machine: Find and Do of package program say how. A relative name
// is a program of the system.
func (m *Machine) Do(ctx context.Context, c program.Command) (program.Result, error) {
	if m.Run == nil {
		return program.Result{}, fmt.Errorf("%s: %w", c.Name, ErrNoPrograms)
	}
	if path, err := program.Find(c.Name); err == nil && os.Geteuid() == 0 && c.As == nil {
		info, err := os.Stat(path)
		if err == nil {
			err = Replaceable(path, info)
		}
		if err != nil {
			return program.Result{}, err
		}
	}
	return m.Run(ctx, c)
}

// Replaceable is an error when others than root and the caller can write a program: then it is
// not started, since root may be the caller.
func Replaceable(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid != 0 && int(stat.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return hint.Errorf("see why, and correct it: ls -lL "+ShellWord(path), "other users can write %s, so jailctl does not start it", show.Word(path, 200))
	}
	return nil
}

// Connect opens a TCP connection to a port of the machine.
func (m *Machine) Connect(ctx context.Context, address string) (net.Conn, error) {
	if m.Dial == nil {
		return nil, ErrNoDial
	}
	return m.Dial(ctx, "tcp", address)
}

// Path is where a file of the machine really is, after all symbolic links. It is for
// packages that read files by themselves. An error names the file as the machine does.
func (m *Machine) Path(name string) (string, error) { return m.resolve(name, true) }

// maxLinks is how many symbolic links lead to a file: path_resolution(7).
const maxLinks = 40

func (m *Machine) resolve(name string, last bool) (string, error) {
	failed := func(err error) error {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return &fs.PathError{Op: "open", Path: name, Err: err}
	}
	rest, at, links := elements(path.Clean("/"+name)), "/", 0
	for len(rest) > 0 {
		next := rest[0]
		rest = rest[1:]
		if next == ".." {
			at = path.Dir(at)
			continue
		}
		info, err := os.Lstat(filepath.Join(cmp.Or(m.Root, "/"), at, next))
		switch {
		case err != nil:
			return "", failed(err)
		case info.Mode()&fs.ModeSymlink == 0 || len(rest) == 0 && !last:
			at = path.Join(at, next)
			continue
		}
		if links++; links > maxLinks {
			return "", failed(syscall.ELOOP)
		}
		target, err := os.Readlink(filepath.Join(cmp.Or(m.Root, "/"), at, next))
		if err != nil {
			return "", failed(err)
		}
		if path.IsAbs(target) {
			at = "/"
		}
		rest = append(elements(target), rest...)
	}
	return filepath.Join(cmp.Or(m.Root, "/"), at), nil
}

// elements are the names in a path, with ".." kept where it is: what it leads out of may be
// a link.
func elements(name string) (list []string) {
	for one := range strings.SplitSeq(name, "/") {
		if one != "" && one != "." {
			list = append(list, one)
		}
	}
	return list
}

// Open opens a text file or a folder of the machine for reading. It never waits for a pipe,
// and never opens a device. A file of proc(5) or sysfs(5) is opened by its own name alone, and
// not through a link: who can write a link would choose what is read.
func (m *Machine) Open(name string) (*os.File, error) {
	real, err := m.resolve(name, true)
	if err != nil {
		return nil, err
	}
	fits := func(info fs.FileInfo) error {
		if info.Mode().IsRegular() || info.IsDir() {
			return nil
		}
		return &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	info, err := os.Lstat(real)
	if err == nil {
		err = fits(info)
	}
	if err != nil {
		return nil, named(err, name)
	}
	f, err := os.OpenFile(real, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, named(err, name)
	}
	if info, err = f.Stat(); err == nil { // another file can be there by now
		err = fits(info)
	}
	if err == nil && !ofKernel(name) {
		err = onDisk(f)
	}
	if err != nil {
		f.Close()
		return nil, named(err, name)
	}
	return f, nil
}

// ofKernel reports whether a file is asked for by its name in proc(5) or sysfs(5).
func ofKernel(name string) bool {
	first := elements(path.Clean("/" + name))
	return len(first) > 0 && (first[0] == "proc" || first[0] == "sys")
}

// onDisk refuses a file that the kernel makes up, to which a link leads: a read of /proc/kmsg
// waits without end, and others have no end.
func onDisk(f *os.File) error {
	var st unix.Statfs_t
	err := &fs.PathError{Op: "open", Path: f.Name()}
	if err.Err = unix.Fstatfs(int(f.Fd()), &st); err.Err != nil {
		return err
	}
	switch uint32(st.Type) {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.TRACEFS_MAGIC, unix.DEBUGFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC:
		err.Err = ErrOfKernel
		return err
	}
	return nil
}

// named is the error of a file with its name on the machine.
func named(err error, name string) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: e.Op, Path: name, Err: e.Err}
	}
	return err
}

// Read reads a text file of the machine. One that has more than most bytes is an error with
// ErrTooLarge, and what was read of it so far.
func (m *Machine) Read(name string, most int64) ([]byte, error) {
	f, err := m.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, named(err, name)
	}
	if int64(len(text)) > most {
		return text[:most], &fs.PathError{Op: "read", Path: name, Err: ErrTooLarge}
	}
	return text, nil
}

// Stat is os.Stat of a file of the machine.
func (m *Machine) Stat(name string) (fs.FileInfo, error) {
	real, err := m.resolve(name, true)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(real)
	return info, named(err, name)
}

// Unseen is the finding that something could not be looked at: what, and why not. What
// reads as a sentence after "cannot tell ": "whether root can log in with a password".
func (m *Machine) Unseen(about, what string, err error) findings.Finding {
	return findings.Finding{
		About: about, Severity: findings.Unknown,
		What: fmt.Sprintf("cannot tell %s: %s", what, hint.Line(hint.Cannot(err).Error())),
		Hint: cmp.Or(hint.Of(err), m.remedy(err)),
	}
}

// remedy is what the admin can do so that the next audit sees more.
func (m *Machine) remedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0:
		return "run jailctl audit as root; it only reads"
	case errors.Is(err, ErrNoPrograms), errors.Is(err, ErrNoDial):
		return "run jailctl audit on that machine itself, without --root"
	case errors.Is(err, fs.ErrPermission):
		return "root may not read it either. SELinux, AppArmor or a network file system can be the reason, or a container: look with ls -lZ, dmesg and mount, and run jailctl audit outside of the container"
	case errors.Is(err, context.DeadlineExceeded):
		return "run jailctl audit again when the machine has less to do"
	}
	return "look at it by hand: jailctl audit does not say that it is fine"
}

// AsRoot is a hint that says to run jailctl audit as root; who does so already gets the other
// one.
func AsRoot(ask, other string) string {
	if os.Geteuid() != 0 {
		return ask
	}
	return other
}
