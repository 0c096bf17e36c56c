package wire

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// pcap writes a file of pcap.
func pcap(order binary.AppendByteOrder, magic uint32, link Link, unit time.Duration, frames ...Frame) []byte {
	b := order.AppendUint32(nil, magic)
	b = append(b, make([]byte, 12)...)
	b = order.AppendUint32(b, maxFrame)
	b = order.AppendUint32(b, uint32(link))
	for _, f := range frames {
		b = order.AppendUint32(b, uint32(f.Time.Unix()))
		b = order.AppendUint32(b, uint32(f.Time.Nanosecond()/int(unit)))
		b = order.AppendUint32(b, uint32(len(f.Data)))
		b = order.AppendUint32(b, uint32(len(f.Data)))
		b = append(b, f.Data...)
	}
	return b
}

// block writes a block of pcapng.
func block(order binary.AppendByteOrder, kind uint32, body []byte) []byte {
	for len(body)%4 != 0 {
		body = append(body, 0)
	}
	b := order.AppendUint32(nil, kind)
	b = order.AppendUint32(b, uint32(len(body)+12))
	b = append(b, body...)
	return order.AppendUint32(b, uint32(len(body)+12))
}

func section(order binary.AppendByteOrder) []byte {
	b := order.AppendUint32(nil, orderMagic)
	return block(order, magicSection, append(b, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255))
}

// describe describes an interface; resolution and offset are options.
func describe(order binary.AppendByteOrder, link Link, resolution byte, offset int64) []byte {
	b := order.AppendUint16(nil, uint16(link))
	b = append(b, 0, 0, 0, 0, 0, 0)
	b = order.AppendUint16(b, 9)
	b = order.AppendUint16(b, 1)
	b = append(b, resolution, 0, 0, 0)
	b = order.AppendUint16(b, 14)
	b = order.AppendUint16(b, 8)
	b = order.AppendUint64(b, uint64(offset))
	return block(order, blockCard, append(b, 0, 0, 0, 0))
}

func enhanced(order binary.AppendByteOrder, id uint32, units uint64, flags uint32, data []byte) []byte {
	b := order.AppendUint32(nil, id)
	b = order.AppendUint32(b, uint32(units>>32))
	b = order.AppendUint32(b, uint32(units))
	b = order.AppendUint32(b, uint32(len(data)))
	b = order.AppendUint32(b, uint32(len(data)))
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	b = order.AppendUint32(b, flags)
	return block(order, blockEnhanced, append(b, 0, 0, 0, 0))
}

func simple(order binary.AppendByteOrder, data []byte) []byte {
	return block(order, blockSimple, append(order.AppendUint32(nil, uint32(len(data))), data...))
}

func packed(b []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(b)
	w.Close()
	return z.Bytes()
}

