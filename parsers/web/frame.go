package web

import "encoding/binary"

// WebSocket frames (RFC 6455 5.2).
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
)

// Unframe reads one WebSocket frame at the start of b. Its mask is taken off in room,
// which grows as needed; b is left as it is. n is the frame's length, 0 when it has
// not ended yet, -1 when its payload is longer than max. payload is empty for control
// frames; last is false when the message goes on in another frame.
func Unframe(b []byte, max int, room *[]byte) (payload []byte, last bool, n int) {
	if len(b) < 2 {
		return nil, false, 0
	}
	op, size, at := b[0]&0x0f, uint64(b[1]&0x7f), 2
	switch size {
	case 126:
		if len(b) < 4 {
			return nil, false, 0
		}
		size, at = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case 127:
		if len(b) < 10 {
			return nil, false, 0
		}
		size, at = binary.BigEndian.Uint64(b[2:]), 10
	}
	if size > uint64(max) {
		return nil, false, -1
	}
	var mask []byte
	if b[1]&0x80 != 0 {
		if len(b) < at+4 {
			return nil, false, 0
		}
		mask = b[at : at+4]
		at += 4
	}
	end := at + int(size)
	if len(b) < end {
		return nil, false, 0
	}
	payload = b[at:end]
	if mask != nil {
		*room = append((*room)[:0], payload...)
		payload = *room
		for i := range payload {
			payload[i] ^= mask[i&3]
		}
	}
	if op > opBinary {
		payload = nil
	}
	return payload, b[0]&0x80 != 0, end
}
