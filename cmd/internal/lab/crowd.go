package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// Crowd sends SIP requests from many IPv4 addresses of the world over one socket, and reads
// no answers. It serves one goroutine.
type Crowd struct {
	conn  *net.UDPConn
	to    *net.UDPAddr
	batch []ipv4.Message
	sent  int
}

// NewCrowd opens the socket. Its requests go to a port of the PBX. The caller must Close it.
func (n *Net) NewCrowd(port uint16) (*Crowd, error) {
	c := &Crowd{to: net.UDPAddrFromAddrPort(netip.AddrPortFrom(PBX4, port))}
	err := n.World.Do(func() (err error) {
		c.conn, err = net.ListenUDP("udp4", &net.UDPAddr{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open a socket for a crowd: %w", err)
	}
	for range floodBatch {
		c.batch = append(c.batch, ipv4.Message{Addr: c.to, Buffers: [][]byte{nil}})
	}
	return c, nil
}

// Close closes the socket.
func (c *Crowd) Close() error { return c.conn.Close() }

// Send sends so many requests a second for a time, each address in turn, and returns how
// many were sent: fewer where this machine is too slow.
func (c *Crowd) Send(ctx context.Context, from []netip.Addr, rate int, length time.Duration) (sent int, err error) {
	const pace = time.Millisecond
	tick := time.NewTicker(pace)
	defer tick.Stop()
	begin := time.Now()
	for now := begin; now.Sub(begin) < length && ctx.Err() == nil; {
		// What could not be sent in time is left out: a burst would be another test.
		due := min(int(now.Sub(begin).Seconds()*float64(rate))-sent, 8*rate/1000+1)
		for due > 0 {
			n, err := c.write(from, min(due, len(c.batch)))
			if err != nil {
				return sent, err
			}
			sent, due = sent+n, due-n
		}
		select {
		case now = <-tick.C:
		case <-ctx.Done():
		}
	}
	return sent, nil
}

// write sends the next requests.
func (c *Crowd) write(from []netip.Addr, count int) (int, error) {
	for i := range count {
		addr := from[(c.sent+i)%len(from)]
		m := &c.batch[i]
		m.OOB = (&ipv4.ControlMessage{Src: addr.AsSlice()}).Marshal()
		m.Buffers[0] = fmt.Appendf(m.Buffers[0][:0], crowdRequest, PBX4, addr, c.sent+i, addr.As4(), c.sent+i)
	}
	n, err := ipv4.NewPacketConn(c.conn).WriteBatch(c.batch[:count], 0)
	if err == unix.ENOBUFS {
		err = nil
	}
	if err != nil {
		return 0, fmt.Errorf("send from a crowd: %w", err)
	}
	c.sent += n
	return n, nil
}

// crowdRequest registers without a password. The PBX asks for one, and gets no answer.
const crowdRequest = "REGISTER sip:%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s:5060;branch=z9hG4bK%[3]d;rport\r\nMax-Forwards: 70\r\n" +
	"From: <sip:101@%[1]s>;tag=%[3]d\r\nTo: <sip:101@%[1]s>\r\nCall-ID: %[3]d-%[4]x\r\nCSeq: %[5]d REGISTER\r\n" +
	"Contact: <sip:101@%[2]s:5060>\r\nUser-Agent: Crowd\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
