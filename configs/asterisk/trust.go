package asterisk

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"pbxjail/configs/prefix"
)

// words are for those kinds of section that have a better one.
var words = map[string]string{"identify": "trunk", "registration": "trunk", "wizard": "trunk", "": "section"}

func (r *reader) takeAll() {
	r.purse = purse
	for _, s := range r.sections {
		r.take(s)
	}
}

// take finds the peers of a section. A key means the same wherever it may stand:
// asterisk:res/res_pjsip_endpoint_identifier_ip.c, res/res_pjsip/location.c,
// res/res_pjsip_acl.c, channels/chan_sip.c build_peer, channels/chan_iax2.c.
func (r *reader) take(s *section) {
	last := map[string]setting{} // of those that are written over each other
	for _, set := range s.settings {
		if last[set.key] = set; s.template || !r.spend(costOfByte*len(set.value)) {
			return
		}
	}
	kind := strings.ToLower(last["type"].value)
	who := cmp.Or(words[kind], quoted(kind)) + " " + quoted(s.name)
	for _, set := range s.settings {
		switch set.key {
		case "host", "server_uri", "outbound_proxy":
			if set == last[set.key] {
				r.host(who, set, set.value)
			}
		case "register": // user:secret@host:port/extension~expiry
			if i := strings.LastIndexByte(set.value, '@'); i >= 0 {
				r.host(who, set, set.value[i:])
			}
		case "contact", "remote_hosts":
			for item := range strings.SplitSeq(set.value, ",") {
				r.host(who, set, item)
			}
		case "outboundproxy":
			name, _, _ := strings.Cut(set.value, ",") // "name,force"
			r.host(who, set, name)
		}
	}
	r.ownSide(s, last)
	r.list(who, s, "match")
	r.list(who, s, "permit", "deny")
}

// host takes the host of a URI, an address or a name.
func (r *reader) host(who string, set setting, text string) { r.hostAs(Peer, who, set, text) }

func (r *reader) hostAs(role Role, who string, set setting, text string) {
	text = hostOf(text)
	if text == "" || strings.EqualFold(text, "dynamic") {
		return
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		r.trustAs(role, who, set, prefix.Of(addr), "")
	} else if name := hostName(text); name != "" {
		r.trustAs(role, who, set, netip.Prefix{}, name)
	} else {
		r.tell(set.at, "correct this line, or write the address into ignoreip of the main file", "%s %s protects no address: it is neither an address nor a host name", set.key, quoted(text))
	}
}

// rule is one entry of an access list. The last that fits an address decides:
// asterisk:main/acl.c ast_apply_ha.
type rule struct {
	allow  bool
	prefix netip.Prefix
	set    setting
}

// list takes the addresses that a list allows: of "match" alone, which allows only those it
// names, or of "permit" with "deny".
func (r *reader) list(who string, s *section, keys ...string) {
	var rules []rule
	for _, set := range s.settings {
		if !slices.Contains(keys, set.key) {
			continue
		}
		for item := range strings.SplitSeq(set.value, ",") {
			item = strip(item)
			text, not := strings.CutPrefix(item, "!")
			p, err := parsePrefix(text)
			switch {
			case item == "":
			case err == nil:
				rules = append(rules, rule{set.key != "deny" != not, p, set})
			case set.key == "match" && !strings.Contains(item, "/"):
				r.host(who, set, item)
			default:
				r.tell(set.at, "correct this line, or write the addresses into ignoreip of the main file", "%s %s protects no address: %w", set.key, quoted(item), err)
				if set.key != "match" { // it could be the one that shuts somebody out
					return
				}
			}
		}
	}
	for i, entry := range rules {
		p, set := entry.prefix, entry.set
		switch {
		case !entry.allow, !r.spend(8 * len(rules)):
		case slices.ContainsFunc(rules[i+1:], func(later rule) bool { return !later.allow && later.prefix.Overlaps(p) }):
			r.tell(set.at, "permit only addresses that no later entry denies; or write the addresses into ignoreip of the main file", "%s %s protects no address: a later entry denies it, or a part of it", set.key, p)
		case set.key == "match" || shut(rules[:i], p) || unfit(p) != "":
			r.trust(who, set, p, "")
		default:
			r.tell(set.at, "write deny=0.0.0.0/0 and deny=::/0 above this line; or write the addresses into ignoreip of the main file", "%s %s protects no address: the list allows all other addresses too", set.key, p)
		}
	}
}

// shut reports whether the last entry for all addresses of p's family denies. If it does
// not, a permit gives no more than every address has.
func shut(rules []rule, p netip.Prefix) bool {
	for _, entry := range slices.Backward(rules) {
		if entry.prefix.Bits() == 0 && entry.prefix.Addr().Is4() == p.Addr().Is4() {
			return !entry.allow
		}
	}
	return false
}

// trust notes a peer: a prefix, or else a name.
func (r *reader) trust(who string, set setting, p netip.Prefix, name string) {
	r.trustAs(Peer, who, set, p, name)
}

func (r *reader) trustAs(role Role, who string, set setting, p netip.Prefix, name string) {
	key := Trust{Prefix: p, Host: name}
	why := unfit(p)
	if role == LocalNet {
		why = unfitLocal(p)
	}
	switch {
	case name == "" && why != "":
		do := "correct the address, or remove it"
		if why == tooWide {
			do = "write a smaller network, or write the addresses into ignoreip of the main file"
		}
		r.tell(set.at, do, "%s %s protects no address: it %s", set.key, p, why)
	case r.seen[key]:
	case len(r.trusts) == maxTrusts:
		r.tell(place{}, "write the addresses of the other peers into ignoreip of the main file", "there are more than %d peers: pbxjail does not protect the others", maxTrusts)
	default:
		why = fmt.Sprintf("%s, %s %s", who, r.show(set.at), set.key)
		r.seen[key], r.trusts = true, append(r.trusts, Trust{p, name, why, set.at.path, set.at.line, role})
	}
}
