package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"
)

// sections is a pcapng file: sections of blocks, each with interfaces of its own
// (draft-ietf-opsawg-pcapng).
type sections struct {
	order binary.ByteOrder
	cards []card
	last  time.Time // of the packet before: simple packets have no time
}

// card is an interface of a section.
type card struct {
	link   Link
	snap   uint32
	perSec uint64 // units of its times in a second
	offset int64  // seconds to add to its times
}

// Kinds of blocks, draft-ietf-opsawg-pcapng 4.
const (
	blockCard     = 1
	blockSimple   = 3
	blockEnhanced = 6
)

const (
	orderMagic   = 0x1a2b3c4d
	maxCards     = 4096
	maxBlock     = maxFrame + 64<<10 // of a block that is read: a packet and its options
	maxSkipBlock = 1 << 30           // of one that is passed over
)

func (s *sections) next(t *Trace) (Frame, error) {
	for {
		head, err := t.read(8)
		if err != nil {
			return Frame{}, err
		}
		if binary.BigEndian.Uint32(head) == magicSection {
			if err := s.section(t, [4]byte(head[4:])); err != nil {
				return Frame{}, err
			}
			continue
		}
		kind, size := s.order.Uint32(head), s.order.Uint32(head[4:])
		if size < 12 || size%4 != 0 || size > maxSkipBlock {
			return Frame{}, fmt.Errorf("the file is damaged: a block has a length of %d bytes, which is not possible", size)
		}
		if kind != blockCard && kind != blockSimple && kind != blockEnhanced {
			if _, err := io.CopyN(io.Discard, t.in, int64(size)-8); err != nil {
				return Frame{}, unexpected(err)
			}
			continue
		}
		if size > maxBlock {
			return Frame{}, tooLong(size)
		}
		body, err := t.must(int(size) - 8)
		if err != nil {
			return Frame{}, err
		}
		if s.order.Uint32(body[len(body)-4:]) != size {
			return Frame{}, errors.New("the file is damaged: a block's two lengths differ")
		}
		f, ok, err := s.block(kind, body[:len(body)-4])
		if err != nil || ok {
			return f, err
		}
	}
}

// unexpected makes the end of the file within a block an end before its time.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// section begins a new section: byte order and interfaces are its own.
func (s *sections) section(t *Trace, length [4]byte) error {
	b, err := t.must(4)
	if err != nil {
		return err
	}
	switch {
	case binary.LittleEndian.Uint32(b) == orderMagic:
		s.order = binary.LittleEndian
	case binary.BigEndian.Uint32(b) == orderMagic:
		s.order = binary.BigEndian
	default:
		return errors.New("the file is damaged: a section has no byte order")
	}
	size := s.order.Uint32(length[:])
	if size < 28 || size > maxSkipBlock {
		return fmt.Errorf("the file is damaged: a header has a length of %d bytes, which is not possible", size)
	}
	s.cards = s.cards[:0]
	_, err = io.CopyN(io.Discard, t.in, int64(size)-12)
	return unexpected(err)
}

// block reads the body of one block. ok says that it is a packet.
func (s *sections) block(kind uint32, b []byte) (f Frame, ok bool, err error) {
	switch kind {
	case blockCard:
		return f, false, s.card(b)
	case blockSimple:
		f, err = s.simple(b)
	default:
		f, err = s.enhanced(b)
	}
	return f, err == nil, err
}

func (s *sections) card(b []byte) error {
	if len(b) < 8 || len(s.cards) >= maxCards {
		return errors.New("the file is damaged: the description of an interface is not valid")
	}
	c := card{link: Link(s.order.Uint16(b)), snap: s.order.Uint32(b[4:]), perSec: 1e6}
	s.options(b[8:], func(code uint16, value []byte) {
		switch {
		case code == 9 && len(value) == 1: // if_tsresol
			c.perSec = resolution(value[0])
		case code == 14 && len(value) == 8: // if_tsoffset
			c.offset = int64(s.order.Uint64(value))
		}
	})
	s.cards = append(s.cards, c)
	return nil
}

// resolution reads if_tsresol: a power of ten, or of two where the first bit is set.
func resolution(v byte) uint64 {
	if v&0x80 != 0 {
		return 1 << min(v&0x7f, 63)
	}
	n := uint64(1)
	for range min(v, 19) {
		n *= 10
	}
	return n
}

// options visits the options behind a block's fixed part. What is damaged ends them.
func (s *sections) options(b []byte, visit func(code uint16, value []byte)) {
	for len(b) >= 4 {
		code, size := s.order.Uint16(b), int(s.order.Uint16(b[2:]))
		b = b[4:]
		if code == 0 || size > len(b) {
			return
		}
		visit(code, b[:size])
		b = b[min((size+3)&^3, len(b)):]
	}
}

func (s *sections) enhanced(b []byte) (f Frame, err error) {
	if len(b) < 20 {
		return f, errors.New("the file is damaged: a packet's block is too short")
	}
	id, size := s.order.Uint32(b), s.order.Uint32(b[12:])
	if uint64(id) >= uint64(len(s.cards)) {
		return f, fmt.Errorf("the file is damaged: a packet is of interface %d, but the file does not describe an interface %d", id, id)
	}
	if size > maxFrame || int(size) > len(b)-20 {
		return f, tooLong(size)
	}
	c := s.cards[id]
	f = Frame{Link: c.link, Card: int(id) + 1, Data: b[20 : 20+size], Time: c.time(uint64(s.order.Uint32(b[4:]))<<32 | uint64(s.order.Uint32(b[8:])))}
	s.options(b[min(20+(int(size)+3)&^3, len(b)):], func(code uint16, value []byte) {
		if code == 2 && len(value) == 4 { // epb_flags
			f.Way = []Way{UnknownWay, In, Out, UnknownWay}[s.order.Uint32(value)&3]
		}
	})
	s.last = f.Time
	return f, nil
}

// time turns a block's time into ours. A date that no clock shows becomes the zero
// time's neighbour, never a panic: the numbers may be anything.
func (c card) time(units uint64) time.Time {
	sec, part := units/c.perSec, units%c.perSec
	high, low := bits.Mul64(part, uint64(time.Second))
	nano, _ := bits.Div64(high, low, c.perSec) // part < perSec: the quotient fits
	const latest = 1 << 36                     // some 2,000 years
	return time.Unix(int64(min(sec, latest))+min(max(c.offset, -latest), latest), int64(nano)).UTC()
}

// simple reads a packet of the first interface, without a time of its own.
func (s *sections) simple(b []byte) (f Frame, err error) {
	if len(b) < 4 || len(s.cards) == 0 {
		return f, errors.New("the file is damaged: a packet has no interface")
	}
	c := s.cards[0]
	size := s.order.Uint32(b)
	if c.snap != 0 {
		size = min(size, c.snap)
	}
	size = min(size, uint32(len(b)-4))
	if size > maxFrame {
		return f, tooLong(size)
	}
	return Frame{Link: c.link, Card: 1, Data: b[4 : 4+size], Time: s.last}, nil
}
