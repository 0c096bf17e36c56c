package asterisk

import (
	"net/netip"
	"strings"
)

// ownSide takes what a section says of our own side of a NAT: the addresses under which
// others see the PBX, and the networks that it reaches without the NAT. A phone of ours that
// calls the public name comes back from the router with the PBX's own public address, and a
// ban of that shuts out all of them. asterisk:res/res_pjsip/config_transport.c,
// channels/chan_sip.c reload_config. Where a key is written twice the last one counts, but
// for the networks.
func (r *reader) ownSide(s *section, last map[string]setting) {
	for _, set := range s.settings {
		switch set.key {
		case "external_signaling_address", "external_media_address", "externaddr", "externip", "externhost":
			if set == last[set.key] {
				r.hostAs(OwnAddress, "public address of this PBX", set, set.value)
			}
		case "localnet", "local_net":
			for item := range strings.SplitSeq(set.value, ",") {
				r.localNet(set, strip(item))
			}
		}
	}
}

func (r *reader) localNet(set setting, item string) {
	if item == "" {
		return
	}
	p, err := parsePrefix(item)
	if err != nil {
		r.tell(set.at, "correct this line, or write the network into ignoreip of the main file", "%s %s protects no address: %w", set.key, quoted(item), err)
		return
	}
	r.trustAs(LocalNet, "local network of this PBX", set, p, "")
}

// unfitLocal says why a network cannot be our own side. Private ones may be as wide as they
// are: no packet of the public network has such an address and hears our answer.
func unfitLocal(p netip.Prefix) string {
	if why := unfit(p); why == "" || !private(p) {
		return why
	}
	return ""
}

// private reports whether all of p is private: RFC 1918, RFC 4193.
func private(p netip.Prefix) bool {
	for _, wide := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} {
		if n := netip.MustParsePrefix(wide); n.Bits() <= p.Bits() && n.Contains(p.Addr()) {
			return true
		}
	}
	return false
}
