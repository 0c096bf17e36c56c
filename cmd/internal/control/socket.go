package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxPath is the longest address of a Unix socket: sun_path of unix(7), without
// the NUL at its end.
const maxPath = 107

// socket is the place of ours in the file system: a lock, and a name that
// clients connect to. The lock belongs to the open file, so it ends with the
// process however that ends.
type socket struct {
	path     string
	lock     *os.File
	listener *net.UnixListener
	ours     fs.FileInfo // what was put at path, so that nothing else is removed
}

// openSocket listens at path for root and the members of group. note says for
// the operator what could not be had.
func openSocket(path, group string) (s *socket, note string, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, "", Refuse(0, "run the daemon as root", "make the folder of the control socket: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, "", fmt.Errorf("control socket %s: %w", path, err)
	}
	s = &socket{path: path, lock: lock}
	if err = removable(path); err == nil {
		note, err = s.listen(group)
	}
	if err != nil {
		lock.Close()
		return nil, "", fmt.Errorf("control socket %s: %w", path, err)
	}
	return s, note, nil
}

// lockFile keeps out a second daemon. The file is never removed: whoever removes
// a lock can remove the next one's.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, Refuse(0, "run the daemon as root", "lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errRunning
	}
	return nil, fmt.Errorf("lock: %w", err)
}

var errRunning = Refuse(0, "look with jailctl status; stop that one first, or give this one another socket",
	"another pbxjail is running")

// removable reports whether a socket may be put at path: nothing is there, or a
// socket that nobody serves any more.
func removable(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return Refuse(0, "move it away, or give the daemon another socket", "what is there is not a socket")
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
		return errRunning
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// Anything else, such as a full backlog, is a sign of life.
	return Refuse(0, "find it with ss -xlp, or give the daemon another socket", "something is there: %w", err)
}

// listen makes the socket in a folder of its own that only we can enter, gives
// it its mode and group there, and renames it into place: at no moment can
// anybody else connect. A umask would do the same to every file that another
// goroutine makes meanwhile. rename(2) also replaces a leftover socket.
func (s *socket) listen(group string) (note string, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(s.path), ".pbxjail")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	private := filepath.Join(dir, "s")
	if n := max(len(private), len(s.path)); n > maxPath {
		return "", Refuse(0, fmt.Sprintf("shorten it by %d bytes", n-maxPath), "the path is too long")
	}
	s.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: private, Net: "unix"})
	if err != nil {
		return "", err
	}
	s.listener.SetUnlinkOnClose(false) // it knows the private name only
	defer func() {
		if err != nil {
			s.listener.Close()
		}
	}()
	if err := os.Chmod(private, 0o660); err != nil {
		return "", err
	}
	note = giveTo(group, private)
	if s.ours, err = os.Lstat(private); err != nil {
		return note, err
	}
	return note, os.Rename(private, s.path)
}

// giveTo lets the members of group in. It is not worth failing over: root gets
// in anyway.
func giveTo(group, path string) (note string) {
	if group == "" {
		return ""
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return fmt.Sprintf("no group %s here: only root may use the control socket", group)
	}
	gid, err := strconv.Atoi(g.Gid)
	if err == nil && gid != os.Getegid() { // our own group has it already; a sandbox may forbid chown
		err = os.Chown(path, -1, gid)
	}
	if err != nil {
		return fmt.Sprintf("control socket not given to group %s: %v", group, err)
	}
	return ""
}

// remove takes the name away, unless somebody has put something else there.
func (s *socket) remove() {
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.ours) {
		os.Remove(s.path)
	}
}