// readAll reads a trace to its end.
func readAll(b []byte) (list []Frame, t *Trace, err error) {
	t, err = NewTrace(bytes.NewReader(b))
	for err == nil {
		var f Frame
		if f, err = t.Next(); err == nil {
			f.Data = slices.Clone(f.Data)
			list = append(list, f)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return list, t, err
}

func TestTrace(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	at := noon.Add(123456 * time.Microsecond)
	fine := noon.Add(123456789 * time.Nanosecond)
	one, two := []byte("first"), []byte("the second")
	classic := func(at time.Time) []Frame {
		return []Frame{{Time: at, Link: LinkEthernet, Data: one}, {Time: at, Link: LinkEthernet, Data: two}}
	}
	micros := uint64(at.UnixMicro())
	halves := uint64(noon.Unix()) << 1 // resolution of a half of a second
	sectioned := slices.Concat(section(le), describe(le, LinkEthernet, 6, 0), block(le, 0xbad, []byte("unknown")), enhanced(le, 0, micros, 1, one),
		section(be), describe(be, LinkRaw, 9, 0), describe(be, LinkCooked, 0x81, 3600), enhanced(be, 1, halves, 2, two), simple(be, one))
	wantTwo := []Frame{
		{Time: at, Link: LinkEthernet, Way: In, Data: one},
		{Time: noon.Add(time.Hour), Link: LinkCooked, Way: Out, Data: two},
		{Time: noon.Add(time.Hour), Link: LinkRaw, Data: one},
	}
	for _, c := range []struct {
		name string
		file []byte
		want []Frame
	}{
		{"pcap, little endian", pcap(le, magicMicro, LinkEthernet, time.Microsecond, classic(at)...), classic(at)},
		{"pcap, big endian", pcap(be, magicMicro, LinkEthernet, time.Microsecond, classic(at)...), classic(at)},
		{"pcap, nanoseconds, little endian", pcap(le, magicNano, LinkEthernet, time.Nanosecond, classic(fine)...), classic(fine)},
		{"pcap, nanoseconds, big endian", pcap(be, magicNano, LinkEthernet, time.Nanosecond, classic(fine)...), classic(fine)},
		{"pcap without packets", pcap(le, magicMicro, LinkEthernet, time.Microsecond), nil},
		{"pcapng, two sections", sectioned, wantTwo},
		{"pcap, gzip", packed(pcap(le, magicMicro, LinkEthernet, time.Microsecond, classic(at)...)), classic(at)},
		{"pcapng, gzip", packed(sectioned), wantTwo},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, trace, err := readAll(c.file)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(list, c.want, func(a, b Frame) bool {
				return a.Time.Equal(b.Time) && a.Link == b.Link && a.Way == b.Way && bytes.Equal(a.Data, b.Data)
			}) {
				t.Errorf("got  %v\nwant %v", list, c.want)
			}
			if !trace.Ended() {
				t.Error("the trace is said to end in the middle of a packet")
			}
		})
	}
}

func TestTraceThatWasCut(t *testing.T) {
	whole := pcap(binary.LittleEndian, magicMicro, LinkRaw, time.Microsecond, Frame{Time: noon, Data: []byte("first")}, Frame{Time: noon, Data: []byte("second")})
	for _, off := range []int{1, 6, 10, 21} {
		list, trace, err := readAll(whole[:len(whole)-off])
		if err != nil || len(list) != 1 || trace.Ended() {
			t.Errorf("without %d bytes: got %d packets, ended %t, %v; want 1, false, nil", off, len(list), trace.Ended(), err)
		}
	}
	ng := slices.Concat(section(binary.LittleEndian), describe(binary.LittleEndian, LinkRaw, 6, 0), block(binary.LittleEndian, 77, make([]byte, 100)))
	if _, trace, err := readAll(ng[:len(ng)-50]); err != nil || trace.Ended() {
		t.Errorf("pcapng: got ended %t, %v; want false, nil", trace.Ended(), err)
	}
}

func TestDamagedTrace(t *testing.T) {
	le := binary.LittleEndian
	long := pcap(le, magicMicro, LinkRaw, time.Microsecond, Frame{Time: noon, Data: []byte("x")})
	le.PutUint32(long[32:], maxFrame+1)
	head := slices.Concat(section(le), describe(le, LinkRaw, 6, 0))
	differ := enhanced(le, 0, 0, 0, []byte("data"))
	differ[len(differ)-4]++
	for _, c := range []struct {
		name, says string
		file       []byte
	}{
		{"text", ErrNotTrace.Error(), []byte("[Jan  2 12:00:00] NOTICE[1] chan_sip.c: text")},
		{"nothing", ErrNotTrace.Error(), nil},
		{"a packet too long", "a length of 262145 bytes", long},
		{"a link of its own", "link type 147", pcap(le, magicMicro, 147, time.Microsecond)},
		{"an interface not described", "interface 3", append(slices.Clone(head), enhanced(le, 3, 0, 0, []byte("x"))...)},
		{"a packet before any interface", "has no interface", append(section(le), simple(le, []byte("x"))...)},
		{"two lengths", "lengths differ", append(slices.Clone(head), differ...)},
		{"a block without end", "a length of 4294967292 bytes", append(slices.Clone(head), 9, 0, 0, 0, 0xfc, 0xff, 0xff, 0xff)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := readAll(c.file); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}
