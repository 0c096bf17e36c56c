package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Wire watches what arrives at the PBX, before its firewall sees it (packet(7)).
// It may be asked from any goroutine.
type Wire struct {
	tap    *os.File
	ignore uint16
	mu     sync.Mutex
	seen   map[netip.Addr][]time.Time
}

// The wire remembers this much, which no run reaches.
const (
	maxSenders = 10_000
	maxPackets = 100_000 // of one sender
)

// NewWire taps the PBX's end of the wire. Packets to the port ignore are not
// counted.
func (n *Net) NewWire(ignore uint16) (*Wire, error) {
	w := &Wire{ignore: ignore, seen: map[netip.Addr][]time.Time{}}
	err := n.PBX.Do(func() error {
		everything := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL)) // htons
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(everything))
		if err == nil {
			w.tap = os.NewFile(uintptr(fd), "wire")
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("tap the wire: %w", err)
	}
	return w, nil
}

// Run watches until ctx ends.
func (w *Wire) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { w.tap.Close() })()
	packet := make([]byte, 128)
	for {
		n, err := w.tap.Read(packet)
		if errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch the wire: %w", err)
		}
		if from, ok := w.arrived(packet[:n]); ok {
			w.note(from, time.Now())
		}
	}
}

func (w *Wire) note(from netip.Addr, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	times, known := w.seen[from]
	if (known || len(w.seen) < maxSenders) && len(times) < maxPackets {
		w.seen[from] = append(times, at)
	}
}

// arrived reads who sent a packet to the PBX (RFC 791, RFC 8200). A packet with
// IPv6 extension headers has no port here.
func (w *Wire) arrived(packet []byte) (from netip.Addr, ok bool) {
	var to netip.Addr
	var rest []byte
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		from, to = netip.AddrFrom4([4]byte(packet[12:16])), netip.AddrFrom4([4]byte(packet[16:20]))
		rest = packet[min(len(packet), int(packet[0]&15)*4):]
	case len(packet) >= 40 && packet[0]>>4 == 6:
		from, to = netip.AddrFrom16([16]byte(packet[8:24])), netip.AddrFrom16([16]byte(packet[24:40]))
		rest = packet[40:]
	default:
		return from, false
	}
	return from, (to == PBX4 || to == PBX6) && len(rest) >= 4 && binary.BigEndian.Uint16(rest[2:]) != w.ignore
}

// Seen returns when the packets of an address arrived.
func (w *Wire) Seen(from netip.Addr) []time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[from][:len(w.seen[from]):len(w.seen[from])]
}
