package kernel

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink/nl"
)

// nest builds netlink attributes as the kernel sends them.
func nest(kind uint16, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	head := binary.NativeEndian.AppendUint16(nil, uint16(4+len(body)))
	head = binary.NativeEndian.AppendUint16(head, kind)
	return append(slices.Concat(head, body), make([]byte, -len(body)&3)...)
}

func aMember() []byte {
	const net = nl.NLA_F_NET_BYTEORDER
	return nest(nl.IPSET_ATTR_DATA|nl.NLA_F_NESTED,
		nest(nl.IPSET_ATTR_IP|nl.NLA_F_NESTED, nest(nl.IPSET_ATTR_IPADDR_IPV4|net, []byte{192, 0, 2, 0})),
		nest(nl.IPSET_ATTR_CIDR, []byte{24}),
		nest(nl.IPSET_ATTR_TIMEOUT|net, []byte{0, 0, 1, 0}),
		nest(nl.IPSET_ATTR_PACKETS|net, []byte{0, 0, 0, 0, 0, 0, 0, 5}),
		nest(nl.IPSET_ATTR_BYTES|net, []byte{0, 0, 0, 1, 0, 0, 0, 0}))
}

func TestParseMembers(t *testing.T) {
	var got []Member
	msg := nest(nl.IPSET_ATTR_ADT|nl.NLA_F_NESTED, aMember(), nest(nl.IPSET_ATTR_DATA|nl.NLA_F_NESTED), aMember())
	parseMembers(msg, func(m Member) { got = append(got, m) })
	want := Member{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Seconds: 256, Packets: 5, Bytes: 1 << 32}
	if !slices.Equal(got, []Member{want, want}) {
		t.Errorf("got %v, want %v twice", got, want)
	}
}

// FuzzParseMembers: for any bytes from the socket there is no panic and no member that is
// not a prefix.
func FuzzParseMembers(f *testing.F) {
	whole := nest(nl.IPSET_ATTR_ADT|nl.NLA_F_NESTED, aMember(), aMember())
	for cut := range len(whole) {
		f.Add(whole[:cut])
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		parseMembers(msg, func(m Member) {
			if !m.Prefix.IsValid() {
				t.Errorf("got member %v that is not valid", m)
			}
		})
		var h SetHeader
		parseHeader(msg, &h)
	})
}

// FuzzKernelBytes: for any bytes from the kernel there is no panic and no impossible result.
func FuzzKernelBytes(f *testing.F) {
	message := batchMessage("pbxjail-4", []Member{{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Seconds: 60, Packets: 1, Bytes: 2}, {Prefix: netip.MustParsePrefix("2001:db8::/64"), Static: true}})
	f.Add(slices.Concat(make([]byte, 16), message))
	f.Add(nest(nftaElemKey, nest(nftaDataValue, []byte{192, 0, 2, 0})))
	f.Add(slices.Concat(nest(nftaElemKey, nest(nftaDataValue, make([]byte, 16))), nest(nftaElemTimeout, make([]byte, 8)), nest(nftaElemExpires, []byte{0, 0, 0, 0, 0, 0, 1, 0}),
		nest(nftaElemExpr, nest(nftaExprData, nest(nftaCounterPkts, make([]byte, 8))))))
	f.Add(slices.Concat(nest(nftaGenID, []byte{0, 0, 0, 9}), nest(nftaGenProcPid, []byte{0, 0, 1, 0}), nest(nftaGenProcName, []byte("x\x1b[0m\x00"))))
	f.Add(append(make([]byte, 88), 112, 0, 152, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		if n := refusedLine(data); n < 0 {
			t.Errorf("got line %d", n)
		}
		if s, ok := parseSocket(data); ok && (!s.remote.IsValid() || s.remote.IsUnspecified() || s.remote.IsLoopback() || s.remote.Is4In6() || len(data) < 52) {
			t.Errorf("got socket %v", s)
		}
		if m := parseElement(data, 24); m.Prefix != (netip.Prefix{}) && m.Prefix.Bits() != 24 {
			t.Errorf("got member %v", m)
		}
		if _, by := Changer(data); strings.ContainsFunc(by, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("got program %q", by)
		}
		for family, layout := range legacyLayouts {
			table := LegacyTable{layout: layout, entries: data, underflows: [5]uint32{1 << 20}}
			if m := table.Look(0, "pbxjail"); m.Rules < 0 || m.Rules > len(data) {
				t.Errorf("got %d rules of family %d", m.Rules, family)
			}
		}
	})
}
