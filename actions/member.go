package actions

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// hinted is an error that tells the operator what to do about it.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }
func (h *hinted) Hint() string  { return h.hint }

var errClosed = errors.New("enforcer is closed")

// member is p as every enforcer holds it: masked, without a zone, IPv4 in IPv6
// as IPv4. It is never wider than p.
func member(p netip.Prefix) (netip.Prefix, error) {
	if !p.IsValid() {
		return netip.Prefix{}, fmt.Errorf("prefix %s is not valid", p)
	}
	addr, bits := p.Addr(), p.Bits()
	if addr.Is4In6() {
		// 96 bits are the mark of a mapped address; fewer would be all of IPv4 and more.
		addr, bits = addr.Unmap(), max(bits-96, 0)
	}
	if bits == 0 {
		return netip.Prefix{}, &hinted{fmt.Errorf("refuse to ban %s: it is everybody", p),
			"ban smaller prefixes; to close the PBX to a whole family is the firewall's work"}
	}
	return netip.PrefixFrom(addr, bits).Masked(), nil
}

// seconds rounds a bantime up, so that a ban is never shorter than asked, save
// for the kernel's limit. 0 stays 0: for ever.
func seconds(d time.Duration) (uint32, error) {
	if d < 0 {
		return 0, fmt.Errorf("bantime %s is negative", d)
	}
	s := d / time.Second
	if d%time.Second > 0 {
		s++
	}
	return uint32(min(s, MaxTimeout/time.Second)), nil
}

// order is what Ban was asked, as the kernel is told.
func order(p netip.Prefix, d time.Duration) (netip.Prefix, uint32, error) {
	p, err := member(p)
	if err != nil {
		return p, 0, err
	}
	left, err := seconds(d)
	return p, left, err
}

// full is what Ban answers when there is no room for another member.
func full(where string) error {
	return &hinted{fmt.Errorf("%s is full", where),
		"allow more members in the configuration, or ban prefixes in place of single addresses"}
}
