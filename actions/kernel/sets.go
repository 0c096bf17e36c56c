package kernel

import (
	"errors"
	"net/netip"
	"os"
	"sync"
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

// ErrFull is IPSET_ERR_HASH_FULL, the first error of the hash types.
const ErrFull = nl.IPSetError(nl.IPSET_ERR_TYPE_SPECIFIC)

// Sets speaks to the kernel's ipsets over netlink, without a process. Listing has its own
// socket, so that a long list does not delay a ban.
//
// Sets are made and removed through the library's Handle. This package adds members itself,
// many in one message, which the library cannot do. It also lists them itself: the library
// sends each attribute through a goroutine and takes 17 s for 100,000 members, where this
// takes 0.03 s; and to learn the type of a set it lists all of it.
type Sets struct {
	*netlink.Handle
	changer *nl.NetlinkSocket
	outcome [4096]byte // of a change: the beginning of its message comes back; guarded by changer
	lister  *nl.NetlinkSocket
	seqs    map[int]*nl.SocketHandle // lister, as requests want it

	asking    sync.Mutex // one question at a time
	asker     *nl.NetlinkSocket
	answer    [4096]byte // to the question; guarded by asking
	questions []byte     // asked in one packet; guarded by asking
}

// OpenSets opens the sockets. They work in the network namespace of the calling thread.
func OpenSets() (*Sets, error) {
	h, err := netlink.NewHandle(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, Cannot(Refused(err), "reach the sets of ipset in the kernel")
	}
	s := &Sets{Handle: h}
	if s.changer, err = OpenNetfilter(); err == nil {
		if s.lister, err = OpenNetfilter(); err == nil {
			s.asker, err = OpenNetfilter()
		}
	}
	if err = errors.Join(err, h.SetSocketTimeout(LockWait*time.Second)); err != nil {
		s.Close()
		return nil, Cannot(err, "reach the sets of ipset in the kernel")
	}
	s.seqs = map[int]*nl.SocketHandle{unix.NETLINK_NETFILTER: {Socket: s.lister}}
	return s, nil
}

// Close closes the sockets; the sets stay.
func (s *Sets) Close() {
	s.Handle.Close()
	for _, socket := range []*nl.NetlinkSocket{s.changer, s.lister, s.asker} {
		if socket != nil {
			socket.Close()
		}
	}
}

// Create makes an empty set that keeps a timeout per member, unless it is
// static, and counters.
func (s *Sets) Create(name string, family uint8, maxElem uint32, static bool) error {
	o := netlink.IpsetCreateOptions{Counters: true, Family: family, MaxElements: maxElem, Revision: setRevision}
	if !static {
		o.Timeout = new(uint32)
	}
	return s.IpsetCreate(name, "hash:net", o)
}

// SetHeader describes a set without its members.
type SetHeader struct {
	Kind              string // "hash:net"
	Family            uint8
	MaxElem           uint32
	Members           int
	References        int // rules, and sets of sets, that use it
	Timeout, Counters bool
}

// Header reads the header of a set; os.ErrNotExist if there is no such set.
func (s *Sets) Header(name string) (h SetHeader, err error) {
	s.asking.Lock()
	defer s.asking.Unlock()
	err = converse(s.asker.GetFd(), listRequest(name, listHeader), s.answer[:], func(msg []byte) {
		if len(msg) > nl.SizeofNfgenmsg {
			parseHeader(msg[nl.SizeofNfgenmsg:], &h)
		}
	})
	if errors.Is(err, unix.ENOENT) {
		err = os.ErrNotExist
	}
	return h, err
}

// Members calls yield for every member of a set.
func (s *Sets) Members(name string, yield func(Member)) error {
	return s.list(name, 0, func(msg []byte) { parseMembers(msg, yield) })
}

// list asks for one set, or for all when the name is "".
func (s *Sets) list(name string, flags uint32, part func(msg []byte)) error {
	req := listRequest(name, flags)
	req.Sockets = s.seqs
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

// listRequest asks for one set, or for all when the name is "".
func listRequest(name string, flags uint32) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(nl.IPSET_CMD_LIST|unix.NFNL_SUBSYS_IPSET<<8, nl.GetIpsetFlags(nl.IPSET_CMD_LIST))
	req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_UNSPEC, Version: nl.NFNETLINK_V0})
	req.AddData(nl.NewRtAttr(nl.IPSET_ATTR_PROTOCOL, nl.Uint8Attr(nl.IPSET_PROTOCOL)))
	if name != "" {
		req.AddData(nl.NewRtAttr(nl.IPSET_ATTR_SETNAME, nl.ZeroTerminated(name)))
	}
	req.AddData(&nl.Uint32Attribute{Type: nl.IPSET_ATTR_FLAGS | nl.NLA_F_NET_BYTEORDER, Value: flags})
	return req
}

func parseHeader(msg []byte, h *SetHeader) {
	for kind, value := range Attrs(msg) {
		switch kind {
		case nl.IPSET_ATTR_TYPENAME:
			h.Kind = unix.ByteSliceToString(value)
		case nl.IPSET_ATTR_FAMILY:
			h.Family = uint8(Number(value))
		case nl.IPSET_ATTR_DATA:
			for kind, value := range Attrs(value) {
				switch kind {
				case nl.IPSET_ATTR_MAXELEM:
					h.MaxElem = uint32(Number(value))
				case nl.IPSET_ATTR_ELEMENTS:
					h.Members = int(Number(value))
				case nl.IPSET_ATTR_REFERENCES:
					h.References = int(Number(value))
				case nl.IPSET_ATTR_TIMEOUT:
					h.Timeout = true
				case nl.IPSET_ATTR_CADT_FLAGS:
					h.Counters = Number(value)&nl.IPSET_FLAG_WITH_COUNTERS != 0
				}
			}
		}
	}
}

func parseMembers(msg []byte, yield func(Member)) {
	for kind, value := range Attrs(msg) {
		if kind != nl.IPSET_ATTR_ADT {
			continue
		}
		for _, value := range Attrs(value) {
			if m := parseMember(value); m.Prefix.IsValid() {
				yield(m)
			}
		}
	}
}

func parseMember(data []byte) (m Member) {
	var addr netip.Addr
	bits := -1
	for kind, value := range Attrs(data) {
		switch kind {
		case nl.IPSET_ATTR_IP:
			for _, value := range Attrs(value) {
				addr, _ = netip.AddrFromSlice(value)
			}
		case nl.IPSET_ATTR_CIDR:
			bits = int(Number(value))
		case nl.IPSET_ATTR_TIMEOUT:
			m.Seconds = uint32(Number(value))
		case nl.IPSET_ATTR_PACKETS:
			m.Packets = Number(value)
		case nl.IPSET_ATTR_BYTES:
			m.Bytes = Number(value)
		}
	}
	if bits < 0 {
		bits = addr.BitLen()
	}
	m.Prefix = netip.PrefixFrom(addr, bits)
	return m
}
