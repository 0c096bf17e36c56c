package feeds

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strings"

	"github.com/gaissmai/bart"
	"go4.org/netipx"

	"pbxjail/configs/prefix"
	"pbxjail/configs/show"
)

// The widest prefix that a feed may name. A list with more than this has made a
// mistake, or wants to shut the internet out.
const (
	widest4 = 8
	widest6 = 16
)

var (
	errWide    = errors.New("is too large a network: at most /8 of IPv4 and /16 of IPv6 are used")
	errName    = errors.New("is a name; pbxjail looks up no names in feeds")
	errPort    = errors.New("has a port; write the address alone")
	errZone    = errors.New("is a link-local address (it has a zone after %)")
	errMask    = errors.New("has a wrong netmask")
	errReverse = errors.New("is a range that ends before it begins")
	errNone    = errors.New("is not an address")
)

// never are the networks no feed can mean: no packet from elsewhere comes from
// them (parsers.Bannable), or they are private, and then a list that others keep
// means somebody else's network, not ours.
var never = tableOf([]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/8"), netip.MustParsePrefix("fc00::/7"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
})

func tableOf(prefixes []netip.Prefix) *bart.Lite {
	t := new(bart.Lite)
	for _, p := range prefixes {
		t.Insert(p)
	}
	return t
}

// parseEntry reads an address, a network with a length or a netmask, or a range.
// written is what a network with host bits was written as, otherwise invalid.
func parseEntry(text string) (list []netip.Prefix, written netip.Prefix, err error) {
	if from, to, ok := strings.Cut(text, "-"); ok {
		list, err = parseRange(strings.TrimSpace(from), strings.TrimSpace(to))
		return list, written, err
	}
	p, err := parsePrefix(text)
	if err != nil {
		return nil, written, err
	}
	if p != p.Masked() {
		written = p
	}
	if p = prefix.Unmap(p); tooWide(p) {
		return nil, written, errWide
	}
	return []netip.Prefix{p}, written, nil
}

func parsePrefix(text string) (netip.Prefix, error) {
	addr, length, network := strings.Cut(text, "/")
	a, err := parseAddr(addr)
	if err != nil {
		return netip.Prefix{}, err
	}
	if !network {
		return prefix.Of(a), nil
	}
	if strings.Contains(length, ".") {
		return withNetmask(a, length)
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, errNone
	}
	return p, nil
}

// withNetmask reads the mask of a.b.c.d/255.255.255.0.
func withNetmask(a netip.Addr, mask string) (netip.Prefix, error) {
	m, err := netip.ParseAddr(mask)
	if err != nil || !m.Is4() || !a.Is4() {
		return netip.Prefix{}, errMask
	}
	b := m.As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	ones := bits.LeadingZeros32(^n)
	if n<<ones != 0 {
		return netip.Prefix{}, errMask
	}
	return netip.PrefixFrom(a, ones), nil
}

// parseRange reads first and last. A range of more addresses than the widest
// network has is refused as one.
func parseRange(first, last string) ([]netip.Prefix, error) {
	from, err := parseAddr(first)
	if err != nil {
		return nil, err
	}
	to, err := parseAddr(last)
	if err != nil {
		return nil, err
	}
	from, to = from.Unmap(), to.Unmap()
	if from.BitLen() != to.BitLen() {
		return nil, errNone
	}
	if to.Less(from) {
		return nil, errReverse
	}
	list := netipx.IPRangeFrom(from, to).Prefixes()
	if share(list) > 1<<(64-widest(from)) {
		return nil, errWide
	}
	return list, nil
}

func parseAddr(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	switch {
	case err == nil && a.Zone() == "":
		return a, nil
	case strings.Contains(text, "%"):
		return a, errZone
	case isPort(text):
		return a, errPort
	case isName(text):
		return a, errName
	}
	return a, errNone
}

func isPort(text string) bool {
	_, err := netip.ParseAddrPort(text)
	return err == nil
}

// isName: no address, however mistyped, has a letter beyond f.
func isName(text string) bool {
	return strings.Contains(text, ".") && strings.ContainsFunc(text, func(r rune) bool { return r|0x20 > 'f' && r|0x20 <= 'z' })
}

func widest(a netip.Addr) int {
	if a.Is4() {
		return widest4
	}
	return widest6
}

func tooWide(p netip.Prefix) bool { return p.Bits() < widest(p.Addr()) }

// share is how much of its family the prefixes are, in parts of 2^64. They must
// not overlap, and all be of one family.
func share(list []netip.Prefix) (sum uint64) {
	for _, p := range list {
		if p.Bits() == 0 {
			return 1<<64 - 1
		}
		part := uint64(0)
		if p.Bits() <= 64 {
			part = 1 << (64 - p.Bits())
		}
		if sum += part; sum < part {
			return 1<<64 - 1
		}
	}
	return sum
}

// note says what was odd about a line, with its text in quotes.
func note(text string, err error) string { return fmt.Sprintf("%s %v", quote(text), err) }

// quote prints text of a feed: in quotes, ASCII only, and not all of it.
func quote(text string) string { return show.Quoted(text, 60) }
