package configs

// Heard is the witness that the kernel keeps: who sent packets to Asterisk's ports.
type Heard struct {
	Enabled bool        `yaml:"enabled" default:"true" doc:"Have the kernel remember for five minutes who sent packets to Asterisk's ports, so that a record of a log can be checked: an address that sent none did not do what the record says. Two sets a service and a chain of ours that drops nothing; with observe the firewall is left alone, and with plain iptables rules there are no sets."`
	Ports   []PortRange `yaml:"ports" optional:"[5080, 5090-5099]" doc:"More ports where SIP reaches this host, udp and tcp, such as those that a rule redirects to Asterisk's. Asterisk's own ports are read from its configuration."`
}

// maxHeardPorts is how many ranges may be named: each costs every packet a comparison.
const maxHeardPorts = 32

func (h Heard) validate(d *decoder) {
	if len(h.Ports) > maxHeardPorts {
		d.fault("heard.ports", "write ranges in place of single ports", "%d ranges are more than %d", len(h.Ports), maxHeardPorts)
	}
}
