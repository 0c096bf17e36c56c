package sip

import "bytes"

// Frame looks for one message at the start of a stream of bytes (RFC 3261 18.3).
// skip is how many bytes in front of it are keep-alives; need is how long the message
// is with its body, 0 when its head has not ended yet. A message without a length that
// can be read has no body.
func Frame(b []byte, m *Message) (skip, need int) {
	for skip < len(b) && (b[skip] == '\r' || b[skip] == '\n' || b[skip] == 0) {
		skip++
	}
	if skip == len(b) {
		return skip, 0
	}
	Read(b[skip:], m)
	if !m.Whole || m.Problem == NotSIP && bytes.IndexByte(b[skip:], '\n') < 0 {
		return skip, 0
	}
	return skip, m.Head + max(m.Length, 0)
}

// KeepAlive reports whether a datagram is what a client sends to keep a way through a
// NAT open, and no message: line ends and zeros, a few bytes of anything, STUN
// (RFC 5626 3.5.1, RFC 5389 6).
func KeepAlive(b []byte) bool {
	const few = 8
	if len(b) <= few || len(trim(bytes.Trim(b, "\x00"))) == 0 {
		return true
	}
	if len(b) >= 20 && b[0]&0xc0 == 0 && bytes.Equal(b[4:8], []byte{0x21, 0x12, 0xa4, 0x42}) {
		return true
	}
	return false
}
