package kernel

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
)

// Memory is how long the kernel remembers the sender of a packet: the timeout of the sets
// of a Gate. Each packet starts it again.
const Memory = 5 * time.Minute

// Port is a range of ports of a service.
type Port struct {
	Service  string // the name of its sets: at most 7 letters of a-z and 0-9
	Proto    string // "udp" or "tcp"
	From, To uint16 // To is the last port
}

var serviceName = regexp.MustCompile(`^[a-z0-9]{1,7}$`)

// maxPorts bounds what a Gate is given: each range costs every packet a comparison.
const maxPorts = 256

// CheckPorts refuses ports that no rule can hold.
func CheckPorts(ports []Port) error {
	if len(ports) > maxPorts {
		return hint.Errorf("write ranges such as 5060-5080 in place of single ports into the main file: heard: {ports: [5060-5080]}"+RestartHint, "heard.ports: %d ports or ranges of ports are too many, the limit is %d", len(ports), maxPorts)
	}
	return checkForm(ports)
}

func checkForm(ports []Port) error {
	for _, p := range ports {
		if !serviceName.MatchString(p.Service) || p.Proto != "udp" && p.Proto != "tcp" || p.From == 0 || p.To < p.From {
			return hint.Errorf("write a range of ports with the lower port first, such as 5060-5080"+ReloadHint,
				"ports %d to %d of %q over %q cannot be used", p.From, p.To, p.Service, p.Proto)
		}
	}
	return nil
}

// Services are the services of ports, in order, with their ports, in order.
func Services(ports []Port) (names []string, of map[string][]Port) {
	of = map[string][]Port{}
	for _, p := range ports {
		of[p.Service] = append(of[p.Service], p)
	}
	for name, list := range of {
		names = append(names, name)
		slices.SortFunc(list, func(a, b Port) int {
			return strings.Compare(fmt.Sprintf("%s %05d %05d", a.Proto, a.From, a.To), fmt.Sprintf("%s %05d %05d", b.Proto, b.From, b.To))
		})
		of[name] = slices.Compact(list)
	}
	slices.Sort(names)
	return names, of
}

// Hearing is what the kernel knows about packets of an address to a service.
type Hearing struct {
	// Blind says, for the operator, why the kernel knows nothing; "" when it does.
	Blind string
	// Heard reports whether a packet came, at most Memory ago.
	Heard bool
	// Doubt is set when a packet proves little even over TCP: without connection tracking
	// the kernel does not know whether there was a handshake.
	Doubt bool
	// Age is how long ago the last packet came, at most. Packets counts them; 0 when the
	// kernel does not give the number.
	Age     time.Duration
	Packets uint64
	// Since is the time from which on no packet was missed: an address that sent a packet
	// after it, and at most Memory ago, is Heard.
	Since time.Time
	// Full is set when there was no more room for new senders.
	Full bool
}

// Coverage remembers since when the sets of a Gate include every sender. The zero value knows no
// service. Its methods may be called from any goroutine.
type Coverage struct {
	mu sync.Mutex // guards of
	of map[coverKey]*state
}

type coverKey struct {
	service string
	v6      bool
}

type state struct {
	hearing Hearing
	sampled time.Time // when it was last known whether there is room
	members int       // that were counted then
}

// at gives the state of a service; mu is held.
func (c *Coverage) at(service string, v6 bool) *state {
	if c.of == nil {
		c.of = map[coverKey]*state{}
	}
	s := c.of[coverKey{service, v6}]
	if s == nil {
		s = &state{}
		c.of[coverKey{service, v6}] = s
	}
	return s
}

// Open notes that a service is watched. fresh means that earlier packets may be missing.
// Without it the set has all senders within Memory, as after a restart of pbxjail.
func (c *Coverage) Open(service string, v6, doubt, fresh bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &c.at(service, v6).hearing
	if fresh {
		h.Since = now
	} else if h.Since.IsZero() {
		h.Since = now.Add(-Memory)
	}
	h.Blind, h.Doubt = "", doubt
}

// SetBlind notes why a service cannot be watched. After that, Open without fresh means that
// nothing was missed: the kernel continued by itself.
func (c *Coverage) SetBlind(service string, v6 bool, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at(service, v6).hearing.Blind = why
}

// Keep forgets all services but these. Those that stay keep their Since.
func (c *Coverage) Keep(services []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.of, func(one coverKey, _ *state) bool { return !slices.Contains(services, one.service) })
}

// Sampled notes whether there is room for new senders. If there is none, senders up to now
// may be missing.
func (c *Coverage) Sampled(service string, v6, full bool, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.at(service, v6)
	s.sampled, s.hearing.Full = now, full
	if full {
		s.hearing.Since = now
	}
}

const (
	// countEvery is how often senders are counted while there are few, and countOften while
	// there are many: a quarter of what makes a set full.
	countEvery = 30 * time.Second
	countOften = 900 * time.Millisecond // each second, even if that comes a little early
)

// Due reports whether the senders of a service are to be counted again. full is the number
// that leaves no room for new ones.
func (c *Coverage) Due(service string, v6 bool, full int, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.at(service, v6)
	age := now.Sub(s.sampled)
	return age >= countEvery || age < 0 || s.members >= full/4 && age >= countOften
}

// Counted is Sampled by a count. Between two counts there may have been more: a sender stays
// for Memory, so of those that came in between all are counted, but some from before may
// have gone. After more than a moment, half of full can mean that it was full.
func (c *Coverage) Counted(service string, v6 bool, members, full int, now time.Time) {
	c.mu.Lock()
	s := c.at(service, v6)
	long := now.Sub(s.sampled) > 3*countOften && !s.sampled.IsZero()
	s.members = members
	c.mu.Unlock()
	c.Sampled(service, v6, members > full || long && members > full/2, now)
}

// sampleEvery is how old a sample may be when a sender was not found.
const sampleEvery = 100 * time.Millisecond

// Stale reports whether a new sample is needed.
func (c *Coverage) Stale(service string, v6 bool, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return now.Sub(c.at(service, v6).sampled) > sampleEvery
}

// Hearing is what is known about a service, before an address is looked up.
func (c *Coverage) Hearing(service string, v6 bool) Hearing {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.of[coverKey{service, v6}]; s != nil && s.hearing.Blind == "" {
		return s.hearing
	} else if s != nil {
		return Hearing{Blind: s.hearing.Blind}
	}
	return Hearing{Blind: "the kernel does not record who sends packets to " + service}
}

// sentinel4 and sentinel6 are in each set of a Gate, without end. No packet can come from
// them, so they are missing only when another program emptied the set.
var (
	sentinel4 = netip.MustParseAddr("255.255.255.255")
	sentinel6 = netip.MustParseAddr("ff00::1")
)

// Sentinel is the address that shows that a set of a Gate was not emptied.
func Sentinel(v6 bool) netip.Addr {
	if v6 {
		return sentinel6
	}
	return sentinel4
}

// Tracking reports whether connections are tracked in this network namespace: some are, at
// this moment (linux:net/netfilter/nf_conntrack_standalone.c nf_conntrack_count). A rule
// that uses connection states would turn tracking on, for calls too.
func Tracking() bool {
	// Asked each second: the runtime's poller would cost more than to read it.
	fd, err := unix.Open("/proc/sys/net/netfilter/nf_conntrack_count", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var text [16]byte
	size, err := unix.Read(fd, text[:])
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text[:size])))
	return err == nil && n > 0
}
