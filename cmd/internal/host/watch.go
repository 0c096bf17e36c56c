package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// watched are the groups of rtnetlink(7) for addresses and routes.
const watched = 1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1) | 1<<(unix.RTNLGRP_IPV4_ROUTE-1) | 1<<(unix.RTNLGRP_IPV6_ROUTE-1)

// Watch calls changed after each change of this machine's addresses and routes that the
// kernel reports, until ctx ends. It is only a hint: changed must read them again, and must
// not block. An error means that the kernel sends no events here.
func Watch(ctx context.Context, changed func()) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("cannot ask the kernel for the addresses of this machine: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: watched}); err != nil {
		unix.Close(fd)
		return fmt.Errorf("cannot follow the addresses and routes of this machine: %w", err)
	}
	socket := os.NewFile(uintptr(fd), "rtnetlink") // it does not block: the runtime waits for it, and wakes up for nothing else
	defer socket.Close()
	conn, err := socket.SyscallConn()
	if err != nil {
		return fmt.Errorf("cannot follow the addresses and routes of this machine: %w", err)
	}
	defer context.AfterFunc(ctx, func() { socket.SetReadDeadline(time.Unix(1, 0)) })()
	changed() // what changed before we listened
	buf := make([]byte, 32<<10)
	for ctx.Err() == nil {
		n, from, err := receive(conn, buf)
		sender, _ := from.(*unix.SockaddrNetlink)
		switch {
		case ctx.Err() != nil, errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOBUFS): // some were lost
			changed()
		case err != nil:
			return fmt.Errorf("cannot follow the addresses and routes of this machine: %w", err)
		case n > 0 && (sender == nil || sender.Pid == 0): // of the kernel, and no other program
			changed()
		}
	}
	return nil
}

// receive waits for a message.
func receive(conn syscall.RawConn, buf []byte) (n int, from unix.Sockaddr, err error) {
	e := conn.Read(func(fd uintptr) bool {
		n, from, err = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
		return !errors.Is(err, unix.EAGAIN)
	})
	return n, from, errors.Join(e, err)
}
