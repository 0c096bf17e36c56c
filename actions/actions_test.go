package actions

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

func TestMember(t *testing.T) {
	tests := []struct{ in, want string }{
		{"192.0.2.1/32", "192.0.2.1/32"},
		{"192.0.2.77/24", "192.0.2.0/24"},
		{"::ffff:192.0.2.77/120", "192.0.2.0/24"},
		{"::ffff:192.0.2.77/128", "192.0.2.77/32"},
		{"2001:db8::7/64", "2001:db8::/64"},
		{"::1/128", "::1/128"},
		{"::/1", "::/1"},
		{"0.0.0.0/0", ""},
		{"::/0", ""},
		{"::ffff:192.0.2.77/96", ""},
		{"::ffff:192.0.2.77/10", ""},
	}
	for _, test := range tests {
		got, err := member(netip.MustParsePrefix(test.in))
		if (err == nil) != (test.want != "") || err == nil && got.String() != test.want {
			t.Errorf("%s: got %s, error %v, want %q", test.in, got, err, test.want)
		}
	}
	zoned := netip.PrefixFrom(netip.MustParseAddr("fe80::1%eth0"), 128)
	if got, err := member(zoned); err != nil || got.String() != "fe80::1/128" {
		t.Errorf("got %s, error %v, want fe80::1/128", got, err)
	}
}

func TestSeconds(t *testing.T) {
	tests := []struct {
		in   time.Duration
		want uint32
	}{
		{0, 0},
		{1, 1},
		{time.Second, 1},
		{time.Second + 1, 2},
		{1500 * time.Millisecond, 2},
		{MaxTimeout - 1, 2147483},
		{MaxTimeout, 2147483},
		{MaxTimeout + 1, 2147483},
		{1<<63 - 1, 2147483},
	}
	for _, test := range tests {
		if got, err := seconds(test.in); err != nil || got != test.want {
			t.Errorf("%s: got %d, error %v, want %d", test.in, got, err, test.want)
		}
	}
	if _, err := seconds(-1); err == nil {
		t.Error("a negative bantime was taken")
	}
}

func TestParseXtRule(t *testing.T) {
	tests := []struct {
		line           string
		args           string
		packets, bytes uint64
	}{
		{"-A PREROUTING -c 12 3456 -j pbxjail", "-A PREROUTING -j pbxjail", 12, 3456},
		{"-A PREROUTING -j pbxjail -c 12 3456", "-A PREROUTING -j pbxjail", 12, 3456},
		{"-A PREROUTING -j pbxjail", "-A PREROUTING -j pbxjail", 0, 0},
		{`-A PREROUTING -m comment --comment "-c my own" -c 1 2 -j ACCEPT`, `-A PREROUTING -m comment --comment "-c my own" -j ACCEPT`, 1, 2},
		{"-A x -c 1", "-A x -c 1", 0, 0},
		{"", "", 0, 0},
	}
	for _, test := range tests {
		got := parseXtRule(test.line)
		if strings.Join(got.args, " ") != test.args || got.packets != test.packets || got.bytes != test.bytes {
			t.Errorf("%q: got %v, want %q %d %d", test.line, got, test.args, test.packets, test.bytes)
		}
	}
}

