package packets

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// requests are those that open something. ACK, BYE and CANCEL often come without
// a User-Agent and are let through.
var requests = []string{"INVITE", "REGISTER", "OPTIONS", "SUBSCRIBE", "MESSAGE"}

// Compile makes the rules of both families, those of IPv4 first, in the order in which
// packets must meet them. A Plan that drops nothing has none.
func Compile(p Plan) ([]Rule, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	if !p.drops() {
		return nil, nil
	}
	return append(p.family(4), p.family(6)...), nil
}

// drops reports whether a plan drops anything.
func (p Plan) drops() bool { return len(p.Drop)+len(p.Allow)+len(p.FQDN)+len(p.IAX) > 0 }

func (p Plan) family(family int) []Rule {
	rules := p.others()
	for _, n := range ofFamily(p.Spare, family) {
		rules = append(rules, Rule{From: n, About: "protected " + n.String()})
	}
	rules = append(rules, p.iax(family)...)
	for _, proto := range []string{"udp", "tcp"} {
		for _, r := range p.sip(proto, windowOf(family, proto)) {
			r.Proto, r.Ports, r.Drop = proto, p.Ports, true
			rules = append(rules, r)
		}
	}
	for i := range rules {
		rules[i].Family = family
	}
	return rules
}

// others lets packets to other ports through first: media is most of a PBX's packets.
func (p Plan) others() []Rule {
	udp, tcp := slices.Clone(p.Ports), p.Ports
	if len(p.IAX) > 0 {
		udp = append(udp, Ports{IAXPort, IAXPort})
	}
	rules := []Rule{{Proto: "udp", Ports: udp, NotPorts: true, About: "other ports"}}
	if len(tcp) > 0 {
		rules = append(rules, Rule{Proto: "tcp", Ports: tcp, NotPorts: true, About: "other ports"})
	}
	return rules
}

func (p Plan) iax(family int) (rules []Rule) {
	if len(p.IAX) == 0 {
		return nil
	}
	port := []Ports{{IAXPort, IAXPort}}
	for _, n := range ofFamily(p.IAX, family) {
		rules = append(rules, Rule{Proto: "udp", Ports: port, From: n, About: "IAX2 from " + n.String()})
	}
	return append(rules, Rule{Proto: "udp", Ports: port, Drop: true, About: "IAX2 from elsewhere"})
}

// sip are the rules of one protocol, but for what they have in common.
func (p Plan) sip(proto string, w window) (rules []Rule) {
	for _, s := range p.Drop {
		r := Rule{New: p.NewFlows && proto == "udp", Texts: []Text{w.header(s.Agent)}, About: "agent " + s.Name}
		for _, honest := range s.But {
			r.Texts = append(r.Texts, not(w.header(honest)))
		}
		for _, word := range s.Words {
			r.Texts = append(r.Texts, not(w.anywhere(word)))
		}
		rules = append(rules, r)
	}
	if len(p.FQDN) > 0 {
		// With the end of its first line: a part of a name is not another name.
		r := Rule{Texts: []Text{w.start("REGISTER sip"), w.anywhere(" SIP/2.0\r\n")}, About: "REGISTER to another name than " + strings.Join(p.FQDN, ",")}
		for _, start := range registers(p.FQDN) {
			r.Texts = append(r.Texts, not(w.start(start)))
		}
		rules = append(rules, r)
	}
	if len(p.Allow) == 0 {
		return rules
	}
	for _, method := range requests {
		// With the end of the head: a header that is not there may be in the next segment.
		r := Rule{New: p.NewFlows && proto == "udp", Texts: []Text{w.start(method + " sip"), w.anywhere("\r\n\r\n")}, About: method + " of another agent"}
		for _, name := range p.Allow {
			r.Texts = append(r.Texts, not(w.header(Agent{Name: name})))
		}
		rules = append(rules, r)
	}
	return rules
}

// registers are the ways a REGISTER to one of the hosts can begin. Its URI has no
// user part (RFC 3261 10.2).
func registers(hosts []string) (starts []string) {
	for _, name := range hosts {
		for _, scheme := range []string{"sip:", "sips:"} {
			for _, end := range []string{" ", ":", ";"} {
				starts = append(starts, "REGISTER "+scheme+name+end)
			}
		}
	}
	return starts
}

// ofFamily are the prefixes of a family, each once.
func ofFamily(list []netip.Prefix, family int) (out []netip.Prefix) {
	for _, p := range list {
		if p.Addr().Is4() == (family == 4) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	return slices.Compact(out)
}

// String says what a rule is, for people.
func (r Rule) String() string {
	verdict := "let through"
	if r.Drop {
		verdict = "drop"
	}
	return fmt.Sprintf("%s %s", verdict, r.About)
}
