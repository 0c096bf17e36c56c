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
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/cmd/internal/sockets"
	"pbxjail/configs/hint"
)

// maxPath is the longest address of a Unix socket: sun_path of unix(7), without
// the NUL at its end.
const maxPath = 107

// socket is our socket in the file system, and its lock file. The lock belongs to the open
// file, so the kernel releases it when the process ends in any way.
type socket struct {
	path     string
	lock     *os.File
	listener *net.UnixListener
	ours     fs.FileInfo // the file we made at path, so that we remove no other
}

// openSocket listens at path for root and the members of group. note tells the operator
// which permission could not be set.
func openSocket(path, group string) (s *socket, note string, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, "", Refuse(0, "start pbxjail by its service: systemctl start pbxjail; or run pbxjail as root", "the folder of the control socket cannot be made: %w", hint.Cannot(err))
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, "", fmt.Errorf("cannot make the control socket %s: %w", path, err)
	}
	s = &socket{path: path, lock: lock}
	if err = removable(path); err == nil {
		note, err = s.listen(group)
	}
	if err != nil {
		lock.Close()
		return nil, "", fmt.Errorf("cannot make the control socket %s: %w", path, err)
	}
	return s, note, nil
}

// lockPatience is how long a start waits for the daemon before it to end. A program that it
// was about to start has its lock for some moments more: from fork(2) to execve(2).
const lockPatience = 2 * time.Second

// lockFile prevents a second daemon. The file is never removed: a daemon that removes it
// could remove the lock of the next daemon.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, Refuse(0, "start pbxjail by its service: systemctl start pbxjail; or run pbxjail as root", "%w", hint.Cannot(err))
	}
	for end := time.Now().Add(lockPatience); ; {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(end) {
			break
		}
		<-time.After(lockPatience / 100)
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errRunning
	}
	return nil, Refuse(0, "write a path on a local disk into the main file: socket: /run/pbxjail/pbxjail.sock; then: systemctl restart pbxjail", "cannot lock the file %s: %w", path, err)
}

var errRunning = Refuse(0, hint.Second,
	"another pbxjail uses this socket")

// removable reports whether a socket may be made at path: the path is free, or has a socket
// that no process serves any more.
func removable(path string) error {
	err := sockets.Free(path)
	switch {
	case errors.Is(err, sockets.ErrOther):
		return Refuse(0, "move the file at this path away: mv "+path+" "+path+".old; or write another path into the main file: socket: PATH; then start pbxjail again", "%w", err)
	case err == sockets.ErrServed: // it answers
		return errRunning
	case errors.Is(err, sockets.ErrServed):
		return Refuse(0, "to see this process: ss -xlp; end the process, or write another path into the main file: socket: PATH; then start pbxjail again", "%w", err)
	}
	return err
}

// listen makes the socket in a folder that only we can enter, sets its mode and group
// there, and then renames it: no other user can ever connect before the mode is set. A
// umask would also change files that other goroutines make at that time. rename(2) also
// replaces a leftover socket.
func (s *socket) listen(group string) (note string, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(s.path), ".pbxjail")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	private := filepath.Join(dir, "s")
	if n := max(len(private), len(s.path)); n > maxPath {
		return "", Refuse(0, fmt.Sprintf("write a path that is %d bytes shorter into the main file: socket: PATH", n-maxPath), "the path of the socket is too long")
	}
	s.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: private, Net: "unix"})
	if err != nil {
		return "", err
	}
	s.listener.SetUnlinkOnClose(false) // it only knows the private name
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

// giveTo lets the members of group use the socket. If that fails, the daemon still starts:
// root can use the socket anyway.
func giveTo(group, path string) (note string) {
	if group == "" {
		return ""
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return fmt.Sprintf("group %s does not exist: only root may use the control socket", group)
	}
	gid, err := strconv.Atoi(g.Gid)
	if err == nil && gid != os.Getegid() { // our own group has access already; a sandbox may forbid chown
		err = os.Chown(path, -1, gid)
	}
	if err != nil {
		return fmt.Sprintf("could not give the control socket to group %s: %v", group, err)
	}
	return ""
}

// remove removes the socket, unless another file is at its path now.
func (s *socket) remove() {
	if now, err := os.Lstat(s.path); err == nil && os.SameFile(now, s.ours) {
		os.Remove(s.path)
	}
}
