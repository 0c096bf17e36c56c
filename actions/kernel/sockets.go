package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// sockets ends our own side of connections over TCP: dropped packets alone would leave
// it open until it times out. Who owns the socket reads ECONNABORTED, and the peer is
// sent a reset (ss(8) -K; linux:net/ipv4/tcp.c tcp_abort). The library ends sockets of
// IPv4 alone, and whichever has the address now.
type sockets struct {
	socket *nl.NetlinkSocket
	seqs   map[int]*nl.SocketHandle // socket, as requests want it
	most   int                      // how many one walk ends
	unable error                    // why the last Setup could not; nil: it can. Guarded by flows.mu
}

const (
	// socketsMost is how many sockets one walk ends at most; Check goes on with the rest.
	socketsMost = 4096
	// socketStates are those of a connection that somebody may still wait for, as bits of
	// linux:include/net/tcp_states.h: neither LISTEN nor TIME_WAIT nor CLOSE.
	socketStates = 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<8 | 1<<9 | 1<<11
	// socketID is how long a struct inet_diag_sockid is.
	socketID = 48
)

// tcpSocket is a connection as the kernel knows it.
type tcpSocket struct {
	family uint8
	remote netip.Addr // IPv4 in IPv6 is IPv4
	// id is the kernel's name of it: ports and addresses, and a number that no socket
	// after it has. It is given back as it came.
	id [socketID]byte
}

// local is our own port.
func (t tcpSocket) local() uint16 { return binary.BigEndian.Uint16(t.id[:]) }

func openSockets() (*sockets, error) {
	s, err := openNetlink(unix.NETLINK_INET_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	return &sockets{most: socketsMost, socket: s, seqs: map[int]*nl.SocketHandle{unix.NETLINK_INET_DIAG: {Socket: s}}}, nil
}

// try learns whether this kernel can end sockets, and ends none: no socket has the
// port 0.
func (s *sockets) try() error {
	if err := s.ask(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP, 0, tcpSocket{family: unix.AF_INET}, nil); err != nil {
		return fmt.Errorf("list sockets: %w", err)
	}
	err := s.ask(nl.SOCK_DESTROY, unix.NLM_F_ACK, 0, tcpSocket{family: unix.AF_INET}, nil)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("end sockets (CONFIG_INET_DIAG_DESTROY): %w", err)
}

// end ends the connections with these remote addresses. It reports false when there were
// more than one walk ends.
func (s *sockets) end(banned of) (all bool, err error) {
	var errs []error
	var found []tcpSocket
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		err := s.ask(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP, socketStates, tcpSocket{family: family}, func(msg []byte) bool {
			if t, ok := parseSocket(msg); ok && banned.has(t.remote, unix.IPPROTO_TCP, t.local()) && len(found) < s.most {
				found = append(found, t)
			}
			return len(found) < s.most
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("list sockets: %w", err))
		}
	}
	failed := 0
	for _, t := range found {
		err := s.destroy(t)
		if err == nil {
			continue
		}
		if failed++; failed == 1 {
			errs = append(errs, fmt.Errorf("end the connection of %s: %w", t.remote, err))
		}
		if errors.Is(err, unix.EAGAIN) { // it waited as long as it may: bans wait for us
			break
		}
	}
	if failed > 1 {
		errs = append(errs, fmt.Errorf("and %d more", failed-1))
	}
	return len(found) < s.most, errors.Join(errs...)
}

// destroy ends a connection. One that is over is no error (ENOENT), nor is another one
// in its place (ESTALE), which stays, nor one that nobody owns any more, which old
// kernels cannot end (EOPNOTSUPP).
func (s *sockets) destroy(t tcpSocket) error {
	err := s.ask(nl.SOCK_DESTROY, unix.NLM_F_ACK, 0, t, nil)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESTALE) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

// ask sends a struct inet_diag_req_v2 (linux:include/uapi/linux/inet_diag.h) and calls
// part with each answer until it returns false.
func (s *sockets) ask(message, flags int, states uint32, t tcpSocket, part func(msg []byte) bool) error {
	data := []byte{t.family, unix.IPPROTO_TCP, 0, 0} // no extensions, padding
	data = binary.NativeEndian.AppendUint32(data, states)
	req := nl.NewNetlinkRequest(message, flags)
	req.Sockets = s.seqs
	req.AddRawData(append(data, t.id[:]...))
	return req.ExecuteIter(unix.NETLINK_INET_DIAG, nl.SOCK_DIAG_BY_FAMILY, func(msg []byte) bool { return part != nil && part(msg) })
}

// parseSocket reads a struct inet_diag_msg. What listens, or is connected to this very
// host, is nobody's to end.
func parseSocket(msg []byte) (t tcpSocket, ok bool) {
	const head = 4 // family, state, timer, retransmissions; then the id: two ports, our address, theirs
	if len(msg) < head+socketID {
		return t, false
	}
	t.family = msg[0]
	copy(t.id[:], msg[head:])
	switch t.family {
	case unix.AF_INET:
		t.remote = netip.AddrFrom4([4]byte(t.id[20:24]))
	case unix.AF_INET6:
		t.remote = netip.AddrFrom16([16]byte(t.id[20:36])).Unmap()
	default:
		return t, false
	}
	state := msg[1]
	return t, state < 32 && socketStates&(1<<state) != 0 && !t.remote.IsUnspecified() && !t.remote.IsLoopback()
}
