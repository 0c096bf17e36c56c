package configs

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"pbxjail/configs/hint"
)

// PacketRules are firewall rules that look into packets. They drop packets without a log
// line and without a ban.
type PacketRules struct {
	Enabled     bool           `yaml:"enabled" default:"false" doc:"Put the rules below into the kernel. jailctl rules --format prints them, if you want to install them yourself."`
	Force       bool           `yaml:"force" default:"false" doc:"Use the rules even if they may stop phones that logged in over SIP, or IAX2 peers of Asterisk's configuration. Protected addresses always pass."`
	Ports       []PortRange    `yaml:"ports" optional:"[5060, 5070-5080]" doc:"Ports where Asterisk listens for SIP, udp and tcp. Left out: 5060. The rules cannot look into TLS."`
	Agents      AgentRules     `yaml:"agents" default:"true" doc:"true: drop requests and answers whose User-Agent has level drop in the list. false: do not. seed: drop 21 well-known names of scanners, whatever their level in the shipped list, and the names with level drop in your own list. The 21 include a real softphone, CSipSimple, and Test, so every name that begins with Test is dropped."`
	AllowAgents []string       `yaml:"allow_agents" optional:"[Yealink, snom]" doc:"The opposite of agents: drop requests whose User-Agent begins with none of these. The packets of an attacker that writes one of the names are not dropped."`
	FQDN        []string       `yaml:"fqdn" optional:"[pbx.example.net]" doc:"Drop every REGISTER that does not name one of these hosts. Most scanners know only the IP address. All your phones must register to the name."`
	IAXFrom     []netip.Prefix `yaml:"iax_from" optional:"[198.51.100.0/24]" doc:"Drop IAX2 (udp 4569) from all other addresses."`
}

// AgentRules says which user agents are dropped.
type AgentRules uint8

const (
	AgentsNone AgentRules = iota // false: none
	AgentsDrop                   // true: those of level drop
	AgentsSeed                   // seed: those of SeedAgents
)

func parseAgentRules(text string) (AgentRules, error) {
	if text == "seed" {
		return AgentsSeed, nil
	}
	drop, err := parseBool(text)
	switch {
	case err != nil:
		return AgentsNone, hint.New("write true, false or seed", quote(text)+" is not true, false or seed")
	case drop:
		return AgentsDrop, nil
	}
	return AgentsNone, nil
}

// SeedAgents are the names of the article that this program began with ("Keeping the Bots
// at bay", cyber-cottage.co.uk): it drops every User-Agent that begins with one.
func SeedAgents() []string {
	return []string{
		"owenee", "Custom SIP", "gazllove", "pplsip", "sipcli", "sipvicious", "sip-scan", "sipsak", "sundayddr", "friendly-scanner", "iWar",
		"CSipSimple", "SIVuS", "Gulp", "sipv", "smap", "friendly-request", "VaxIPUserAgent", "VaxSIPUserAgent", "siparmyknife", "Test",
	}
}

// PortRange is one port, or those from First to Last.
type PortRange struct{ First, Last uint16 }

// SIPPorts returns the ports, or 5060 if none are named.
func (r PacketRules) SIPPorts() []PortRange {
	if len(r.Ports) == 0 {
		return []PortRange{{5060, 5060}}
	}
	return r.Ports
}

const (
	iaxPort = 4569
	// maxPortSlots is what a rule takes, a range being two: 15
	// (linux:include/uapi/linux/netfilter/xt_multiport.h), less the one of IAX2.
	maxPortSlots   = 14
	maxAllowAgents = 32
	maxFQDN        = 8
	maxIAXFrom     = 1024
)

func parsePorts(text string) (r PortRange, err error) {
	bad := hint.New("write a port such as 5060, or a range such as 5060-5080", quote(text)+" is not a port")
	first, last, ranged := strings.Cut(text, "-")
	if !ranged {
		last = first
	}
	for _, end := range []struct {
		text string
		port *uint16
	}{{first, &r.First}, {last, &r.Last}} {
		n, err := strconv.ParseUint(end.text, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != end.text {
			return PortRange{}, bad
		}
		*end.port = uint16(n)
	}
	if r.First > r.Last {
		return PortRange{}, bad
	}
	return r, nil
}

func (r PacketRules) validate(d *decoder, path string) {
	slots := 0
	for i, p := range r.Ports {
		if slots++; p.First < p.Last {
			slots++
		}
		if p.First <= iaxPort && iaxPort <= p.Last {
			d.fault(fmt.Sprintf("%s.ports[%d]", path, i), "remove 4569 from ports: packet_rules work only on ports of SIP", "4569 is the port of IAX2, not of SIP")
		}
	}
	for i, name := range r.AllowAgents {
		if name == "" || len(name) > maxAgentName || !plainAgent(name) {
			d.fault(fmt.Sprintf("%s.allow_agents[%d]", path, i), plainAgentHint, "%s has characters that a firewall rule cannot have, or is too long", quote(name))
		}
	}
	for i, name := range r.FQDN {
		if !hostName.MatchString(name) || len(name) > 100 {
			d.fault(fmt.Sprintf("%s.fqdn[%d]", path, i), "write the name that phones register to, such as pbx.example.net", "%s is not a host name", quote(name))
		}
	}
	atMost := func(key string, have, most int) {
		if have > most {
			d.fault(path+"."+key, "remove entries; one range of ports, one network or one shorter beginning can replace several", "too many entries: %d, the limit is %d", have, most)
		}
	}
	atMost("ports", slots, maxPortSlots)
	atMost("allow_agents", len(r.AllowAgents), maxAllowAgents)
	atMost("fqdn", len(r.FQDN), maxFQDN)
	atMost("iax_from", len(r.IAXFrom), maxIAXFrom)
	if r.Enabled && r.Agents == AgentsNone && len(r.AllowAgents)+len(r.FQDN)+len(r.IAXFrom) == 0 {
		d.fault(path+".enabled", "below packet_rules, write agents: seed, or fill allow_agents, fqdn or iax_from; or write enabled: false", "packet_rules is enabled, but has no rule")
	}
}
