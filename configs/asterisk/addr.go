package asterisk

import (
	"errors"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"pbxjail/configs/prefix"
)

// tooWide is what unfit says of a network that needs only to be smaller.
const tooWide = "is too wide, and would protect attackers"

// unfit says why a network cannot be trusted. Trusted addresses are not banned, so a wide
// network would switch the jails off.
func unfit(p netip.Prefix) string {
	const widest4, widest6 = 16, 32
	switch a := p.Addr(); {
	case a.Is4() && p.Bits() < widest4, a.Is6() && p.Bits() < widest6:
		return tooWide
	case a.IsLoopback():
		return "is this machine itself"
	case a.IsUnspecified(), a.IsMulticast(), a.Is4() && a.As4()[0] >= 240:
		return "is not the address of a host"
	}
	return ""
}

// parsePrefix reads an address, perhaps with a port, which is dropped, and with a
// mask of bits or of the address's form: asterisk:main/acl.c append_ha_core.
func parsePrefix(text string) (netip.Prefix, error) {
	address, mask, masked := strings.Cut(text, "/")
	addr, err := netip.ParseAddr(hostOf(address))
	if err != nil {
		return netip.Prefix{}, errors.New("the text is not an address")
	}
	p := prefix.Of(addr)
	if !masked {
		return p, nil
	}
	n, err := strconv.Atoi(mask)
	if form, formErr := netip.ParseAddr(mask); formErr == nil {
		var size int // 0 when the ones are not contiguous
		if n, size = net.IPMask(form.Unmap().AsSlice()).Size(); size == p.Bits() {
			err = nil
		}
	}
	if p, prefixErr := p.Addr().Prefix(n); err == nil && prefixErr == nil {
		return p, nil
	}
	return netip.Prefix{}, errors.New("the netmask is not valid")
}

const label = `[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?`

var (
	uriForm  = regexp.MustCompile(`^(?i)(?:.*<)?(?:.*@)?\s*(?:sips?:|[a-z]+://)?(\[[^\]]*|[^;?/~>]*)`)
	nameForm = regexp.MustCompile(`^(?:` + label + `\.)*(` + label + `)$`)
)

// hostOf cuts the host out of "sip:user@host:port;params", "tls://host:port",
// "[2001:db8::1]:5060" and plainer forms.
func hostOf(text string) string {
	host := strip(uriForm.FindStringSubmatch(text)[1]) // it matches any address
	if inner, ok := strings.CutPrefix(host, "["); ok && strings.Contains(inner, ":") {
		return inner
	}
	if _, err := netip.ParseAddr(host); err != nil { // a colon of IPv6 does not start a port
		host, _, _ = strings.Cut(host, ":")
	}
	return strip(host)
}

// hostName is a host's name (RFC 1123 2.1) in lower case without its last dot, or
// "". Underscores pass, as resolvers let them.
func hostName(text string) string {
	name := strings.TrimSuffix(strings.ToLower(text), ".")
	form := nameForm.FindStringSubmatch(name)
	if form == nil || len(name) > 253 || name == "localhost" || strings.Trim(form[1], "0123456789") == "" {
		return "" // what ends in a number is an address with a mistake in it
	}
	return name
}