func TestParseRule(t *testing.T) {
	const good = "-A pbxjail -s 192.0.2.0/24 -m comment --comment pbxjail-until-17 -c 1 2 -j DROP"
	want := plainRule{netip.MustParsePrefix("192.0.2.0/24"), 17, 1, 2}
	for _, line := range []string{good, strings.Replace(good, "pbxjail-until-17", `"pbxjail-until-17"`, 1)} {
		if got, ok := parseRule(parseXtRule(line)); !ok || got != want {
			t.Errorf("%s: got %v %v, want %v", line, got, ok, want)
		}
	}
	for name, line := range map[string]string{
		"accepts":           strings.Replace(good, "DROP", "ACCEPT", 1),
		"a condition more":  strings.Replace(good, "-m", "-p udp -m", 1),
		"everybody":         strings.Replace(good, "192.0.2.0/24", "0.0.0.0/0", 1),
		"not masked":        strings.Replace(good, "192.0.2.0/24", "192.0.2.9/24", 1),
		"inverted":          strings.Replace(good, "-s", "! -s", 1),
		"to, not from":      strings.Replace(good, "-s", "-d", 1),
		"no comment of us":  strings.Replace(good, "pbxjail-until-17", "17", 1),
		"no time":           strings.Replace(good, "until-17", "until-", 1),
		"negative time":     strings.Replace(good, "until-17", "until--17", 1),
		"odd time":          strings.Replace(good, "until-17", "until-+17", 1),
		"time out of range": strings.Replace(good, "until-17", "until-99999999999999999999", 1),
		"the set rule":      "-A pbxjail -m set --match-set pbxjail-4 src -c 0 0 -j DROP",
	} {
		if got, ok := parseRule(parseXtRule(line)); ok {
			t.Errorf("%s: got %v, want none", name, got)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		kind string
		o    Options
	}{
		"kind":       {"pf", Options{}},
		"hook":       {"observe", Options{Hook: "mangle"}},
		"capitals":   {"observe", Options{Chain: "INPUT"}},
		"option":     {"observe", Options{Chain: "-F"}},
		"shell":      {"observe", Options{Chain: "a;b"}},
		"not":        {"observe", Options{Chain: "!a"}},
		"long":       {"observe", Options{Chain: strings.Repeat("a", 28)}},
		"whitespace": {"observe", Options{Chain: "a b"}},
	} {
		e, _, err := Open(test.kind, test.o)
		if err == nil || e != nil {
			t.Errorf("%s: got %v, error %v, want an error only", name, e, err)
			continue
		}
		if h, ok := err.(interface{ Hint() string }); !ok || h.Hint() == "" {
			t.Errorf("%s: error without a hint: %v", name, err)
		}
	}
}

func TestObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, _, err := Open("observe", Options{MaxElem: 2})
		if err != nil {
			t.Fatal(err)
		}
		ban := func(p string, d time.Duration) error { return e.Ban(netip.MustParsePrefix(p), d) }
		count := func() (n int) {
			e.Each(func(netip.Prefix, time.Duration, uint64, uint64) { n++ })
			return n
		}
		if err := ban("192.0.2.1/32", 1500*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if err := ban("192.0.2.2/32", 0); err != nil {
			t.Fatal(err)
		}
		if err := ban("192.0.2.3/32", time.Hour); err == nil || !strings.Contains(err.Error(), "full") {
			t.Errorf("got error %v, want one that says full", err)
		}
		time.Sleep(1999 * time.Millisecond)
		if got := count(); got != 2 {
			t.Errorf("got %d bans before the end, want 2", got)
		}
		time.Sleep(time.Millisecond)
		if err := ban("192.0.2.3/32", time.Hour); err != nil {
			t.Errorf("an ended ban left no room: %v", err)
		}
		time.Sleep(time.Hour)
		if got := count(); got != 1 {
			t.Errorf("got %d bans, want the one for ever", got)
		}
	})
}

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
	var got []setMember
	msg := nest(nl.IPSET_ATTR_ADT|nl.NLA_F_NESTED, aMember(), nest(nl.IPSET_ATTR_DATA|nl.NLA_F_NESTED), aMember())
	parseMembers(msg, func(m setMember) { got = append(got, m) })
	want := setMember{prefix: netip.MustParsePrefix("192.0.2.0/24"), seconds: 256, packets: 5, bytes: 1 << 32}
	if !slices.Equal(got, []setMember{want, want}) {
		t.Errorf("got %v, want %v twice", got, want)
	}
}

// FuzzParseMembers: whatever comes over the socket, there is no panic and no
// member that is not a prefix.
func FuzzParseMembers(f *testing.F) {
	whole := nest(nl.IPSET_ATTR_ADT|nl.NLA_F_NESTED, aMember(), aMember())
	for cut := range len(whole) {
		f.Add(whole[:cut])
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		parseMembers(msg, func(m setMember) {
			if !m.prefix.IsValid() {
				t.Errorf("got member %v that is not valid", m)
			}
		})
		var h setHeader
		parseHeader(msg, &h)
	})
}

