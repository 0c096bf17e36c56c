package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// TLSPort is where the PBX answers SIP over TLS.
const TLSPort = 5061

// Door takes connections to the PBX's port for TLS. It speaks no TLS: a sensor that reads the
// packets sees that a connection is encrypted, and no more.
type Door struct{ listener net.Listener }

// NewDoor opens the port. The caller must Close it.
func (n *Net) NewDoor() (d *Door, err error) {
	d = &Door{}
	err = n.PBX.Do(func() (err error) {
		d.listener, err = net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(PBX4, TLSPort)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open port %d: %w", TLSPort, err)
	}
	return d, nil
}

// Close closes the port.
func (d *Door) Close() error { return d.listener.Close() }

// hello is how a ClientHello begins (RFC 8446 5.1).
var hello = []byte{0x16, 3, 1, 0, 4, 1, 0, 0, 0}

// Greet connects from an IPv4 address of the world, sends the begin of a ClientHello, and ends
// the connection. It returns when the PBX has read it.
func (n *Net) Greet(d *Door, from netip.Addr) error {
	var conn *net.TCPConn
	err := n.World.Do(func() (err error) {
		conn, err = net.DialTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), net.TCPAddrFromAddrPort(netip.AddrPortFrom(PBX4, TLSPort)))
		return err
	})
	if err != nil {
		return fmt.Errorf("connect from %s: %w", from, err)
	}
	defer conn.Close()
	got, err := d.listener.Accept()
	if err != nil {
		return fmt.Errorf("accept the connection of %s: %w", from, err)
	}
	defer got.Close()
	_, sent := conn.Write(hello)
	_, read := got.Read(make([]byte, len(hello)))
	return errors.Join(sent, read)
}
