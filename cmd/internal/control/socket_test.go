package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pbxjail/configs/hint"
)

// folder is a short t.TempDir: a socket's path has 107 bytes.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ctl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// wantRefused checks the error that an operator sees.
func wantRefused(t *testing.T, err error, what string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), what) {
		t.Fatalf("got error %v, want one with %q", err, what)
	}
	if hint.Of(err) == "" {
		t.Errorf("error %q has no hint", err)
	}
}

func listen(t *testing.T, path string) *Server {
	t.Helper()
	s := New(Options{Path: path, Handlers: newJailer().calls()})
	if _, err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSocketModeAndPlace(t *testing.T) {
	path := filepath.Join(folder(t), "new", "folder", "s.sock")
	old := syscall.Umask(0) // so that only our own code sets the mode
	defer syscall.Umask(old)
	s := listen(t, path)
	if now := syscall.Umask(0); now != 0 {
		t.Errorf("got umask %#o after Listen, want it left alone", now)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("got mode %v, want a socket of 0660", info.Mode())
	}
	if got := names(t, filepath.Dir(path)); got != "s.sock s.sock.lock" {
		t.Errorf("got %s in the folder, want the socket and its lock", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got := names(t, filepath.Dir(path)); got != "s.sock.lock" {
		t.Errorf("got %s in the folder after Close, want the lock alone", got)
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

func TestSocketGroup(t *testing.T) {
	dir := folder(t)
	s := New(Options{Path: filepath.Join(dir, "a"), Group: "no-such-group", Handlers: newJailer().calls()})
	note, err := s.Listen()
	if err != nil || !strings.Contains(note, "group no-such-group does not exist") {
		t.Errorf("got note %q, error %v, want a note about the missing group", note, err)
	}
	s.Close()

	if os.Getuid() != 0 {
		t.Skip("only root can give a socket to a group it is not in")
	}
	g, err := user.LookupGroupId("1")
	if err != nil {
		t.Skip("group 1 does not exist")
	}
	s = New(Options{Path: filepath.Join(dir, "b"), Group: g.Name, Handlers: newJailer().calls()})
	note, err = s.Listen()
	if err != nil || note != "" {
		t.Fatalf("got note %q, error %v, want none", note, err)
	}
	defer s.Close()
	info, err := os.Stat(filepath.Join(dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	if gid := info.Sys().(*syscall.Stat_t).Gid; gid != 1 {
		t.Errorf("got gid %d, want 1", gid)
	}
}

func TestSocketLeftOver(t *testing.T) {
	path := filepath.Join(folder(t), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	listen(t, path)
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("got %v, want the leftover replaced", err)
	}
	c.Close()
}

func TestSocketNeverRemovesOthers(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"file":    func(path string) error { return os.WriteFile(path, []byte("precious"), 0o600) },
		"folder":  func(path string) error { return os.Mkdir(path, 0o700) },
		"symlink": func(path string) error { return os.Symlink("elsewhere", path) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(folder(t), "s")
			if err := put(path); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = New(Options{Path: path, Handlers: newJailer().calls()}).Listen()
			wantRefused(t, err, "not a socket")
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("got %v, %v, want what was there kept", after, err)
			}
		})
	}
	t.Run("put there later", func(t *testing.T) {
		path := filepath.Join(folder(t), "s")
		s := listen(t, path)
		if err := errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("got %v, want the other file kept", err)
		}
	})
}

func TestSocketOfAnother(t *testing.T) {
	t.Run("two daemons", func(t *testing.T) {
		path := filepath.Join(folder(t), "s")
		first := listen(t, path)
		_, err := New(Options{Path: path, Handlers: newJailer().calls()}).Listen()
		wantRefused(t, err, "another pbxjail uses this socket")
		if _, err := os.Stat(path); err != nil {
			t.Errorf("got %v, want the first daemon's socket kept", err)
		}
		first.Close()
		listen(t, path) // and once it is gone, the place is free
	})
	t.Run("without our lock", func(t *testing.T) {
		path := filepath.Join(folder(t), "s")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, err = New(Options{Path: path, Handlers: newJailer().calls()}).Listen()
		wantRefused(t, err, "another pbxjail uses this socket")
	})
	t.Run("of another kind", func(t *testing.T) {
		path := filepath.Join(folder(t), "s")
		l, err := net.ListenPacket("unixgram", path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, err = New(Options{Path: path, Handlers: newJailer().calls()}).Listen()
		wantRefused(t, err, "another process uses this socket")
	})
}

func TestSocketPathTooLong(t *testing.T) {
	dir := folder(t)
	_, err := New(Options{Path: filepath.Join(dir, strings.Repeat("x", maxPath)), Handlers: newJailer().calls()}).Listen()
	wantRefused(t, err, "too long")
	if got := names(t, dir); strings.Contains(got, ".pbxjail") {
		t.Errorf("got %s, want no folder left over", got)
	}
}

func TestSocketWithoutPermission(t *testing.T) {
	dir := folder(t)
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := New(Options{Path: filepath.Join(dir, "file", "s"), Handlers: newJailer().calls()}).Listen()
	wantRefused(t, err, "folder of the control socket cannot be made")
}
