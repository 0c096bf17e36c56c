package actions

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// batchSize is how many members go in one message. Its list of members is one
// attribute, whose length has 16 bits, and the kernel lets nobody else in while
// it works through it: half a millisecond.
const batchSize = 500

// put adds members, or gives them a new timeout if they are there, many in one
// message: IPSET_ATTR_ADT, as ipset(8) restore sends it. It reports how many are
// in; on an error the rest is not.
func (s *sets) put(name string, list []setMember) (done int, err error) {
	for done < len(list) {
		part := list[done:min(done+batchSize, len(list))]
		n, err := s.send(nl.IPSET_CMD_ADD, name, part)
		if done += n; err != nil {
			return done, err
		}
	}
	return done, nil
}

// drop removes members that are there.
func (s *sets) drop(name string, list []setMember) (done int, err error) {
	return s.send(nl.IPSET_CMD_DEL, name, list)
}

// send is one message and its answer. The kernel stops at the first member that
// it refuses, and sends its line number back in a copy of the message.
func (s *sets) send(command int, name string, list []setMember) (done int, err error) {
	req := nl.NewNetlinkRequest(command|unix.NFNL_SUBSYS_IPSET<<8, nl.GetIpsetFlags(command)&^unix.NLM_F_EXCL)
	req.AddRawData(batchMessage(name, list))
	s.changer.Lock()
	defer s.changer.Unlock()
	if err := s.changer.Send(req); err != nil {
		return 0, err
	}
	for {
		msgs, _, err := s.changer.Receive()
		if err != nil {
			return 0, err
		}
		for _, m := range msgs {
			if m.Header.Seq != req.Seq || m.Header.Type != unix.NLMSG_ERROR || len(m.Data) < 4 { // of one before, which timed out
				continue
			}
			code := -int32(binary.NativeEndian.Uint32(m.Data))
			if code == 0 {
				return len(list), nil
			}
			return min(refusedLine(m.Data[4:]), len(list)), setError(code)
		}
	}
}

// setError is what a number means; beyond the system's ones they are ipset's own.
func setError(code int32) error {
	if code >= nl.IPSET_ERR_PRIVATE {
		return nl.IPSetError(code)
	}
	return syscall.Errno(code)
}

// refusedLine is how many members were taken before the one that was not: their
// lines count from 1, and 0 stands where the kernel did not come to any.
func refusedLine(echo []byte) int {
	if len(echo) < unix.SizeofNlMsghdr+nl.SizeofNfgenmsg {
		return 0
	}
	for kind, value := range attrs(echo[unix.SizeofNlMsghdr+nl.SizeofNfgenmsg:]) {
		if kind == nl.IPSET_ATTR_LINENO && len(value) == 4 {
			return max(int(binary.NativeEndian.Uint32(value))-1, 0)
		}
	}
	return 0
}

// batchMessage is the body of an add or a delete of several members. Counters are
// told only where there are any, so that a set without them takes it too.
func batchMessage(name string, list []setMember) []byte {
	b := []byte{unix.AF_UNSPEC, nl.NFNETLINK_V0, 0, 0}
	b = attr(b, nl.IPSET_ATTR_PROTOCOL, nl.IPSET_PROTOCOL)
	b = attr(b, nl.IPSET_ATTR_SETNAME, nl.ZeroTerminated(name)...)
	b = attr(b, nl.IPSET_ATTR_LINENO, 0, 0, 0, 0)
	return nested(b, nl.IPSET_ATTR_ADT, func(b []byte) []byte {
		for i, m := range list {
			b = nested(b, nl.IPSET_ATTR_DATA, func(b []byte) []byte { return memberAttrs(b, m, uint32(i+1)) })
		}
		return b
	})
}

func memberAttrs(b []byte, m setMember, line uint32) []byte {
	const net = nl.NLA_F_NET_BYTEORDER
	kind := uint16(nl.IPSET_ATTR_IPADDR_IPV4)
	if m.prefix.Addr().Is6() {
		kind = nl.IPSET_ATTR_IPADDR_IPV6
	}
	b = nested(b, nl.IPSET_ATTR_IP, func(b []byte) []byte { return attr(b, kind|net, m.prefix.Addr().AsSlice()...) })
	b = attr(b, nl.IPSET_ATTR_CIDR, byte(m.prefix.Bits()))
	if !m.static {
		b = attr(b, nl.IPSET_ATTR_TIMEOUT|net, binary.BigEndian.AppendUint32(nil, m.seconds)...)
	}
	if m.packets > 0 {
		b = attr(b, nl.IPSET_ATTR_PACKETS|net, binary.BigEndian.AppendUint64(nil, m.packets)...)
		b = attr(b, nl.IPSET_ATTR_BYTES|net, binary.BigEndian.AppendUint64(nil, m.bytes)...)
	}
	return attr(b, nl.IPSET_ATTR_LINENO, binary.NativeEndian.AppendUint32(nil, line)...)
}

// attr appends a netlink attribute, which ends on a multiple of 4 bytes.
func attr(b []byte, kind uint16, value ...byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofNlAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, -len(value)&3)...)
}

// nested appends an attribute made of attributes.
func nested(b []byte, kind uint16, inside func(b []byte) []byte) []byte {
	start := len(b)
	b = inside(attr(b, kind|nl.NLA_F_NESTED))
	binary.NativeEndian.PutUint16(b[start:], uint16(len(b)-start))
	return b
}

// putAll puts members into the set of a side, which grows when it is full. mu is held.
func (e *ipset) putAll(s *side, list []setMember) error {
	for len(list) > 0 {
		done, err := e.sets.put(s.set, list)
		if list = list[done:]; err == nil {
			continue
		}
		if !errors.Is(err, errFull) {
			return explainSet("ban "+more(list)+" in", s.set, err)
		}
		if grown, err := e.grow(s); !grown {
			return cmp.Or(err, full("set "+s.set))
		} else if err != nil {
			return err
		}
	}
	return nil
}

// more names the first of a list.
func more(list []setMember) string {
	if len(list) == 1 {
		return list[0].prefix.String()
	}
	return fmt.Sprintf("%s and %d more", list[0].prefix, len(list)-1)
}
