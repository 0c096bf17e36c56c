package configs

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Metrics says where Prometheus can read the counters of pbxjail.
type Metrics struct {
	Listen string `yaml:"listen" optional:"127.0.0.1:9740" doc:"A loopback address and a port, or unix: and the path of a socket, such as unix:/run/pbxjail/metrics.sock. The metrics are then at http://127.0.0.1:9740/metrics, for every user of this machine: they name logs, jails and channels, and never an address or an account. Left out: no metrics."`
	Remote bool   `yaml:"remote" default:"false" doc:"true: listen may be an address that other machines reach, such as 192.0.2.10:9740. The metrics are not encrypted and ask for no password: let only the Prometheus server reach the port, with your firewall."`
}

// MetricsSocket is what Metrics.Listen begins with that is the path of a socket.
const MetricsSocket = "unix:"

func (m *Metrics) validate(d *decoder, control string) {
	const at = "metrics.listen"
	if m.Listen == "" {
		return
	}
	if path, is := strings.CutPrefix(m.Listen, MetricsSocket); is {
		switch {
		case !strings.HasPrefix(path, "/"):
			d.fault(at, "write a full path, such as unix:/run/pbxjail/metrics.sock", "%s does not begin with /", quote(path))
		case len(path) > maxSocket:
			d.fault(at, "write a shorter path, such as unix:/run/pbxjail/metrics.sock", "the path has %d characters, but the path of a socket can have at most %d", len(path), maxSocket)
		case path == control:
			d.fault(at, "write another path, such as unix:/run/pbxjail/metrics.sock", "%s is the socket of jailctl already, and cannot be used for metrics too", quote(path))
		}
		return
	}
	host, port, err := net.SplitHostPort(m.Listen)
	n, bad := strconv.Atoi(port)
	switch {
	case err != nil || bad != nil || n < 1 || n > 65535:
		d.fault(at, "write an address and a port, such as 127.0.0.1:9740, or unix:/run/pbxjail/metrics.sock", "%s is not an address with a port", quote(m.Listen))
	case host != "" && host != "localhost" && !isAddr(host):
		d.fault(at, "write an address of this machine in place of the name, such as 127.0.0.1:9740", "%s is a name, not an address", quote(host))
	case !m.Remote && !loopback(host):
		d.fault(at, fmt.Sprintf("for a Prometheus on this machine, write listen: 127.0.0.1:%d. For a Prometheus on another machine, write metrics: {listen: %q, remote: true}; then allow only its address to port %d in your firewall", n, m.Listen, n),
			"every machine could read the metrics at %s, and remote: true is missing", quote(m.Listen))
	}
}
