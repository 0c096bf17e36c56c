package host

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// Own are the addresses of this machine, as they are at the very moment. The kernel tells
// a socket of each change before the change is over, so one look at the socket says whether
// the list is still right. Its methods may be called from any goroutine.
type Own struct {
	mu   sync.Mutex
	fd   int
	buf  []byte
	list []netip.Addr
	old  bool // the list must be read again
}

// NewOwn opens the socket: rtnetlink(7). The caller must Close it.
func NewOwn() (*Own, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("cannot ask the kernel for the addresses of this machine: %w", err)
	}
	const groups = 1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot follow the addresses of this machine: %w", err)
	}
	return &Own{fd: fd, buf: make([]byte, 4096), old: true}, nil
}

// Close closes the socket. After it the list is read each time.
func (o *Own) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	fd := o.fd
	if o.fd = -1; fd < 0 {
		return nil
	}
	return unix.Close(fd)
}

// In finds an own address in a network. Where the kernel does not answer, the last list
// holds.
func (o *Own) In(p netip.Prefix) (netip.Addr, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.changed() || o.old {
		if list, err := Addresses(); err == nil {
			o.list, o.old = list, false
		}
	}
	for _, a := range o.list {
		if p.Contains(a) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// changed empties the socket, and reports whether there was a change, or may have been.
func (o *Own) changed() (changed bool) {
	for {
		_, _, err := unix.Recvfrom(o.fd, o.buf, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return changed
		case errors.Is(err, unix.ENOBUFS): // some were lost
			changed = true
		case err != nil:
			return true
		default:
			changed = true
		}
		o.old = o.old || changed
	}
}