// FuzzBan: what Each gives is what Ban was given, masked, never wider and never
// shorter. observe is the model; the rule of plain has to say the same.
func FuzzBan(f *testing.F) {
	f.Add([]byte{192, 0, 2, 1}, 32, int64(time.Hour))
	f.Add([]byte{192, 0, 2, 1}, 0, int64(0))
	f.Add(make([]byte, 16), 128, int64(1))
	f.Add([]byte{10: 0xff, 11: 0xff, 12: 192, 15: 1}, 100, int64(-1))
	f.Add([]byte{10: 0xff, 11: 0xff, 12: 192, 15: 1}, 90, int64(1<<63-1))
	f.Add([]byte{1, 2, 3}, -7, int64(5))
	f.Add([]byte("0000000000000000"), 123, int64(1<<63-1))
	f.Fuzz(func(t *testing.T, raw []byte, bits int, d int64) {
		addr, _ := netip.AddrFromSlice(raw)
		p, bantime := netip.PrefixFrom(addr, bits), time.Duration(d)
		e := newObserve(Options{MaxElem: 2})
		if err := e.Ban(p, bantime); err != nil {
			if len(e.until) > 0 {
				t.Fatalf("refused %s and banned %v", p, e.until)
			}
			return
		}
		e.Each(func(got netip.Prefix, left time.Duration, _, _ uint64) {
			if got != got.Masked() || got.Bits() == 0 || got.Addr().Is4In6() {
				t.Errorf("got member %s for %s", got, p)
			}
			// as many addresses as asked: the host part is as long
			if got.Addr().BitLen()-got.Bits() != addr.BitLen()-bits || !got.Contains(addr.Unmap()) {
				t.Errorf("got %s, want %s", got, p)
			}
			if (left == 0) != (bantime == 0) || left-time.Second > bantime || left > MaxTimeout {
				t.Errorf("got %s left of %s", left, bantime)
			}
			rule := plainRule{prefix: got, until: int64(left / time.Second)}
			back, ok := parseRule(parseXtRule("-A pbxjail " + strings.Join(rule.spec(), " ") + " -c 0 0"))
			if !ok || back != rule {
				t.Errorf("got rule %v back, want %v", back, rule)
			}
		})
		if err := e.Unban(p); err != nil || len(e.until) > 0 {
			t.Errorf("unban %s: got %v, error %v", p, e.until, err)
		}
	})
}

// FuzzParseRule: a rule that counts as a ban is exactly a rule that we would write.
func FuzzParseRule(f *testing.F) {
	f.Add("-A pbxjail -s 192.0.2.0/24 -m comment --comment pbxjail-until-17 -c 1 2 -j DROP")
	f.Add("-A pbxjail -s 2001:db8::/32 -m comment --comment \"pbxjail-until-0\" -j DROP -c 18446744073709551615 0")
	f.Add("-A pbxjail -s ::ffff:192.0.2.0/120 -m comment --comment pbxjail-until-0 -j DROP")
	f.Add("-c 1 2")
	f.Fuzz(func(t *testing.T, line string) {
		x := parseXtRule(line)
		r, ok := parseRule(x)
		if !ok {
			return
		}
		if again, ok := parseRule(xtRule{append([]string{"-A", "c"}, r.spec()...), r.packets, r.bytes}); !ok || again != r {
			t.Errorf("%q: got %v, and %v of its own rule", line, r, again)
		}
		if r.prefix.Bits() == 0 || r.prefix != r.prefix.Masked() {
			t.Errorf("%q: got prefix %s", line, r.prefix)
		}
	})
}

// FuzzKernelBytes: whatever the kernel sends, there is no panic, and nothing comes of it
// that cannot be.
func FuzzKernelBytes(f *testing.F) {
	message := batchMessage("pbxjail-4", []setMember{{prefix: netip.MustParsePrefix("192.0.2.0/24"), seconds: 60, packets: 1, bytes: 2}, {prefix: netip.MustParsePrefix("2001:db8::/64"), static: true}})
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
		if m := parseElement(data, 24); m.prefix != (netip.Prefix{}) && m.prefix.Bits() != 24 {
			t.Errorf("got member %v", m)
		}
		if _, by := changer(data); strings.ContainsFunc(by, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("got program %q", by)
		}
		for family, layout := range legacyLayouts {
			table := legacyTable{layout: layout, entries: data, underflows: [5]uint32{1 << 20}}
			if m := table.look(0, "pbxjail"); m.rules < 0 || m.rules > len(data) {
				t.Errorf("got %d rules of family %d", m.rules, family)
			}
		}
	})
}

// TestIntervals: a list is as wide as its prefixes, and no wider.
func TestIntervals(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"192.0.2.0/24", "192.0.2.0-192.0.3.0"},
		{"192.0.2.0/25 192.0.2.128/25 192.0.2.7/32", "192.0.2.0-192.0.3.0"},
		{"10.0.0.0/8 192.0.2.1/32 192.0.2.3/32", "10.0.0.0-11.0.0.0 192.0.2.1-192.0.2.2 192.0.2.3-192.0.2.4"},
		{"255.255.255.255/32", "255.255.255.255-"},
		{"255.255.255.0/25 255.255.255.128/25", "255.255.255.0-"},
		{"::ffff:192.0.2.0/120 2001:db8::/32", "192.0.2.0-192.0.3.0"},
	} {
		var in []netip.Prefix
		for _, p := range strings.Fields(test.in) {
			in = append(in, netip.MustParsePrefix(p))
		}
		var got []string
		for _, part := range intervals((&side{family: unix.AF_INET}).listed(in)) {
			begin, _ := netip.AddrFromSlice(part[0].Key)
			text := begin.String() + "-"
			if len(part) == 2 {
				end, _ := netip.AddrFromSlice(part[1].Key)
				text += end.String()
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %v, want %s", test.in, got, test.want)
		}
	}
}
