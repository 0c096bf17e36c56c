package kernel

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// heardRevision is the first of hash:ip that knows counters (Linux 3.10).
	heardRevision = 1
	// listNames is IPSET_FLAG_LIST_SETNAME of linux/netfilter/ipset/ip_set.h.
	listNames = 1 << 1
)

// CreateHeard makes an empty set of single addresses, which the kernel fills. A packet
// cannot make a set larger, as netlink can: the table has its full size from the start, so
// that no bucket is full while the set is not (12 members: linux:net/netfilter/ipset/
// ip_set_hash_gen.h). The library cannot make a table of a given size.
func (s *Sets) CreateHeard(name string, family uint8, maxElem, hashSize uint32) error {
	const net = nl.NLA_F_NET_BYTEORDER
	word := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	req := nl.NewNetlinkRequest(nl.IPSET_CMD_CREATE|unix.NFNL_SUBSYS_IPSET<<8, unix.NLM_F_ACK|unix.NLM_F_EXCL|unix.NLM_F_CREATE)
	b := []byte{unix.AF_UNSPEC, nl.NFNETLINK_V0, 0, 0}
	b = Attr(b, nl.IPSET_ATTR_PROTOCOL, nl.IPSET_PROTOCOL)
	b = Attr(b, nl.IPSET_ATTR_SETNAME, nl.ZeroTerminated(name)...)
	b = Attr(b, nl.IPSET_ATTR_TYPENAME, nl.ZeroTerminated("hash:ip")...)
	b = Attr(b, nl.IPSET_ATTR_REVISION, heardRevision)
	b = Attr(b, nl.IPSET_ATTR_FAMILY, family)
	req.AddRawData(Nested(b, nl.IPSET_ATTR_DATA, func(b []byte) []byte {
		b = Attr(b, nl.IPSET_ATTR_HASHSIZE|net, word(hashSize)...)
		b = Attr(b, nl.IPSET_ATTR_MAXELEM|net, word(maxElem)...)
		b = Attr(b, nl.IPSET_ATTR_TIMEOUT|net, word(uint32(Memory/time.Second))...)
		return Attr(b, nl.IPSET_ATTR_CADT_FLAGS|net, word(nl.IPSET_FLAG_WITH_COUNTERS)...)
	}))
	s.asking.Lock()
	defer s.asking.Unlock()
	_, err := exchange(s.asker.GetFd(), req, s.answer[:])
	return err
}

// Names are the names of all sets of the namespace.
func (s *Sets) Names() (names []string, err error) {
	err = s.list("", listNames, func(msg []byte) {
		for kind, value := range Attrs(msg) {
			if kind == nl.IPSET_ATTR_SETNAME {
				names = append(names, unix.ByteSliceToString(value))
			}
		}
	})
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EINVAL) { // a kernel without ip_set
		err = nil
	}
	return names, err
}

// Test reports whether an address is in a set, in one message to the kernel and back.
// os.ErrNotExist: there is no such set.
func (s *Sets) Test(name string, a netip.Addr) (bool, error) {
	s.asking.Lock()
	defer s.asking.Unlock()
	_, err := exchange(s.asker.GetFd(), testRequest(name, a, unix.NLM_F_ACK), s.answer[:])
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, nl.IPSetError(nl.IPSET_ERR_EXIST)):
		return false, nil
	case errors.Is(err, unix.ENOENT):
		return false, os.ErrNotExist
	}
	return false, err
}

// Held is an address that a set should have.
type Held struct {
	Set  string
	Addr netip.Addr
}

// AllHold reports whether all these sets are there and have their address. It asks all
// questions in one packet, and the kernel answers only "no", and to the last one: a look
// each second costs as much as one Test.
func (s *Sets) AllHold(list []Held) (all bool, err error) {
	if len(list) == 0 {
		return true, nil
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	s.questions = s.questions[:0]
	var first, last uint32
	for i, h := range list {
		flags := 0
		if i == len(list)-1 {
			flags = unix.NLM_F_ACK
		}
		req := testRequest(h.Set, h.Addr, flags)
		if last = req.Seq; i == 0 {
			first = last
		}
		s.questions = append(s.questions, req.Serialize()...)
	}
	fd := s.asker.GetFd()
	if err := unix.Sendto(fd, s.questions, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return false, err
	}
	for all = true; ; {
		n, _, err := unix.Recvfrom(fd, s.answer[:], 0)
		if err != nil {
			return false, err
		}
		seq := binary.NativeEndian.Uint32(s.answer[8:])
		if n < unix.SizeofNlMsghdr+4 || seq-first > last-first { // of a question before, which timed out
			continue
		}
		all = all && binary.NativeEndian.Uint32(s.answer[unix.SizeofNlMsghdr:]) == 0
		if seq == last {
			return all, nil
		}
	}
}

// testRequest asks whether an address is in a set.
func testRequest(name string, a netip.Addr, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(nl.IPSET_CMD_TEST|unix.NFNL_SUBSYS_IPSET<<8, flags)
	b := []byte{unix.AF_UNSPEC, nl.NFNETLINK_V0, 0, 0}
	b = Attr(b, nl.IPSET_ATTR_PROTOCOL, nl.IPSET_PROTOCOL)
	b = Attr(b, nl.IPSET_ATTR_SETNAME, nl.ZeroTerminated(name)...)
	b = Nested(b, nl.IPSET_ATTR_DATA, func(b []byte) []byte {
		kind := uint16(nl.IPSET_ATTR_IPADDR_IPV4)
		if a.Is6() {
			kind = nl.IPSET_ATTR_IPADDR_IPV6
		}
		return Nested(b, nl.IPSET_ATTR_IP, func(b []byte) []byte { return Attr(b, kind|nl.NLA_F_NET_BYTEORDER, a.AsSlice()...) })
	})
	req.AddRawData(b)
	return req
}
