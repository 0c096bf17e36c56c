package kernel

import (
	"encoding/binary"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// batchSize is how many members go in one message. Its list of members is one attribute,
// whose length has 16 bits. While the kernel works through it, half a millisecond, no other
// program can change the set.
const batchSize = 500

// Put adds members, or gives them a new timeout if they are there, many in one message:
// IPSET_ATTR_ADT, as ipset(8) restore sends it. It reports how many were added; on an error
// the rest was not.
func (s *Sets) Put(name string, list []Member) (done int, err error) {
	return s.sendAll(nl.IPSET_CMD_ADD, name, list)
}

// Drop removes members, as far as they are there, many in one message too.
func (s *Sets) Drop(name string, list []Member) (done int, err error) {
	return s.sendAll(nl.IPSET_CMD_DEL, name, list)
}

func (s *Sets) sendAll(command int, name string, list []Member) (done int, err error) {
	for done < len(list) {
		part := list[done:min(done+batchSize, len(list))]
		n, err := s.send(command, name, part)
		if done += n; err != nil {
			return done, err
		}
	}
	return done, nil
}

// send is one message and its answer. The kernel stops at the first member that
// it refuses, and sends its line number back in a copy of the message.
func (s *Sets) send(command int, name string, list []Member) (done int, err error) {
	req := nl.NewNetlinkRequest(command|unix.NFNL_SUBSYS_IPSET<<8, nl.GetIpsetFlags(command)&^unix.NLM_F_EXCL)
	req.AddRawData(batchMessage(name, list))
	s.changer.Lock()
	defer s.changer.Unlock()
	// A ban waits for this: the library's way takes twice as long.
	fd, buf := s.changer.GetFd(), s.outcome[:]
	if err := unix.Sendto(fd, req.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return 0, err
		}
		if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint32(buf[8:]) != req.Seq || binary.NativeEndian.Uint16(buf[4:]) != unix.NLMSG_ERROR { // of one before, which timed out
			continue
		}
		body := buf[unix.SizeofNlMsghdr:n]
		code := -int32(binary.NativeEndian.Uint32(body))
		if code == 0 {
			return len(list), nil
		}
		return min(refusedLine(body[4:]), len(list)), setError(code)
	}
}

// setError is the error of a number; numbers above the system's are ipset's own.
func setError(code int32) error {
	if code >= nl.IPSET_ERR_PRIVATE {
		return nl.IPSetError(code)
	}
	return syscall.Errno(code)
}

// refusedLine is how many members were taken before the one that was not: their lines count
// from 1; 0 means that the kernel reached none.
func refusedLine(echo []byte) int {
	if len(echo) < unix.SizeofNlMsghdr+nl.SizeofNfgenmsg {
		return 0
	}
	for kind, value := range Attrs(echo[unix.SizeofNlMsghdr+nl.SizeofNfgenmsg:]) {
		if kind == nl.IPSET_ATTR_LINENO && len(value) == 4 {
			return max(int(binary.NativeEndian.Uint32(value))-1, 0)
		}
	}
	return 0
}

// batchMessage is the body of an add or a delete of several members. Counters are included
// only where there are any, so that a set without counters accepts the message.
func batchMessage(name string, list []Member) []byte {
	b := []byte{unix.AF_UNSPEC, nl.NFNETLINK_V0, 0, 0}
	b = Attr(b, nl.IPSET_ATTR_PROTOCOL, nl.IPSET_PROTOCOL)
	b = Attr(b, nl.IPSET_ATTR_SETNAME, nl.ZeroTerminated(name)...)
	b = Attr(b, nl.IPSET_ATTR_LINENO, 0, 0, 0, 0)
	return Nested(b, nl.IPSET_ATTR_ADT, func(b []byte) []byte {
		for i, m := range list {
			b = Nested(b, nl.IPSET_ATTR_DATA, func(b []byte) []byte { return memberAttrs(b, m, uint32(i+1)) })
		}
		return b
	})
}

func memberAttrs(b []byte, m Member, line uint32) []byte {
	const net = nl.NLA_F_NET_BYTEORDER
	kind := uint16(nl.IPSET_ATTR_IPADDR_IPV4)
	if m.Prefix.Addr().Is6() {
		kind = nl.IPSET_ATTR_IPADDR_IPV6
	}
	b = Nested(b, nl.IPSET_ATTR_IP, func(b []byte) []byte { return Attr(b, kind|net, m.Prefix.Addr().AsSlice()...) })
	b = Attr(b, nl.IPSET_ATTR_CIDR, byte(m.Prefix.Bits()))
	if !m.Static {
		b = Attr(b, nl.IPSET_ATTR_TIMEOUT|net, binary.BigEndian.AppendUint32(nil, m.Seconds)...)
	}
	if m.Packets > 0 {
		b = Attr(b, nl.IPSET_ATTR_PACKETS|net, binary.BigEndian.AppendUint64(nil, m.Packets)...)
		b = Attr(b, nl.IPSET_ATTR_BYTES|net, binary.BigEndian.AppendUint64(nil, m.Bytes)...)
	}
	return Attr(b, nl.IPSET_ATTR_LINENO, binary.NativeEndian.AppendUint32(nil, line)...)
}
