package actions

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// setRevision is the first of hash:net that knows counters (Linux 3.10). The
// library would ask for 0, and ipset(8) takes the options to show from it.
const setRevision = 3

// listHeader is IPSET_FLAG_LIST_HEADER of linux/netfilter/ipset/ip_set.h.
const listHeader = 1 << 2

// errFull is IPSET_ERR_HASH_FULL, the first error of the hash types.
const errFull = nl.IPSetError(nl.IPSET_ERR_TYPE_SPECIFIC)

// sets speaks to the kernel's ipsets over netlink, without a process. Listing
// has a socket of its own, so that a long list holds up no ban.
//
// Sets are made and removed through the library's Handle. Members are put in by
// us, many in one message, which the library cannot. Listing is ours too: the
// library sends each attribute through a goroutine, 17 s for 100,000 members
// where this takes 0.03 s, and has to list all of a set to learn what kind of set
// it is.
type sets struct {
	*netlink.Handle
	changer *nl.NetlinkSocket
	lister  *nl.NetlinkSocket
	seqs    map[int]*nl.SocketHandle // lister, as requests want it
}

func openSets() (*sets, error) {
	h, err := netlink.NewHandle(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	s := &sets{Handle: h}
	if s.changer, err = openNetfilter(); err == nil {
		s.lister, err = openNetfilter()
	}
	if err = errors.Join(err, h.SetSocketTimeout(lockWait*time.Second)); err != nil {
		s.close()
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	s.seqs = map[int]*nl.SocketHandle{unix.NETLINK_NETFILTER: {Socket: s.lister}}
	return s, nil
}

// openNetfilter opens a socket to the kernel's packet filter that waits for
// answers no longer than for a lock, and hears of what the groups tell.
func openNetfilter(groups ...uint) (*nl.NetlinkSocket, error) {
	return openNetlink(unix.NETLINK_NETFILTER, groups...)
}

func openNetlink(protocol int, groups ...uint) (*nl.NetlinkSocket, error) {
	s, err := nl.Subscribe(protocol, groups...)
	if err != nil {
		return nil, err
	}
	wait := unix.NsecToTimeval(int64(lockWait * time.Second))
	if err := errors.Join(s.SetSendTimeout(&wait), s.SetReceiveTimeout(&wait)); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *sets) close() {
	s.Handle.Close()
	for _, socket := range []*nl.NetlinkSocket{s.changer, s.lister} {
		if socket != nil {
			socket.Close()
		}
	}
}

// create makes an empty set that keeps a timeout per member, unless it is
// static, and counters.
func (s *sets) create(name string, family uint8, maxElem uint32, static bool) error {
	o := netlink.IpsetCreateOptions{Counters: true, Family: family, MaxElements: maxElem, Revision: setRevision}
	if !static {
		o.Timeout = new(uint32)
	}
	return s.IpsetCreate(name, "hash:net", o)
}

// setHeader is what a set is, without its members.
type setHeader struct {
	kind              string // "hash:net"
	family            uint8
	maxElem           uint32
	members           int
	timeout, counters bool
}

type setMember struct {
	prefix         netip.Prefix
	seconds        uint32 // left; 0 is for ever
	static         bool   // of a set without timeouts
	packets, bytes uint64
}

// header asks what a set is; os.ErrNotExist if there is none.
func (s *sets) header(name string) (h setHeader, err error) {
	err = s.list(name, listHeader, func(msg []byte) { parseHeader(msg, &h) })
	return h, err
}

// members calls yield for every member of a set.
func (s *sets) members(name string, yield func(setMember)) error {
	return s.list(name, 0, func(msg []byte) { parseMembers(msg, yield) })
}

func (s *sets) list(name string, flags uint32, part func(msg []byte)) error {
	req := nl.NewNetlinkRequest(nl.IPSET_CMD_LIST|unix.NFNL_SUBSYS_IPSET<<8, nl.GetIpsetFlags(nl.IPSET_CMD_LIST))
	req.Sockets = s.seqs
	req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC, Version: nl.NFNETLINK_V0})
	req.AddData(nl.NewRtAttr(nl.IPSET_ATTR_PROTOCOL, nl.Uint8Attr(nl.IPSET_PROTOCOL)))
	req.AddData(nl.NewRtAttr(nl.IPSET_ATTR_SETNAME, nl.ZeroTerminated(name)))
	req.AddData(&nl.Uint32Attribute{Type: nl.IPSET_ATTR_FLAGS | nl.NLA_F_NET_BYTEORDER, Value: flags})
	err := req.ExecuteIter(unix.NETLINK_NETFILTER, 0, func(msg []byte) bool {
		if len(msg) > nl.SizeofNfgenmsg {
			part(msg[nl.SizeofNfgenmsg:])
		}
		return true
	})
	if errors.Is(err, unix.ENOENT) {
		err = os.ErrNotExist
	}
	return err
}

func parseHeader(msg []byte, h *setHeader) {
	for kind, value := range attrs(msg) {
		switch kind {
		case nl.IPSET_ATTR_TYPENAME:
			h.kind = unix.ByteSliceToString(value)
		case nl.IPSET_ATTR_FAMILY:
			h.family = uint8(number(value))
		case nl.IPSET_ATTR_DATA:
			for kind, value := range attrs(value) {
				switch kind {
				case nl.IPSET_ATTR_MAXELEM:
					h.maxElem = uint32(number(value))
				case nl.IPSET_ATTR_ELEMENTS:
					h.members = int(number(value))
				case nl.IPSET_ATTR_TIMEOUT:
					h.timeout = true
				case nl.IPSET_ATTR_CADT_FLAGS:
					h.counters = number(value)&nl.IPSET_FLAG_WITH_COUNTERS != 0
				}
			}
		}
	}
}

func parseMembers(msg []byte, yield func(setMember)) {
	for kind, value := range attrs(msg) {
		if kind != nl.IPSET_ATTR_ADT {
			continue
		}
		for _, value := range attrs(value) {
			if m := parseMember(value); m.prefix.IsValid() {
				yield(m)
			}
		}
	}
}

func parseMember(data []byte) (m setMember) {
	var addr netip.Addr
	bits := -1
	for kind, value := range attrs(data) {
		switch kind {
		case nl.IPSET_ATTR_IP:
			for _, value := range attrs(value) {
				addr, _ = netip.AddrFromSlice(value)
			}
		case nl.IPSET_ATTR_CIDR:
			bits = int(number(value))
		case nl.IPSET_ATTR_TIMEOUT:
			m.seconds = uint32(number(value))
		case nl.IPSET_ATTR_PACKETS:
			m.packets = number(value)
		case nl.IPSET_ATTR_BYTES:
			m.bytes = number(value)
		}
	}
	if bits < 0 {
		bits = addr.BitLen()
	}
	m.prefix = netip.PrefixFrom(addr, bits)
	return m
}

// attrs walks netlink attributes. Lengths that cannot be end the walk.
func attrs(b []byte) iter.Seq2[uint16, []byte] {
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

// number reads an integer of any size; ipset sends them all in network order.
func number(b []byte) (n uint64) {
	for _, c := range b[:min(len(b), 8)] {
		n = n<<8 | uint64(c)
	}
	return n
}
