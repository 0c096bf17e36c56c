package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
)

// LockWait is how many seconds a call waits: for an answer of the kernel, and an
// iptables command for the xtables lock. go-iptables alone waits without end.
const LockWait = 5

// errRefused marks a host where the kernel refuses netlink to its packet filter, as in
// OpenVZ and some containers. iptables-legacy needs no netlink.
const errRefused = Missing("the kernel does not allow netlink to its packet filter, as in OpenVZ and some containers")

// Refused adds errRefused to an error that means it, and leaves other errors as they are.
func Refused(err error) error {
	for _, why := range []error{unix.EPERM, unix.EACCES, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.ENOENT, unix.ENOSYS} {
		if errors.Is(err, why) {
			err = fmt.Errorf("%w: %w", errRefused, err)
			if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
				err = hint.Add(RootHint+". In a container, the provider of the container must allow CAP_NET_ADMIN", err)
			}
			return err
		}
	}
	return err
}

// OpenNetfilter opens a socket to the kernel's packet filter that waits at most LockWait
// for an answer, and receives the events of the groups.
func OpenNetfilter(groups ...uint) (*nl.NetlinkSocket, error) {
	return openNetlink(unix.NETLINK_NETFILTER, groups...)
}

func openNetlink(protocol int, groups ...uint) (*nl.NetlinkSocket, error) {
	s, err := nl.Subscribe(protocol, groups...)
	if err != nil {
		return nil, Refused(err)
	}
	wait := unix.NsecToTimeval(int64(LockWait * time.Second))
	if err := errors.Join(s.SetSendTimeout(&wait), s.SetReceiveTimeout(&wait)); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Attrs walks netlink attributes. A length that is not possible ends the walk.
func Attrs(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofNlAttr {
			size := int(binary.NativeEndian.Uint16(b))
			if size < unix.SizeofNlAttr || size > len(b) {
				return
			}
			if !yield(binary.NativeEndian.Uint16(b[2:])&nl.NLA_TYPE_MASK, b[unix.SizeofNlAttr:size]) {
				return
			}
			b = b[min((size+3)&^3, len(b)):] // the next one is aligned to 4
		}
	}
}

// Number reads an integer of any size; ipset sends them all in network order.
func Number(b []byte) (n uint64) {
	for _, c := range b[:min(len(b), 8)] {
		n = n<<8 | uint64(c)
	}
	return n
}

// Attr appends a netlink attribute, which ends on a multiple of 4 bytes.
func Attr(b []byte, kind uint16, value ...byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofNlAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, -len(value)&3)...)
}

// Nested appends an attribute made of attributes.
func Nested(b []byte, kind uint16, inside func(b []byte) []byte) []byte {
	start := len(b)
	b = inside(Attr(b, kind|nl.NLA_F_NESTED))
	binary.NativeEndian.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

// exchange sends a request and gives the body of its one answer, in buf: the library
// allocates 64 KiB for each. An answer without a body is nil. The caller locks the socket.
func exchange(fd int, req *nl.NetlinkRequest, buf []byte) (body []byte, err error) {
	if err := unix.Sendto(fd, req.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return nil, err
		}
		if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint32(buf[8:]) != req.Seq { // of one before, which timed out
			continue
		}
		body, kind := buf[unix.SizeofNlMsghdr:n], binary.NativeEndian.Uint16(buf[4:])
		if kind != unix.NLMSG_ERROR {
			return body, nil
		}
		if code := -int32(binary.NativeEndian.Uint32(body)); code != 0 {
			return nil, setError(code)
		}
		return nil, nil
	}
}

// converse sends a request and calls part with the body of each message that answers, until
// the last one. A message that does not fit buf is cut: it is for short ones. The library
// asks for its own number each time and takes 64 KiB for each answer. The caller locks the
// socket.
func converse(fd int, req *nl.NetlinkRequest, buf []byte, part func(body []byte)) error {
	if err := unix.Sendto(fd, req.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return err
		}
		for left := buf[:n]; len(left) >= unix.SizeofNlMsghdr; {
			size := int(binary.NativeEndian.Uint32(left))
			if size < unix.SizeofNlMsghdr || size > len(left) {
				break
			}
			kind, seq, body := binary.NativeEndian.Uint16(left[4:]), binary.NativeEndian.Uint32(left[8:]), left[unix.SizeofNlMsghdr:size]
			left = left[min((size+3)&^3, len(left)):]
			switch {
			case seq != req.Seq: // of one before, which timed out
			case kind != unix.NLMSG_ERROR && kind != unix.NLMSG_DONE:
				part(body)
			case len(body) >= 4 && int32(binary.NativeEndian.Uint32(body)) != 0:
				return setError(-int32(binary.NativeEndian.Uint32(body)))
			default:
				return nil
			}
		}
	}
}
