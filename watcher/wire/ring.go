package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// A frame holds an IP packet of a usual card whole; a larger one (jumbo frames, TCP
// segments that the card or the kernel put together) comes through the socket's queue.
const (
	ringFrame = 2048
	ringBlock = 64 << 10
	largest   = 64 << 10
)

// ring is a packet socket whose packets the kernel writes into memory that both see
// (Linux' Documentation/networking/packet_mmap.rst, TPACKET_V2). One goroutine
// reads it; attach may be called from any.
type ring struct {
	file   *os.File
	conn   syscall.RawConn
	mem    []byte
	frames int
	next   int
	large  []byte // for one packet that does not fit a frame
}

// raw is one packet as the kernel hands it over, valid until the next one.
type raw struct {
	at     time.Time
	ip     []byte
	card   int
	kind   uint8 // PACKET_HOST and its like
	verify bool  // no one has looked at the check sums
	losing bool  // packets were lost since the statistics were read
}

// openRing opens a socket for all devices of the network namespace. frames is how
// many packets may wait; 32 of them are a block. It is a socket that blocks, so that
// the runtime does not poll it: each packet would wake the runtime up.
func openRing(program []bpf.RawInstruction, frames int) (*ring, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open a packet socket: %w", err)
	}
	r := &ring{file: os.NewFile(uintptr(fd), "packet socket"), frames: frames, large: make([]byte, largest)}
	if err := r.setUp(fd, program); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// setUp puts the filter first: before it, every packet would pass. Protocol 0 of the
// new socket means none, until bind names all.
func (r *ring) setUp(fd int, program []bpf.RawInstruction) error {
	if err := attach(fd, program); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2); err != nil {
		return fmt.Errorf("cannot choose the form of the packet ring: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_COPY_THRESH, 1); err != nil {
		return fmt.Errorf("cannot ask the kernel for large packets: %w", err)
	}
	size := unix.TpacketReq{Block_size: ringBlock, Block_nr: uint32(ringFrame * r.frames / ringBlock), Frame_size: ringFrame, Frame_nr: uint32(r.frames)}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &size); err != nil {
		return fmt.Errorf("cannot make the packet ring: %w", err)
	}
	var err error
	if r.mem, err = unix.Mmap(fd, 0, ringFrame*r.frames, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return fmt.Errorf("cannot map the packet ring: %w", err)
	}
	all := &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL})} // in network order
	if err := unix.Bind(fd, all); err != nil {
		return fmt.Errorf("cannot bind the packet socket: %w", err)
	}
	r.conn, err = r.file.SyscallConn()
	return err
}

func (r *ring) close() error {
	err := r.file.Close()
	if r.mem != nil {
		err = errors.Join(err, unix.Munmap(r.mem))
	}
	return err
}

// attach puts a filter in place of the one before, without a moment between.
func attach(fd int, program []bpf.RawInstruction) error {
	list := make([]unix.SockFilter, len(program))
	for i, p := range program {
		list[i] = unix.SockFilter{Code: p.Op, Jt: p.Jt, Jf: p.Jf, K: p.K}
	}
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(list)), Filter: &list[0]})
	if err != nil {
		return fmt.Errorf("cannot attach the packet filter of %d steps: %w", len(list), err)
	}
	return nil
}

// attach is the same while the ring runs.
func (r *ring) attach(program []bpf.RawInstruction) error {
	var err error
	return errors.Join(r.conn.Control(func(fd uintptr) { err = attach(int(fd), program) }), err)
}

// lost is how many packets did not fit since the last call.
func (r *ring) lost() (n uint32, err error) {
	e := r.conn.Control(func(fd uintptr) {
		var s *unix.TpacketStats
		if s, err = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			n = s.Drops
		}
	})
	return n, errors.Join(e, err)
}

// Where the address lies in a frame: behind the header (TPACKET_ALIGNMENT is 16).
const addressAt = unix.SizeofTpacket2Hdr

// frame is the next one, and nil when the kernel has not filled it yet.
func (r *ring) frame() *unix.Tpacket2Hdr {
	h := (*unix.Tpacket2Hdr)(unsafe.Pointer(&r.mem[r.next*ringFrame]))
	if atomic.LoadUint32(&h.Status)&unix.TP_STATUS_USER == 0 {
		return nil
	}
	return h
}

// packet reads the frame that frame returned.
func (r *ring) packet(h *unix.Tpacket2Hdr) raw {
	frame := r.mem[r.next*ringFrame : (r.next+1)*ringFrame]
	return raw{
		at:     time.Unix(int64(h.Sec), int64(h.Nsec)),
		card:   int(binary.NativeEndian.Uint32(frame[addressAt+4:])),
		kind:   frame[addressAt+10],
		verify: h.Status&(unix.TP_STATUS_CSUM_VALID|unix.TP_STATUS_CSUMNOTREADY) == 0,
		losing: h.Status&unix.TP_STATUS_LOSING != 0,
		ip:     r.bytes(frame, h),
	}
}

// release gives the frame back to the kernel.
func (r *ring) release(h *unix.Tpacket2Hdr) {
	atomic.StoreUint32(&h.Status, unix.TP_STATUS_KERNEL)
	r.next = (r.next + 1) % r.frames
}

// bytes are the packet itself.
func (r *ring) bytes(frame []byte, h *unix.Tpacket2Hdr) []byte {
	if h.Status&unix.TP_STATUS_COPY != 0 {
		n := -1
		if err := r.conn.Control(func(fd uintptr) { n, _, _ = unix.Recvfrom(int(fd), r.large, unix.MSG_DONTWAIT) }); err == nil && n > 0 {
			return r.large[:n]
		}
	}
	at := int(h.Net)
	return frame[min(at, len(frame)):min(at+int(h.Snaplen), len(frame))]
}
