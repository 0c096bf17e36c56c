// Package sockets says whether a Unix socket may be made at a path. The control socket and
// the metrics ask it before they listen. It must never remove anything.
package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// ErrOther means that there is a file at the path, and that it is not a socket.
var ErrOther = errors.New("another file has this name, and that file is not a socket")

// ErrServed means that a process answers at the socket.
var ErrServed = errors.New("another process uses this socket")

// Free returns nil where the path is free, or has a socket that no process serves any more:
// connect(2) is refused then. Any other failure to connect, such as a full backlog, means
// that a process uses the socket: the error is ErrServed too. It waits one second at most.
func Free(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return ErrOther
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		c.Close()
		return ErrServed
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("%w: %w", ErrServed, err)
}
