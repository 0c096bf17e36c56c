package configs

// Heard configures the kernel's witness: a record of who sent packets to Asterisk's ports.
type Heard struct {
	Enabled bool        `yaml:"enabled" default:"true" doc:"true: the kernel remembers for five minutes who sent packets to Asterisk's ports, and pbxjail checks log records with it: an address that sent no packet did not do what the record says. This needs two sets for each service, and a chain that drops nothing. It does not work with observe, which changes nothing in the firewall, nor with enforcer iptables, which has no sets."`
	Ports   []PortRange `yaml:"ports" optional:"[5080, 5090-5099]" doc:"More ports where SIP reaches this host, udp and tcp, such as those that a firewall rule redirects to Asterisk's ports. pbxjail reads Asterisk's own ports from Asterisk's files."`
}

// maxHeardPorts limits the ranges: every packet is compared with each of them.
const maxHeardPorts = 32

func (h Heard) validate(d *decoder) {
	if len(h.Ports) > maxHeardPorts {
		d.fault("heard.ports", "write ranges such as 5060-5080 in place of single ports", "too many ranges: %d, the limit is %d", len(h.Ports), maxHeardPorts)
	}
}
