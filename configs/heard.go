package configs

// Heard configures the kernel's witness: a record of who sent packets to Asterisk's ports.
type Heard struct {
	Enabled bool        `yaml:"enabled" default:"true" doc:"Let the kernel remember for five minutes who sent packets to Asterisk's ports. pbxjail checks log records with it: an address that sent no packet did not do what the record says. It uses two sets for each service, and a chain that drops nothing. With observe the firewall is not changed; plain iptables rules have no sets."`
	Ports   []PortRange `yaml:"ports" optional:"[5080, 5090-5099]" doc:"More ports where SIP reaches this host, udp and tcp, such as those that a rule redirects to Asterisk's. Asterisk's own ports are read from its configuration."`
}

// maxHeardPorts limits the ranges: every packet is compared with each of them.
const maxHeardPorts = 32

func (h Heard) validate(d *decoder) {
	if len(h.Ports) > maxHeardPorts {
		d.fault("heard.ports", "write ranges instead of single ports", "too many ranges: %d, the limit is %d", len(h.Ports), maxHeardPorts)
	}
}
