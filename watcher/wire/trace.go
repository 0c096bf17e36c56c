package wire

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Frame is one packet as a network card has it. Data of a trace is valid until the
// next one is read.
type Frame struct {
	Time time.Time // zero where the trace does not say: a simple packet block of pcapng
	Link Link
	Way  Way // what the capture says; a cooked frame's own header says it otherwise
	Card int // number of the network card; 0: there is one, or its number is not known
	Data []byte
}

// maxFrame is the longest packet that is read, the limit of libpcap
// (MAXIMUM_SNAPLEN). A longer one means that the file is damaged.
const maxFrame = 262_144

// ErrNotTrace is returned for bytes that do not begin like a trace.
var ErrNotTrace = errors.New("the file is not a packet trace (pcap or pcapng)")

// Magic numbers, read in network order: draft-ietf-opsawg-pcap 4,
// draft-ietf-opsawg-pcapng 4.1.
const (
	magicMicro   = 0xa1b2c3d4
	magicNano    = 0xa1b23c4d
	magicMicroLE = 0xd4c3b2a1
	magicNanoLE  = 0x4d3cb2a1
	magicSection = 0x0a0d0d0a
)

// MagicLen is how many bytes IsTrace needs.
const MagicLen = 4

// IsTrace reports whether a file that begins so is a trace, not packed.
func IsTrace(beginning []byte) bool {
	if len(beginning) < MagicLen {
		return false
	}
	switch binary.BigEndian.Uint32(beginning) {
	case magicMicro, magicNano, magicMicroLE, magicNanoLE, magicSection:
		return true
	}
	return false
}

// Trace reads packets from a file of tcpdump, sngrep or Wireshark: pcap or pcapng,
// as it is or packed by gzip. It reads as a stream, with memory for one packet. Not
// safe for concurrent use.
type Trace struct {
	in     *bufio.Reader
	format interface{ next(*Trace) (Frame, error) }
	buf    []byte
	ended  bool
}

// NewTrace reads the beginning of a trace. It does not close r. The error is ErrNotTrace,
// perhaps wrapped, if r is not a trace.
func NewTrace(r io.Reader) (*Trace, error) {
	t := &Trace{in: bufio.NewReaderSize(r, 64<<10)}
	if magic, _ := t.in.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(t.in)
		if err != nil {
			return nil, fmt.Errorf("cannot unpack the file: %w", err)
		}
		t.in = bufio.NewReaderSize(z, 64<<10)
	}
	magic, err := t.in.Peek(MagicLen)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !IsTrace(magic) {
		return nil, ErrNotTrace
	}
	if binary.BigEndian.Uint32(magic) == magicSection {
		t.format = &sections{}
		return t, nil
	}
	t.format, err = newClassic(t)
	return t, err
}

// Next returns the next packet. The error is io.EOF at the end, and at a packet
// of which only the beginning was written, as when tcpdump is stopped: Ended then
// says no.
func (t *Trace) Next() (Frame, error) {
	f, err := t.format.next(t)
	switch {
	case errors.Is(err, io.EOF):
		t.ended = true
		return Frame{}, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Frame{}, io.EOF
	}
	return f, err
}

// Ended reports whether the trace ended where a packet ends.
func (t *Trace) Ended() bool { return t.ended }

// read returns the next n bytes, valid until the next call. The error is io.EOF
// when there is not one byte more.
func (t *Trace) read(n int) ([]byte, error) {
	if cap(t.buf) < n {
		t.buf = make([]byte, max(n, 4<<10))
	}
	_, err := io.ReadFull(t.in, t.buf[:n])
	return t.buf[:n], err
}

// must returns the next n bytes, which the file promised.
func (t *Trace) must(n int) ([]byte, error) {
	b, err := t.read(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// classic is a pcap file: one header, and packets of one link.
type classic struct {
	order binary.ByteOrder
	link  Link
	unit  time.Duration // of the fraction of a second
}

func newClassic(t *Trace) (*classic, error) {
	b, err := t.must(24)
	if err != nil {
		return nil, fmt.Errorf("the trace ends before its header is complete: %w", err)
	}
	c := &classic{order: binary.LittleEndian, unit: time.Microsecond}
	switch binary.BigEndian.Uint32(b) {
	case magicMicro:
		c.order = binary.BigEndian
	case magicNano:
		c.order, c.unit = binary.BigEndian, time.Nanosecond
	case magicNanoLE:
		c.unit = time.Nanosecond
	}
	c.link = Link(c.order.Uint32(b[20:]) & 0x0fffffff) // the upper bits tell of check sums at the end of frames
	if !c.link.Known() {
		return nil, unknownLink(c.link)
	}
	return c, nil
}

func unknownLink(l Link) error {
	return fmt.Errorf("pbxjail cannot read packets of link type %d. Make the trace again with: tcpdump -i any", uint32(l))
}

func (c *classic) next(t *Trace) (Frame, error) {
	b, err := t.read(16)
	if err != nil {
		return Frame{}, err
	}
	sec, part, size := c.order.Uint32(b), c.order.Uint32(b[4:]), c.order.Uint32(b[8:])
	if size > maxFrame {
		return Frame{}, tooLong(size)
	}
	data, err := t.must(int(size))
	at := time.Unix(int64(sec), int64(part)*int64(c.unit)).UTC()
	return Frame{Time: at, Link: c.link, Data: data}, err
}

func tooLong(size uint32) error {
	return fmt.Errorf("the file is damaged: a packet has a length of %d bytes, which is not possible", size)
}
