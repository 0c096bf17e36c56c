package daemon

import (
	"hash/fnv"
	"slices"
	"strconv"
	"sync"
	"time"

	"pbxjail/cmd/internal/guard"
	"pbxjail/cmd/internal/host"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
)

// firstEphemeral is where the ports begin that the kernel gives to sockets that ask for
// none: proc/sys/net/ipv4/ip_local_port_range.
const firstEphemeral = 32768

// asteriskSight is what can be seen of the Asterisk on this machine: its processes, and the
// ports that it listens on. look refreshes it from time to time; the other methods answer
// from the last look. All methods may be called from any goroutine.
type asteriskSight struct {
	proc string // "/proc"

	mu        sync.Mutex // guards all below
	finder    *host.Finder
	by        *configs.Main
	files     uint64 // fingerprint of its configuration
	processes []string
	open      []uint16 // its sockets that can be SIP's
	mark      uint64   // changes when ports may say something else
}

func newAsteriskSight(proc string) *asteriskSight {
	return &asteriskSight{proc: proc, finder: host.NewFinder(proc, "asterisk")}
}

// look looks again.
func (s *asteriskSight) look(main *configs.Main) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.see(main)
}

// see looks again. mu is held.
func (s *asteriskSight) see(main *configs.Main) {
	s.by, s.files = main, guard.Fingerprint(main.Asterisk)
	s.processes = s.finder.Find(time.Now())
	s.open = openPorts(host.Listening(s.proc, s.processes), main)
	sum := fnv.New64a()
	b := strconv.AppendUint(nil, s.files, 16)
	for _, n := range s.open {
		b = strconv.AppendUint(append(b, ' '), uint64(n), 10)
	}
	sum.Write(b)
	s.mark = sum.Sum64()
}

// seen is what the last look by these settings saw; without one it looks. mu is held.
func (s *asteriskSight) seen(main *configs.Main) *asteriskSight {
	if s.by != main {
		s.see(main)
	}
	return s
}

// running are the folders of the processes of Asterisk.
func (s *asteriskSight) running(main *configs.Main) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen(main).processes
}

// changed is another number when ports may say something else.
func (s *asteriskSight) changed(main *configs.Main) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen(main).mark
}

// ports are the ports that Asterisk listens on: by its configuration, and by its
// sockets where it runs beside us. A port that no file names is taken for SIP: its
// transports may be in a database.
func (s *asteriskSight) ports(main *configs.Main) (ports []asterisk.Port, problems []error) {
	s.mu.Lock()
	open := s.seen(main).open
	s.mu.Unlock()
	ports, problems = asterisk.Ports(main.Asterisk)
	for _, n := range open {
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
func openPorts(open host.Sockets, main *configs.Main) (list []uint16) {
	if len(open.UDP) == 0 {
		return nil
	}
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
