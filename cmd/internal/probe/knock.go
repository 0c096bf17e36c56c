package probe

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netns"
)

const (
	// patience is how long an answer is waited for: over a cable within one machine it
	// takes some 50 µs.
	patience = 300 * time.Millisecond
	// silent is how many tries without an answer are none; heard is how many there are
	// where one is awaited, and a busy machine may be late.
	silent, heard = 3, 10
	// wordLen is how many bytes are sent and come back.
	wordLen = 16
)

// dial opens a conversation of an address of the world with the PBX, on a thread that
// is there.
func (b *bench) dial(ctx context.Context, protocol string, from, to netip.Addr, at uint16) (conn net.Conn, err error) {
	err = apart(func() error {
		if err := netns.Set(b.world); err != nil {
			return err
		}
		d := net.Dialer{Timeout: patience}
		switch {
		case protocol == udp:
			d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
			conn, err = d.DialContext(ctx, "udp", netip.AddrPortFrom(to, at).String())
		case protocol == tcp:
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
			conn, err = d.DialContext(ctx, "tcp", netip.AddrPortFrom(to, at).String())
		default:
			conn, err = ping(ctx, d, from, to)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if c, ok := conn.(*net.TCPConn); ok {
		c.SetLinger(0)
	}
	return conn, nil
}

// answers reports whether the PBX answers an address, each time in a new conversation.
func (b *bench) answers(ctx context.Context, protocol string, from, to netip.Addr, at uint16, tries int) (bool, error) {
	for range tries {
		conn, err := b.dial(ctx, protocol, from, to, at)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if late(err) { // tcp: no answer
			continue
		}
		if err != nil {
			return false, err
		}
		ok, err := answered(ctx, conn, 1)
		conn.Close()
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// answered says a new word, several times at most, and reports whether it came back.
func answered(ctx context.Context, conn net.Conn, tries int) (bool, error) {
	word := rand.Text()[:wordLen]
	for range tries {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if _, err := conn.Write([]byte(word)); err != nil {
			return false, err
		}
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return false, err
		}
		for {
			got := make([]byte, wordLen) // in tcp, too, it comes as it was sent: one word a time
			n, err := conn.Read(got)
			if late(err) {
				break
			}
			if err != nil {
				return false, err
			}
			if string(got[:n]) == word {
				return true, nil
			}
		}
	}
	return false, nil
}

// late tells patience that has ended from what went wrong.
func late(err error) bool {
	timed, ok := errors.AsType[net.Error](err)
	return ok && timed.Timeout()
}

// pinger is a conversation in icmp: RFC 792, RFC 4443.
type pinger struct {
	*net.IPConn
	request, reply byte
	id             [2]byte // of this conversation, as connection tracking tells them apart
}

func ping(ctx context.Context, d net.Dialer, from, to netip.Addr) (net.Conn, error) {
	p := &pinger{request: 8, reply: 0}
	wire := "ip4:1"
	if to.Is6() {
		p.request, p.reply, wire = 128, 129, "ip6:58"
	}
	rand.Read(p.id[:]) // it never fails
	d.LocalAddr = &net.IPAddr{IP: from.AsSlice()}
	conn, err := d.DialContext(ctx, wire, to.String())
	if err != nil {
		return nil, err
	}
	p.IPConn = conn.(*net.IPConn) // what this kind of Dial gives
	return p, nil
}

const icmpHead = 8

// Write sends a word in an echo request. In IPv6 the kernel makes the checksum.
func (p *pinger) Write(word []byte) (int, error) {
	msg := append([]byte{p.request, 0, 0, 0, p.id[0], p.id[1], 0, 0}, word...)
	if p.reply == 0 {
		binary.BigEndian.PutUint16(msg[2:], checksum(msg))
	}
	n, err := p.IPConn.Write(msg)
	return max(0, n-icmpHead), err
}

// Read returns the word of the next echo reply.
func (p *pinger) Read(word []byte) (int, error) {
	buf := make([]byte, 256)
	for {
		n, _, err := p.IPConn.ReadFrom(buf) // without the head of IPv4
		if err != nil {
			return 0, err
		}
		if n > icmpHead && buf[0] == p.reply {
			return copy(word, buf[icmpHead:n]), nil
		}
	}
}

// checksum is that of RFC 1071.
func checksum(msg []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(msg); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(msg[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
