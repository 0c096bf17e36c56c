package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Responder answers SIP requests in the PBX's namespace as a PBX would: what
// gets no answer did not get through.
type Responder struct {
	conns     []*net.UDPConn
	registrar atomic.Pointer[registrar] // nil: every request is answered with 200
	answered  atomic.Pointer[func(to netip.AddrPort, at time.Time)]
}

// NewResponder opens a port of the PBX, v4 and v6. Packets wait in the sockets
// until Run.
func (n *Net) NewResponder(port uint16) (*Responder, error) {
	r := &Responder{}
	err := n.PBX.Do(func() error {
		for network, addr := range map[string]netip.Addr{"udp4": PBX4, "udp6": PBX6} {
			conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, port)))
			if err != nil {
				return err
			}
			r.conns = append(r.conns, conn)
		}
		return nil
	})
	if err != nil {
		r.close()
		return nil, fmt.Errorf("open port %d: %w", port, err)
	}
	return r, nil
}

// Run answers until ctx ends, and closes the ports.
func (r *Responder) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, r.close)()
	var serving sync.WaitGroup
	for _, conn := range r.conns {
		serving.Go(func() { r.serve(conn) })
	}
	serving.Wait()
	return nil
}

// Answered has note called before each answer, from the goroutines of Run. It may be called
// while Run runs.
func (r *Responder) Answered(note func(to netip.AddrPort, at time.Time)) { r.answered.Store(&note) }

func (r *Responder) close() {
	for _, conn := range r.conns {
		conn.Close()
	}
}

// serve ends when conn is closed.
func (r *Responder) serve(conn *net.UDPConn) {
	packet := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(packet)
		if err != nil {
			return
		}
		reply := answer
		if accounts := r.registrar.Load(); accounts != nil {
			reply = accounts.answer
		}
		if response, ok := reply(packet[:n]); ok {
			if note := r.answered.Load(); note != nil {
				(*note)(from, time.Now())
			}
			conn.WriteToUDPAddrPort(response, from) // a lost answer is what UDP does
		}
	}
}
