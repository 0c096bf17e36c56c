package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
)

// sockets ends our own side of connections over TCP: dropped packets alone would leave it
// open until it times out. The owner of the socket reads ECONNABORTED, and the kernel sends
// a reset to the peer (ss(8) -K; linux:net/ipv4/tcp.c tcp_abort). The library can only end
// sockets of IPv4, and ends any socket that has the address now.
type sockets struct {
	socket *nl.NetlinkSocket
	seqs   map[int]*nl.SocketHandle // socket, as requests want it
	most   int                      // how many one walk ends
	unable error                    // why the last Setup could not; nil: it can. Guarded by flows.mu
}

const (
	// socketsMost is how many sockets one walk ends at most; Check goes on with the rest.
	socketsMost = 4096
	// socketStates are the states of a connection that a program may still wait for, as bits of
	// linux:include/net/tcp_states.h: not LISTEN, TIME_WAIT or CLOSE.
	socketStates = 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<8 | 1<<9 | 1<<11
	// socketID is how long a struct inet_diag_sockid is.
	socketID = 48
)

// tcpSocket is a connection as the kernel knows it.
type tcpSocket struct {
	family uint8
	remote netip.Addr // IPv4 in IPv6 is IPv4
	// id is the kernel's name of it: ports and addresses, and a number that no socket
	// after it has. It is sent back unchanged.
	id [socketID]byte
}

// local is our own port.
func (t tcpSocket) local() uint16 { return binary.BigEndian.Uint16(t.id[:]) }

func openSockets() (*sockets, error) {
	s, err := openNetlink(unix.NETLINK_INET_DIAG)
	if err != nil {
		return nil, Cannot(err, "reach the list of TCP connections in the kernel")
	}
	return &sockets{most: socketsMost, socket: s, seqs: map[int]*nl.SocketHandle{unix.NETLINK_INET_DIAG: {Socket: s}}}, nil
}

// withoutSockets is what to do where the kernel cannot close sockets.
const withoutSockets = "use a kernel with CONFIG_INET_DIAG_DESTROY. To end this message, write end_tcp: false into the main file" + RestartHint

// try tests whether this kernel can end sockets. It ends none, because no socket has the
// port 0.
func (s *sockets) try() error {
	if err := s.ask(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP, 0, tcpSocket{family: unix.AF_INET}, nil); err != nil {
		return hint.Errorf(withoutSockets, "the kernel cannot list TCP connections: %w", err)
	}
	err := s.ask(nl.SOCK_DESTROY, unix.NLM_F_ACK, 0, tcpSocket{family: unix.AF_INET}, nil)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return hint.Errorf(withoutSockets, "the kernel cannot close TCP connections, because it has no CONFIG_INET_DIAG_DESTROY: %w", err)
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
			errs = append(errs, Cannot(err, "list the TCP connections of this machine"))
		}
	}
	failed := 0
	for _, t := range found {
		err := s.destroy(t)
		if err == nil {
			continue
		}
		if failed++; failed == 1 {
			errs = append(errs, Cannot(err, "close the TCP connection of %s", t.remote))
		}
		if errors.Is(err, unix.EAGAIN) { // stop after LockWait: bans wait for this
			break
		}
	}
	if failed > 1 {
		errs = append(errs, fmt.Errorf("cannot close the TCP connections of %d more addresses", failed-1))
	}
	return len(found) < s.most, errors.Join(errs...)
}

// destroy ends a connection. It is no error if the connection is over (ENOENT), if another
// one has its place (ESTALE; it stays), or if no process owns it any more, which old
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

// parseSocket reads a struct inet_diag_msg. It skips listening sockets and connections
// within this host.
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
