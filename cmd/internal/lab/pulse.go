package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Pulse sends one datagram after the other from an IPv4 address of the world to the PBX, and
// sees which arrive: so it knows to a fraction of a millisecond when a firewall begins to drop
// them, whatever firewall it is. It serves one goroutine.
type Pulse struct {
	from net.PacketConn
	sink *Sink
	addr netip.Addr
}

// Sink takes the datagrams of pulses in the PBX's namespace.
type Sink struct {
	conn *net.UDPConn
	fd   int
}

// NewSink opens SIP's port at the PBX. The caller must Close it.
func (n *Net) NewSink() (*Sink, error) {
	s := &Sink{}
	err := n.PBX.Do(func() (err error) {
		s.conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(PBX4, Port)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open port %d: %w", Port, err)
	}
	raw, err := s.conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { s.fd = int(fd) })
	}
	if err != nil {
		return nil, errors.Join(err, s.conn.Close())
	}
	return s, nil
}

// Close closes the port.
func (s *Sink) Close() error { return s.conn.Close() }

// took empties the port, and reports whether a datagram of the address was there.
func (s *Sink) took(a netip.Addr) (yes bool) {
	var buf [64]byte
	for {
		_, from, err := unix.Recvfrom(s.fd, buf[:], unix.MSG_DONTWAIT)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return yes
		}
		if v4, ok := from.(*unix.SockaddrInet4); ok && netip.AddrFrom4(v4.Addr) == a {
			yes = true
		}
	}
}

// NewPulse opens a socket of an address of the world. The caller must Close it.
func (n *Net) NewPulse(sink *Sink, a netip.Addr) (*Pulse, error) {
	p := &Pulse{sink: sink, addr: a}
	err := n.World.Do(func() (err error) {
		p.from, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("send from %s: %w", a, err)
	}
	return p, nil
}

// Close closes the socket.
func (p *Pulse) Close() error { return p.from.Close() }

// keepAlive is what a phone sends to keep its NAT open (RFC 5626 4.4.1): it needs no answer,
// and nothing counts it.
var keepAlive = []byte("\r\n\r\n")

// pulseEvery is the time between two datagrams; missesInRow of them in a row that do not arrive
// are a drop, and not a loss.
const (
	pulseEvery  = 200 * time.Microsecond
	missesInRow = 25
)

// Arrives sends one datagram, and reports whether it arrived until the next one is due.
func (p *Pulse) Arrives() bool {
	end := time.Now().Add(pulseEvery)
	// A firewall that rejects makes the next send fail: then it was not sent.
	p.from.WriteTo(keepAlive, net.UDPAddrFromAddrPort(netip.AddrPortFrom(PBX4, Port)))
	wait(pulseEvery / 2) // over the wire it is in the port when the send returns, or a little later
	yes := p.sink.took(p.addr)
	wait(time.Until(end))
	return p.sink.took(p.addr) || yes
}

// wait leaves the processor to others: ppoll(2) of nothing wakes up within 50 microseconds.
func wait(d time.Duration) {
	if d > 0 {
		timeout := unix.NsecToTimespec(int64(d))
		unix.Ppoll(nil, &timeout, nil)
	}
}

// Drop sends until the datagrams no longer arrive, and returns the moment between the last
// that arrived and the first that did not. It returns false when they still arrive at the end.
func (p *Pulse) Drop(patience time.Duration) (at time.Time, dropped bool) {
	begin := time.Now()
	last, first, misses := begin, time.Time{}, 0
	for {
		now := time.Now()
		if p.Arrives() {
			last, misses = now, 0
			if now.Sub(begin) > patience {
				return time.Time{}, false
			}
			continue
		}
		if misses++; misses == 1 {
			first = now
		}
		if misses == missesInRow {
			return last.Add(first.Sub(last) / 2), true
		}
	}
}
