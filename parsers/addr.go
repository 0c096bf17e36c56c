package parsers

import (
	"bytes"
	"net/netip"
	"unsafe"
)

// The forms of an address in a record. Names are never addresses: a sender that writes a
// name into a log would choose which address is banned (fail2ban's usedns).
type addrForm uint8

const (
	bareAddr   addrForm = iota // 192.0.2.1 or 2001:db8::1
	portAddr                   // 192.0.2.1:5060 or [2001:db8::1]:5060
	anyAddr                    // with a port or without, IPv6 in brackets or bare
	gluedAddr                  // 192.0.2.1:5060, [2001:db8::1]:5060 or 2001:db8::1:5060, where the last group is the port
	dottedAddr                 // 192.0.2.1.5060
	boxedAddr                  // portAddr, or [192.0.2.1]:5060
)

// addrToken returns how many bytes of b can belong to an address and a port.
func addrToken(b []byte) int {
	n := 0
	for n < len(b) && n <= 54 && isAddrByte[b[n]] {
		n++
	}
	return n
}

var isAddrByte = func() (t [256]bool) {
	for _, c := range []byte("0123456789abcdefABCDEF.:[]") {
		t[c] = true
	}
	return t
}()

// parse reads the whole of b, strictly; ok is false for anything that is not
// exactly one canonical address in this form.
func (f addrForm) parse(b []byte) (a netip.Addr, port uint16, ok bool) {
	if f == bareAddr {
		a, ok = parseAddr(b)
		return a, 0, ok
	}
	if f == dottedAddr {
		dot := max(bytes.LastIndexByte(b, '.'), 0)
		a, ok = parse4(b[:dot])
		if ok {
			port, ok = parsePort(b[dot+1:])
		}
		return a, port, ok
	}
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return a, 0, false
		}
		rest := b[end+1:]
		if a, ok = parseAddr(b[1:end]); !ok || f != boxedAddr && !a.Is6() && bytes.IndexByte(b[1:end], ':') < 0 {
			return a, 0, false
		}
		if len(rest) == 0 {
			return a, 0, f == anyAddr
		}
		if rest[0] != ':' {
			return a, 0, false
		}
		port, ok = parsePort(rest[1:])
		return a, port, ok
	}
	colon := bytes.LastIndexByte(b, ':')
	single := colon >= 0 && bytes.IndexByte(b, ':') == colon
	if f == anyAddr && !single {
		a, ok = parseAddr(b)
		return a, 0, ok
	}
	if colon < 0 || !single && f != gluedAddr {
		return a, 0, false
	}
	if port, ok = parsePort(b[colon+1:]); !ok {
		return a, 0, false
	}
	a, ok = parseAddr(b[:colon])
	return a, port, ok
}

// parseAddr reads a literal address and unmaps it. IPv4 is decimal without
// leading zeros, zones are refused: a link-local sender is never banned.
func parseAddr(b []byte) (netip.Addr, bool) {
	if len(b) < 2 || len(b) > 45 || bytes.IndexByte(b, '%') >= 0 {
		return netip.Addr{}, false
	}
	if a, ok := parse4(b); ok {
		return a, true
	}
	if bytes.IndexByte(b, ':') < 0 {
		return netip.Addr{}, false
	}
	// Without a zone the parsed address keeps no part of the string, so the
	// bytes may be reused after.
	a, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(b), len(b)))
	return a.Unmap(), err == nil
}

// parse4 has netip's rule for IPv4, but costs less when the text is not an address.
func parse4(b []byte) (netip.Addr, bool) {
	if len(b) > 15 {
		return netip.Addr{}, false
	}
	var octets [4]byte
	part, digits, value := 0, 0, 0
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			if digits > 0 && value == 0 {
				return netip.Addr{}, false
			}
			value = value*10 + int(c-'0')
			if digits++; value > 255 {
				return netip.Addr{}, false
			}
		case c == '.' && digits > 0 && part < 3:
			octets[part] = byte(value)
			part, digits, value = part+1, 0, 0
		default:
			return netip.Addr{}, false
		}
	}
	if part != 3 || digits == 0 {
		return netip.Addr{}, false
	}
	octets[3] = byte(value)
	return netip.AddrFrom4(octets), true
}

func parsePort(b []byte) (uint16, bool) {
	if len(b) == 0 || len(b) > 5 {
		return 0, false
	}
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return uint16(n), n <= 65535
}

// Bannable reports whether a can be the source of a packet from elsewhere.
// Loopback, link-local, multicast, broadcast and 0.0.0.0/8 cannot: a record that
// names one was written by an attacker or by the machine itself.
func Bannable(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" || a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast() {
		return false
	}
	if a.Is4() {
		b := a.As4()
		return b[0] != 0 && b != [4]byte{255, 255, 255, 255}
	}
	return !a.Is4In6()
}
