package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"math/bits"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// legacyLayout holds the offsets in linux/netfilter_ipv4/ip_tables.h and its
// sibling of IPv6: struct ipt_entry.
type legacyLayout struct {
	domain, level int
	names         string // the tables that are in use: proc(5)
	offsets       int    // of target_offset; next_offset and comefrom follow
	counters      int
	head          int // of the matches
}

var legacyLayouts = map[uint8]legacyLayout{
	unix.AF_INET:  {unix.AF_INET, unix.IPPROTO_IP, "/proc/thread-self/net/ip_tables_names", 88, 96, 112},
	unix.AF_INET6: {unix.AF_INET6, unix.IPPROTO_IPV6, "/proc/thread-self/net/ip6_tables_names", 140, 152, 168},
}

const (
	soGetInfo    = 64 // IPT_SO_GET_INFO, IP6T_SO_GET_INFO
	soGetEntries = 65
	legacyName   = 32 // XT_TABLE_MAXNAMELEN
	legacyInfo   = legacyName + 4 + 5*4 + 5*4 + 4 + 4
	legacyHead   = legacyName + 8 // of struct ipt_get_entries, whose entries are aligned to 8
)

// LegacyTable is one table as iptables-legacy keeps it in the kernel. Reading it
// takes no lock and starts no program.
type LegacyTable struct {
	layout     legacyLayout
	validHooks uint32
	hooks      [5]uint32 // where the rules of INPUT and so on begin
	underflows [5]uint32 // and their policies
	count      int
	entries    []byte
}

// LegacyTables are the tables that were used since the namespace began. To ask for another
// one would create it.
func LegacyTables(family uint8) []string {
	text, err := os.ReadFile(legacyLayouts[family].names)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

// ReadLegacy reads a table.
func ReadLegacy(family uint8, table string) (*LegacyTable, error) {
	t := &LegacyTable{layout: legacyLayouts[family]}
	fd, err := unix.Socket(t.layout.domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return nil, Cannot(err, "read table %s of iptables", table)
	}
	defer unix.Close(fd)
	for range 5 { // it may change between the two calls
		info := make([]byte, legacyInfo)
		copy(info, table)
		if err = t.option(fd, soGetInfo, info); err != nil {
			break
		}
		u32 := func(at int) uint32 { return binary.NativeEndian.Uint32(info[at:]) }
		t.validHooks = u32(legacyName)
		for i := range t.hooks {
			t.hooks[i], t.underflows[i] = u32(legacyName+4+4*i), u32(legacyName+24+4*i)
		}
		t.count = int(u32(legacyName + 44))
		all := make([]byte, legacyHead+int(u32(legacyName+48)))
		copy(all, table)
		binary.NativeEndian.PutUint32(all[legacyName:], u32(legacyName+48))
		if err = t.option(fd, soGetEntries, all); err == nil {
			t.entries = all[legacyHead:]
			return t, nil
		}
		if !errors.Is(err, unix.EAGAIN) {
			break
		}
	}
	return nil, Cannot(err, "read table %s of iptables", table)
}

func (t *LegacyTable) option(fd, name int, value []byte) error {
	size := uint32(len(value))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(t.layout.level), uintptr(name),
		uintptr(unsafe.Pointer(&value[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// Used reports whether there is more in the table than its policies.
func (t *LegacyTable) Used() bool { return t.count > bits.OnesCount32(t.validHooks)+1 }

// legacyRule is a rule with its offset. Its bytes have no counters.
type legacyRule struct {
	at     uint32
	bytes  []byte
	counts Dropped
	chain  string // of the first entry of a chain, which is no rule: its name
	target string // "" is a jump or a verdict
	jump   int32  // where to; below 0 a verdict
	plain  bool   // without any condition
}

// rules calls yield for each entry. A length that is not possible ends the walk. The bytes
// of an entry are valid until the next one.
func (t *LegacyTable) rules(yield func(legacyRule) bool) {
	l, room := t.layout, []byte(nil)
	for at := 0; at+l.head <= len(t.entries); {
		e := t.entries[at:]
		target, next := int(binary.NativeEndian.Uint16(e[l.offsets:])), int(binary.NativeEndian.Uint16(e[l.offsets+2:]))
		if next < l.head || next > len(e) || target < l.head || target+36 > next {
			return
		}
		room = append(room[:0], e[:next]...)
		e = room
		counts := Dropped{binary.NativeEndian.Uint64(e[l.counters:]), binary.NativeEndian.Uint64(e[l.counters+8:])}
		clear(e[l.offsets+4 : l.head]) // comefrom and counters
		r := legacyRule{at: uint32(at), bytes: e, counts: counts, target: unix.ByteSliceToString(e[target+2 : target+31]), jump: int32(binary.NativeEndian.Uint32(e[target+32:]))}
		r.plain = target == l.head && len(bytes.Trim(e[:l.offsets-4], "\x00")) == 0
		if r.target == "ERROR" {
			r.chain = unix.ByteSliceToString(e[target+32:])
		}
		if !yield(r) {
			return
		}
		at += next
	}
}

// Look marks our chain and the jump that leads to it. Changes elsewhere in the table do not
// change the result.
func (t *LegacyTable) Look(hook int, name string) ChainState { return t.LookAll(hook, name)[0] }

// LookAll is Look for several chains, in one walk. A chain that is not there has no rules.
func (t *LegacyTable) LookAll(hook int, names ...string) []ChainState {
	begin, end := t.hooks[hook], t.underflows[hook]
	marks, own, first := make([]ChainState, len(names)), make([]hash.Hash64, len(names)), make([]int32, len(names))
	for i := range names {
		own[i], first[i] = fnv.New64a(), -1
	}
	jumps, position, at := map[int32]int{}, 0, -1
	for r := range t.rules {
		switch {
		case r.target == "ERROR":
			if at = slices.Index(names, r.chain); at >= 0 {
				first[at] = int32(r.at) + int32(len(r.bytes))
			}
		case r.at >= begin && r.at < end:
			if position++; r.plain && r.target == "" && r.jump >= 0 {
				jumps[r.jump] = jumps[r.jump]*1000 + position
			}
		case at >= 0:
			marks[at].Rules++
			own[at].Write(r.bytes)
		}
	}
	for i := range marks {
		parent := fnv.New64a()
		fmt.Fprint(parent, jumps[first[i]])
		marks[i] = ChainState{Parent: parent.Sum64(), Own: own[i].Sum64(), Rules: max(marks[i].Rules-1, 0)} // less the way back at the end of a chain
	}
	return marks
}

// LegacyInUse reports whether iptables-legacy keeps any rule.
func LegacyInUse() bool {
	for family := range legacyLayouts {
		for _, name := range LegacyTables(family) {
			if t, err := ReadLegacy(family, name); err == nil && t.Used() {
				return true
			}
		}
	}
	return false
}

// Has reports whether the table has a chain of ours.
func (t *LegacyTable) Has(name string) bool {
	for r := range t.rules {
		if r.chain == name {
			return true
		}
	}
	return false
}

// LegacyChains are the names of the chains of a table, in both families. A table that was
// never used has none.
func LegacyChains(table string) (chains []string) {
	for family := range legacyLayouts {
		if !slices.Contains(LegacyTables(family), table) {
			continue
		}
		if t, err := ReadLegacy(family, table); err == nil {
			chains = append(chains, t.Chains()...)
		}
	}
	return chains
}

// Chains are the names of the chains of the table that are not built in.
func (t *LegacyTable) Chains() (names []string) {
	for r := range t.rules {
		if r.chain != "" {
			names = append(names, r.chain)
		}
	}
	return names
}
