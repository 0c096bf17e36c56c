package probe

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
)

// port is where the PBX answers, udp and tcp: that of SIP. other is one that a ban for SIP
// leaves open.
const port, other = 5060, 22

// echo answers whatever comes with the same. The kernel does that for icmp.
type echo struct {
	mu    sync.Mutex // guards all below
	open  []io.Closer
	ended bool
}

// listen opens the sockets in the namespace of the calling thread.
func (e *echo) listen(addr netip.Addr) error {
	return errors.Join(e.listenAt(netip.AddrPortFrom(addr, port)), e.listenAt(netip.AddrPortFrom(addr, other)))
}

func (e *echo) listenAt(at netip.AddrPort) error {
	packets, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return err
	}
	e.keep(packets)
	go func() {
		buf := make([]byte, 64)
		for {
			n, from, err := packets.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			packets.WriteToUDPAddrPort(buf[:n], from) // who hears nothing says so
		}
	}()
	calls, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
	if err != nil {
		return err
	}
	e.keep(calls)
	go func() {
		for {
			call, err := calls.AcceptTCP()
			if err != nil {
				return
			}
			call.SetLinger(0) // a peer that is banned says no goodbye
			e.keep(call)
			go io.Copy(call, call)
		}
	}()
	return nil
}

// keep closes c with the rest.
func (e *echo) keep(c io.Closer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		c.Close()
		return
	}
	e.open = append(e.open, c)
}

func (e *echo) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.open {
		c.Close()
	}
	e.ended = true
}
