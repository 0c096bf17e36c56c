package main

import (
	"fmt"
	"net/netip"
	"strings"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

// parsePrefix reads ADDR: an address or a prefix. note says what was changed
// in it. Names are never looked up: the owner of a name would choose the address that is
// banned.
func parsePrefix(arg string) (p netip.Prefix, note string, err error) {
	if strings.Contains(arg, "/") {
		p, err = netip.ParsePrefix(arg)
	} else {
		var addr netip.Addr
		if addr, err = netip.ParseAddr(arg); err == nil && addr.Zone() == "" {
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
	}
	if err != nil || !p.IsValid() {
		return p, "", notAddress(arg)
	}
	exact, err := control.Canonical(p)
	if err != nil {
		return p, "", usage("write an IPv4 prefix, such as 203.0.113.0/24", "%w", err)
	}
	if exact != p {
		note = fmt.Sprintf("note: %s is taken as %s", arg, show.Address(exact))
	}
	return exact, note, nil
}

func notAddress(arg string) error {
	hint := "give an address or a prefix, such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/64; names are never looked up"
	if ap, err := netip.ParseAddrPort(arg); err == nil {
		hint = "leave the port out: " + ap.Addr().String()
	} else if before, _, zone := strings.Cut(arg, "%"); zone {
		hint = "leave the name of the network interface out: " + before
	}
	return usage(hint, "%q is not an address", arg)
}

// prefixArg is parsePrefix that prints its note.
func (a *app) prefixArg(arg string) (netip.Prefix, error) {
	p, note, err := parsePrefix(arg)
	if err == nil && note != "" {
		a.complain("%s", note)
	}
	return p, err
}
