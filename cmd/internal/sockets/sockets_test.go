package sockets

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFree(t *testing.T) {
	listen := func(path string) *net.UnixListener {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	for _, tt := range []struct {
		name string
		make func(path string)
		want error
	}{
		{"free", func(string) {}, nil},
		{"file", func(path string) { os.WriteFile(path, nil, 0o600) }, ErrOther},
		{"served", func(path string) { listen(path) }, ErrServed},
		{"left", func(path string) {
			l := listen(path)
			l.SetUnlinkOnClose(false)
			l.Close()
		}, nil},
		{"full", full(t), ErrServed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			tt.make(path)
			before, _ := os.Lstat(path)
			if err := Free(path); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if after, _ := os.Lstat(path); (before == nil) != (after == nil) {
				t.Error("the file was removed")
			}
		})
	}
}

// full makes a socket whose process accepts no connection, with a backlog that has no room.
func full(t *testing.T) func(path string) {
	return func(path string) {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err == nil {
			err = errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0))
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		c, err := net.Dial("unix", path) // the one that fits
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
}
