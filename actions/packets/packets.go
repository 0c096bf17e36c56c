// Package packets makes firewall rules that look into SIP and IAX2 packets: it drops
// scanners by the User-Agent they send, lets only named agents or only REGISTERs to our own
// domain in, and IAX2 only from known networks. Compile turns a Plan into rules that belong
// to no firewall yet; package actions puts them into the kernel, and Sheet.Format prints
// them for operators who paste them.
//
// It must never see log text: every text in a Plan is the operator's, or comes from the
// shipped list, and Compile refuses text with a special meaning in a rule, in a shell or in
// a comment.
//
// A rule sees one packet and looks for bytes (xt_string, iptables-extensions(8)). It cannot
// see TLS or WebSockets, a header that is split over two TCP segments, a fragment where
// nothing put fragments together before it (conntrack does), a header that lies across two
// pieces of one received packet (--algo bm searches each for itself), or "User-Agent" with
// no or more than one blank behind its colon, folded, or with a blank before the colon;
// there is no short form of the header (RFC 3261 7.3.3). An attacker that knows this can
// avoid the rules: they stop the noise of simple scanners. They must never drop a packet of
// which they have not seen enough: a rule that drops because a header is missing also
// requires the end of the part that it searched.
package packets

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"pbxjail/configs/hint"
)

// Plan is what the operator wants. The zero Plan drops nothing.
type Plan struct {
	Ports []Ports        // of SIP, udp and tcp; needed for Drop, Allow and FQDN
	Drop  []Scanner      // agents that are dropped
	Allow []string       // where set: requests of agents that begin otherwise are dropped
	FQDN  []string       // where set: REGISTERs to any other host are dropped
	IAX   []netip.Prefix // where set: IAX2 from elsewhere is dropped
	Spare []netip.Prefix // nothing from there is dropped
	// NewFlows leaves packets of UDP flows that were let in out of the search for
	// agents. It needs conntrack before the hook: filter, not raw. Over TCP the header
	// is never in the first packet of a flow.
	NewFlows bool
}

// Ports are those from First to Last.
type Ports struct{ First, Last uint16 }

func (p Ports) String() string {
	if p.First == p.Last {
		return fmt.Sprint(p.First)
	}
	return fmt.Sprintf("%d:%d", p.First, p.Last)
}

// Agent is how the value of a User-Agent header begins, or what it is.
type Agent struct {
	Name  string
	Exact bool
}

// Scanner is an Agent to drop, but for honest ones that begin like it, and for
// packets that hold one of the Words anywhere.
type Scanner struct {
	Agent
	But   []Agent
	Words []string
}

// ChainSuffix makes the name of our chain from that of the bans.
const ChainSuffix = "-sip"

// IAXPort is where IAX2 listens (RFC 5456 5).
const IAXPort = 4569

const (
	maxSlots    = 14  // ports in a rule, a range taking two: 15 (linux:include/uapi/linux/netfilter/xt_multiport.h), and IAX2 wants one
	maxScanners = 256 // each costs a search through every SIP packet
	maxAllow    = 32  // these go into one rule, and so do the next
	maxFQDN     = 8
	maxPrefixes = 1024 // each is a rule that packets to the SIP ports are compared with
)

var (
	plain = regexp.MustCompile(`^[A-Za-z0-9 ._/:+,=@-]{1,64}$`)
	host  = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)
)

// reload ends a hint about the main file.
const reload = "; then: jailctl reload"

// badNetwork is the error of a network that no rule can have.
func badNetwork(n netip.Prefix) error {
	return hint.Errorf("write the network without bits after its length, such as 192.0.2.0/24"+reload, "%s is not a valid network for a firewall rule", n)
}

func (p Plan) check() error {
	slots := 0
	for _, r := range p.Ports {
		if r.First == 0 || r.First > r.Last || r.First <= IAXPort && IAXPort <= r.Last {
			return hint.Errorf(fmt.Sprintf("write into the main file: packet_rules: {ports: [5060]}. A range such as 5060-5080 has the lower port first, and must not contain %d", IAXPort)+reload, "ports %s cannot be SIP ports. SIP ports are 1 to 65535, without %d, the port of IAX2", r, IAXPort)
		}
		if slots++; r.First < r.Last {
			slots++
		}
	}
	if len(p.Ports) == 0 && len(p.Drop)+len(p.Allow)+len(p.FQDN) > 0 {
		return hint.New("write the SIP ports into the main file, such as packet_rules: {ports: [5060]}"+reload, "the packet rules have no SIP ports")
	}
	for _, c := range []struct {
		what, instead string
		have, max     int
	}{
		{"ports (a range counts twice)", "a range such as 5060-5080", slots, maxSlots}, {"user agents to drop", "the beginning of a name", len(p.Drop), maxScanners},
		{"user agents to allow", "the beginning of a name", len(p.Allow), maxAllow}, {"host names in fqdn", "the host name that your phones use most", len(p.FQDN), maxFQDN},
		{"networks in iax_from", "a larger network", len(p.IAX), maxPrefixes}, {"protected addresses", "a network in ignoreip", len(p.Spare), maxPrefixes},
	} {
		if c.have > c.max {
			return hint.Errorf("below packet_rules in the main file, write fewer of them. One entry can replace several: "+c.instead+reload, "the packet rules have %d %s, and the limit is %d", c.have, c.what, c.max)
		}
	}
	return p.checkTexts()
}

func (p Plan) checkTexts() error {
	names := slices.Clone(p.Allow)
	for _, s := range p.Drop {
		names = append(append(names, s.Name), s.Words...)
		for _, b := range s.But {
			names = append(names, b.Name)
		}
	}
	for _, name := range names {
		if !plain.MatchString(name) || strings.TrimSpace(name) != name {
			return hint.Errorf("write another beginning of this name, with at most 64 characters: letters, digits, . _ - / : + , = @, and blanks between words. The name is in the main file, below packet_rules, or in your list of user agents"+reload, "user agent %q cannot be used in a firewall rule", name)
		}
	}
	for _, name := range p.FQDN {
		if !host.MatchString(name) {
			return hint.Errorf("write a host name into the main file, such as packet_rules: {fqdn: [pbx.example.net]}"+reload, "fqdn: %q is not a host name", name)
		}
	}
	for _, n := range slices.Concat(p.IAX, p.Spare) {
		if !n.IsValid() || n != n.Masked() || n.Addr().Is4In6() || n.Addr().Zone() != "" {
			return badNetwork(n)
		}
	}
	return nil
}
