package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"strings"
	"unsafe"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// leftovers are the rules and sets in this thread's namespace, without what a new namespace
// has and what iptables makes when it is read: empty tables with the kernel's own chains.
func leftovers() (list []string, err error) {
	sets, err := netlink.IpsetListAll()
	if err != nil && !absent(err) {
		return nil, fmt.Errorf("cannot list the sets of ipset: %w", err)
	}
	for _, s := range sets {
		list = append(list, "ipset "+s.SetName)
	}
	for _, kind := range nftKinds {
		names, err := kind.list()
		if err != nil && !absent(err) {
			return nil, fmt.Errorf("cannot list the %s of nftables: %w", kind.name, err)
		}
		list = append(list, names...)
	}
	for _, l := range legacies {
		tables, err := os.ReadFile(l.names)
		if err != nil { // a kernel without it
			continue
		}
		for table := range strings.FieldsSeq(string(tables)) {
			used, err := l.used(table)
			if err != nil {
				return nil, fmt.Errorf("cannot read table %s of iptables: %w", table, err)
			}
			if used {
				list = append(list, "rules of "+l.program+" in table "+table)
			}
		}
	}
	return list, nil
}

// absent tells a kernel that does not know what was asked for: netfilter answers so
// for a subsystem that is not loaded.
func absent(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP)
}

// nftKind is one kind of object of nftables, those of iptables-nft among them.
type nftKind struct {
	name    string
	message int
	labels  []uint16                                         // the attributes that name it: linux/netfilter/nf_tables.h
	native  func(family uint8, attrs map[uint16][]byte) bool // of the kernel, or of iptables; nil: never
}

var nftKinds = []nftKind{
	{"table", unix.NFT_MSG_GETTABLE, []uint16{1}, func(family uint8, _ map[uint16][]byte) bool {
		return family == unix.NFPROTO_IPV4 || family == unix.NFPROTO_IPV6
	}},
	{"chain", unix.NFT_MSG_GETCHAIN, []uint16{1, 3}, func(_ uint8, attrs map[uint16][]byte) bool { return attrs[4] != nil }}, // it has a hook
	{"set", unix.NFT_MSG_GETSET, []uint16{1, 2}, nil},
	{"rule", unix.NFT_MSG_GETRULE, []uint16{1, 2}, nil},
}

func (k nftKind) list() (list []string, err error) {
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_NFTABLES<<8|k.message, unix.NLM_F_DUMP)
	req.AddRawData([]byte{unix.AF_UNSPEC, nl.NFNETLINK_V0, 0, 0})
	msgs, err := req.Execute(unix.NETLINK_NETFILTER, 0)
	for _, msg := range msgs {
		if len(msg) < nl.SizeofNfgenmsg {
			continue
		}
		parsed, err := nl.ParseRouteAttr(msg[nl.SizeofNfgenmsg:])
		if err != nil {
			return nil, err
		}
		attrs := map[uint16][]byte{}
		for _, a := range parsed {
			attrs[a.Attr.Type&nl.NLA_TYPE_MASK] = a.Value
		}
		if k.native != nil && k.native(msg[0], attrs) {
			continue
		}
		label := "nftables " + k.name
		for _, l := range k.labels {
			label += " " + unix.ByteSliceToString(attrs[l])
		}
		list = append(list, label)
	}
	return list, err
}

// legacy is iptables-legacy for one family.
type legacy struct {
	program       string
	domain, level int
	names         string // the tables that are in use: proc(5)
}

var legacies = []legacy{
	{"iptables-legacy", unix.AF_INET, unix.IPPROTO_IP, "/proc/thread-self/net/ip_tables_names"},
	{"ip6tables-legacy", unix.AF_INET6, unix.IPPROTO_IPV6, "/proc/thread-self/net/ip6_tables_names"},
}

// used reports whether a table holds more than the policies of its hooks:
// linux/netfilter_ipv4/ip_tables.h, struct ipt_getinfo.
func (l legacy) used(table string) (bool, error) {
	const getInfo, nameLen, entriesAt, infoLen = 64, 32, 76, 84
	fd, err := unix.Socket(l.domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	info := make([]byte, infoLen)
	copy(info[:nameLen-1], table)
	size := uint32(len(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(l.level), getInfo,
		uintptr(unsafe.Pointer(&info[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return false, errno
	}
	hooks, entries := binary.NativeEndian.Uint32(info[nameLen:]), binary.NativeEndian.Uint32(info[entriesAt:])
	return int(entries) > bits.OnesCount32(hooks)+1, nil
}
