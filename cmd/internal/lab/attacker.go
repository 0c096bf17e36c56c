package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A probe is sent a few times before silence is believed.
const (
	probes    = 3
	probeWait = 200 * time.Millisecond
)

// Answered sends SIP requests from an address of the world to the PBX and
// reports whether one was answered. Silence takes 600 ms to believe, less when
// ctx ends before. err means that nothing could be sent, which says nothing
// about bans.
func (n *Net) Answered(ctx context.Context, from netip.Addr) (bool, error) {
	conn, err := n.dial(from, Port)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	packet := make([]byte, 2048)
	for seq := range probes {
		if err := send(conn, seq); err != nil {
			return false, err
		}
		conn.SetReadDeadline(time.Now().Add(probeWait))
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if size, err := conn.Read(packet); err == nil {
			if _, ok := sequence(packet[:size]); ok {
				return true, nil
			}
		}
	}
	return false, nil
}

// dial opens a UDP socket of the world that is bound to from, towards a port of
// the PBX.
func (n *Net) dial(from netip.Addr, port uint16) (conn *net.UDPConn, err error) {
	dialer, to := freebind(from, port)
	dialer.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	err = n.World.Do(func() error {
		c, err := dialer.Dial("udp", to)
		if err == nil {
			conn = c.(*net.UDPConn)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("send from %s: %w", from, err)
	}
	return conn, nil
}

// freebind makes a dialer whose sockets may be bound to from, though no
// interface has it, and says where the PBX is in its family.
func freebind(from netip.Addr, port uint16) (dialer net.Dialer, to string) {
	pbx, level, option := PBX4, unix.SOL_IP, unix.IP_FREEBIND
	if from.Is6() {
		pbx, level, option = PBX6, unix.SOL_IPV6, unix.IPV6_FREEBIND
	}
	dialer.Control = func(_, _ string, raw syscall.RawConn) (err error) {
		failed := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, 1) })
		return errors.Join(failed, err)
	}
	return dialer, netip.AddrPortFrom(pbx, port).String()
}

func send(conn *net.UDPConn, seq int) error {
	from, to := conn.LocalAddr().(*net.UDPAddr).AddrPort(), conn.RemoteAddr().(*net.UDPAddr).AddrPort()
	_, err := conn.Write(options(from, to, seq))
	if errors.Is(err, unix.ECONNREFUSED) { // the ICMP answer to an earlier packet: no program listens
		return nil
	}
	return err
}

// Tally is what became of an address's packets. They are numbered from 1.
type Tally struct {
	Sent     int // also the number of the newest packet
	Answered int
	Newest   int       // the highest number that was answered; 0: none
	Heard    time.Time // when that was
}

// Stream sends from many addresses at once and counts the answers. It may be
// asked from any goroutine.
type Stream struct {
	conns map[netip.Addr]*net.UDPConn
	mu    sync.Mutex
	tally map[netip.Addr]Tally
}

// NewStream opens a socket towards a port of the PBX for every address. It sends
// nothing before Run.
func (n *Net) NewStream(port uint16, addrs ...netip.Addr) (*Stream, error) {
	s := &Stream{conns: map[netip.Addr]*net.UDPConn{}, tally: map[netip.Addr]Tally{}}
	for _, addr := range addrs {
		conn, err := n.dial(addr, port)
		if err != nil {
			s.close()
			return nil, err
		}
		s.conns[addr] = conn
	}
	return s, nil
}

// Run sends one packet from every address each time the pace has passed, until
// ctx ends, and closes the sockets.
func (s *Stream) Run(ctx context.Context, pace time.Duration) error {
	var reading sync.WaitGroup
	for addr, conn := range s.conns {
		reading.Go(func() { s.read(addr, conn) })
	}
	defer reading.Wait()
	defer s.close()
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		for addr, conn := range s.conns {
			seq := s.count(addr, func(t *Tally) { t.Sent++ }).Sent
			if err := send(conn, seq); err != nil {
				return fmt.Errorf("send from %s: %w", addr, err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Tallies returns the counts as they are now.
func (s *Stream) Tallies() map[netip.Addr]Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.tally)
}

func (s *Stream) count(addr netip.Addr, change func(*Tally)) Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tally[addr]
	change(&t)
	s.tally[addr] = t
	return t
}

// read ends when conn is closed.
func (s *Stream) read(addr netip.Addr, conn *net.UDPConn) {
	packet := make([]byte, 2048)
	for {
		n, err := conn.Read(packet)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if seq, ok := sequence(packet[:n]); ok {
			s.count(addr, func(t *Tally) { t.Answered++; t.Newest = max(t.Newest, seq); t.Heard = time.Now() })
		}
	}
}

func (s *Stream) close() {
	for _, conn := range s.conns {
		conn.Close()
	}
}
