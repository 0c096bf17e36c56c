package daemon

import (
	"hash/fnv"
	"slices"
	"strconv"

	"pbxjail/cmd/internal/guard"
	"pbxjail/cmd/internal/host"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
)

// firstEphemeral is where the ports begin that the kernel gives to sockets that ask for
// none: proc/sys/net/ipv4/ip_local_port_range.
const firstEphemeral = 32768

// asteriskPorts are the ports that Asterisk listens on: by its configuration, and by its
// sockets where it runs beside us. A port that no file names is taken for SIP: its
// transports may stand in a database.
func asteriskPorts(main *configs.Main) (ports []asterisk.Port, problems []error) {
	ports, problems = asterisk.Ports(main.Asterisk)
	for _, n := range openPorts(main) {
		if !slices.ContainsFunc(ports, func(p asterisk.Port) bool { return p.Number == n }) {
			ports = append(ports, asterisk.Port{Service: asterisk.SIP, Number: n})
		}
	}
	return ports, problems
}

// openPorts are the ports of Asterisk's sockets that can be SIP's: what comes to another
// protocol must not be taken for bad SIP, or its honest users would be banned. TCP alone
// may be the manager, the web or a phone of another kind; a call has UDP sockets in RTP's
// range, so one in that range counts only where there is TCP at the same number.
func openPorts(main *configs.Main) []uint16 {
	return listening(host.Listening("/proc", "asterisk"), main)
}

func listening(open host.Sockets, main *configs.Main) (list []uint16) {
	first, last, _ := asterisk.RTP(main.Asterisk)
	for _, n := range open.UDP {
		media := n >= first && n <= last && !slices.Contains(open.TCP, n)
		if !media && !otherProtocol(n) && n < firstEphemeral {
			list = append(list, n)
		}
	}
	return list
}

// otherProtocol knows the default UDP ports of Asterisk's other modules:
// asterisk:channels/chan_mgcp.c, channels/chan_unistim.c, pbx/pbx_dundi.c, chan_iax2.c.
func otherProtocol(n uint16) bool {
	switch n {
	case 2427, 2727, 4520, 4569, 5000:
		return true
	}
	return false
}

// portsMark changes when asteriskPorts may say something else.
func portsMark(main *configs.Main) uint64 {
	sum := fnv.New64a()
	b := strconv.AppendUint(nil, guard.Fingerprint(main.Asterisk), 16)
	for _, n := range openPorts(main) {
		b = strconv.AppendUint(append(b, ' '), uint64(n), 10)
	}
	sum.Write(b)
	return sum.Sum64()
}
