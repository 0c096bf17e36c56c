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
// transports may stand in a database. RTP's ports are none.
func asteriskPorts(main *configs.Main) (ports []asterisk.Port, problems []error) {
	ports, problems = asterisk.Ports(main.Asterisk)
	first, last, _ := asterisk.RTP(main.Asterisk)
	open := host.Listening("/proc", "asterisk")
	for _, n := range slices.Concat(open.UDP, open.TCP) {
		known := slices.ContainsFunc(ports, func(p asterisk.Port) bool { return p.Number == n })
		if !known && n < firstEphemeral && (n < first || n > last) {
			ports = append(ports, asterisk.Port{Service: asterisk.SIP, Number: n})
		}
	}
	return ports, problems
}

// portsMark changes when asteriskPorts may say something else.
func portsMark(main *configs.Main) uint64 {
	sum := fnv.New64a()
	b := strconv.AppendUint(nil, guard.Fingerprint(main.Asterisk), 16)
	open := host.Listening("/proc", "asterisk")
	first, last, _ := asterisk.RTP(main.Asterisk)
	for _, n := range slices.Concat(open.UDP, open.TCP) {
		if n < firstEphemeral && (n < first || n > last) {
			b = strconv.AppendUint(append(b, ' '), uint64(n), 10)
		}
	}
	sum.Write(b)
	return sum.Sum64()
}
