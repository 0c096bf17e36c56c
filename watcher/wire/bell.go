package wire

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bell wakes its reader up when a socket has something to read, once for each time it is
// armed. The runtime's own poller would wake up for every packet, even if no reader waits;
// what it sees here is an epoll(7) that holds the socket with EPOLLONESHOT.
type bell struct {
	file   *os.File
	conn   syscall.RawConn
	socket int
}

// newBell makes a bell for a ring, which must be open while it is used.
func newBell(r *ring) (*bell, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot make an epoll: %w", err)
	}
	b := &bell{}
	err = unix.SetNonblock(fd, true) // or the runtime would not poll it
	b.file = os.NewFile(uintptr(fd), "bell of the packet socket")
	if err == nil {
		b.conn, err = b.file.SyscallConn()
	}
	if err == nil {
		err = errors.Join(err, r.conn.Control(func(socket uintptr) { b.socket = int(socket) }), b.control(unix.EPOLL_CTL_ADD, 0))
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bell) close() error { return b.file.Close() }

// control and wait call the kernel without telling the scheduler: neither can block,
// and a message would wake up another thread each time (runtime.entersyscall).
func (b *bell) control(op int, events uint32) (err error) {
	e := b.conn.Control(func(fd uintptr) {
		event := unix.EpollEvent{Events: events, Fd: int32(b.socket)}
		if _, _, n := unix.RawSyscall6(unix.SYS_EPOLL_CTL, fd, uintptr(op), uintptr(b.socket), uintptr(unsafe.Pointer(&event)), 0, 0); n != 0 {
			err = fmt.Errorf("cannot watch the packet socket: %w", n)
		}
	})
	return errors.Join(e, err)
}

// wait returns when there is something to read, and at once when there is already.
// The error is os.ErrDeadlineExceeded at the deadline.
func (b *bell) wait() error {
	if err := b.control(unix.EPOLL_CTL_MOD, unix.EPOLLIN|unix.EPOLLONESHOT); err != nil {
		return err
	}
	return b.conn.Read(func(fd uintptr) bool {
		var event unix.EpollEvent
		n, _, _ := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&event)), 1, 0, 0, 0)
		return int(n) > 0
	})
}

// deadline sets when wait ends without packets.
func (b *bell) deadline(at time.Time) error { return b.file.SetReadDeadline(at) }
