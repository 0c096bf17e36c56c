package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// watched are the groups of rtnetlink(7) that tell of addresses and routes.
const watched = 1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1) | 1<<(unix.RTNLGRP_IPV4_ROUTE-1) | 1<<(unix.RTNLGRP_IPV6_ROUTE-1)

// wakeEvery is how long a wait for the kernel may keep Watch from seeing that ctx ended.
const wakeEvery = 500 * time.Millisecond

// Watch calls changed after each change of this machine's addresses and routes that the
// kernel tells of, until ctx ends. What it says is a hint: changed must ask again, and must
// not wait. An error is that the kernel tells nothing here.
func Watch(ctx context.Context, changed func()) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open a socket of rtnetlink: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: watched}); err != nil {
		return fmt.Errorf("follow addresses and routes: %w", err)
	}
	limit := unix.NsecToTimeval(wakeEvery.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return fmt.Errorf("bound the wait for the kernel: %w", err)
	}
	changed() // what changed before we listened
	buf := make([]byte, 32<<10)
	for ctx.Err() == nil {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		sender, _ := from.(*unix.SockaddrNetlink)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOBUFS): // some were lost
			changed()
		case err != nil:
			return fmt.Errorf("follow addresses and routes: %w", err)
		case n > 0 && (sender == nil || sender.Pid == 0): // of the kernel, and no other program
			changed()
		}
	}
	return nil
}
