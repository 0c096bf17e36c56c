package hello

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Answer is what a server sent.
type Answer struct {
	Accepted     bool   // it chose a version and a cipher
	Version      uint16 // that it chose
	Suite        uint16
	Refused      bool     // it sent an alert, or closed the connection, before it chose
	Alert        uint8    // RFC 5246 7.2; 0 where it only closed the connection
	Certificates [][]byte // DER, its own one first; none in TLS 1.3, where they are encrypted
}

// Bounds of what is read from a server.
const (
	maxRecord       = 1<<14 + 2048 // RFC 5246 6.2.3
	maxAll          = 128 << 10
	maxCertificates = 10
)

// ErrNotTLS says that the server speaks something else.
var ErrNotTLS = errors.New("the server does not speak SSL or TLS")

var errMalformed = errors.New("the answer of the server is not a valid handshake")

// Read reads the answer of a server to a hello, to the end of its certificates. r should
// have a deadline. A server that refuses is no error.
func Read(r io.Reader) (a Answer, err error) {
	s := stream{from: io.LimitReader(r, maxAll)}
	for {
		kind, body, err := s.message()
		switch {
		case errors.Is(err, errAlert):
			a.Refused, a.Alert = !a.Accepted, s.alert
			return a, nil
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			if !a.Accepted && s.records == 0 && s.got > 0 {
				return a, ErrNotTLS
			}
			a.Refused = !a.Accepted
			return a, nil
		case err != nil && a.Accepted: // what we asked for is known
			return a, nil
		case err != nil:
			return a, err
		case kind == serverHello && !a.Accepted:
			if a.Version, a.Suite, err = readServerHello(body); err != nil {
				return a, err
			}
			a.Accepted = true
		case kind == certificate && a.Accepted && a.Certificates == nil:
			if a.Certificates, err = readCertificates(body); err != nil {
				a.Certificates = nil
			}
			return a, nil
		case kind == serverKeyExchange && a.Accepted, kind == serverHelloDone && a.Accepted:
			return a, nil // it has no certificate
		default:
			return a, errMalformed
		}
	}
}

var errAlert = errors.New("alert")

// stream takes handshake messages out of records.
type stream struct {
	from    io.Reader
	buffer  []byte // bytes of messages that are not taken yet
	records int
	got     int // bytes of the first header
	alert   uint8
}

// message is the next message: its type and its body.
func (s *stream) message() (kind uint8, body []byte, err error) {
	for {
		if len(s.buffer) >= 4 {
			n := int(s.buffer[1])<<16 | int(binary.BigEndian.Uint16(s.buffer[2:]))
			if n > maxAll {
				return 0, nil, errMalformed
			}
			if len(s.buffer) >= 4+n {
				kind, body = s.buffer[0], s.buffer[4:4+n]
				s.buffer = s.buffer[4+n:]
				return kind, body, nil
			}
		}
		if err := s.record(); err != nil {
			return 0, nil, err
		}
	}
}

// record reads one more record.
func (s *stream) record() error {
	var head [5]byte
	n, err := io.ReadFull(s.from, head[:])
	if s.records == 0 {
		s.got = n
	}
	if n > 0 && (head[0] != recordAlert && head[0] != recordHandshake && head[0] != 20 && head[0] != 23 || n > 1 && head[1] != 3) {
		if s.records == 0 {
			return ErrNotTLS
		}
		return errMalformed
	}
	if err != nil {
		return err
	}
	length := int(binary.BigEndian.Uint16(head[3:]))
	if length == 0 || length > maxRecord {
		return errMalformed
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(s.from, body); err != nil {
		return err
	}
	s.records++
	switch head[0] {
	case recordHandshake:
		s.buffer = append(s.buffer, body...)
		return nil
	case recordAlert:
		if length == 2 {
			if s.alert = body[1]; body[0] == 1 && s.alert != 0 { // a warning, such as unrecognized_name
				return nil
			}
			return errAlert
		}
	}
	return errMalformed
}

// readServerHello reads RFC 5246 7.4.1.3.
func readServerHello(body []byte) (version, suite uint16, err error) {
	if len(body) < 2+32+1 {
		return 0, 0, errMalformed
	}
	version = binary.BigEndian.Uint16(body)
	session := int(body[34])
	if version>>8 != 3 || session > 32 || len(body) < 35+session+3 {
		return 0, 0, errMalformed
	}
	return version, binary.BigEndian.Uint16(body[35+session:]), nil
}

// readCertificates reads RFC 5246 7.4.2.
func readCertificates(body []byte) (list [][]byte, err error) {
	next := func() ([]byte, error) {
		if len(body) < 3 {
			return nil, errMalformed
		}
		n := int(body[0])<<16 | int(binary.BigEndian.Uint16(body[1:]))
		if len(body) < 3+n {
			return nil, errMalformed
		}
		one := body[3 : 3+n]
		body = body[3+n:]
		return one, nil
	}
	if body, err = next(); err != nil {
		return nil, err
	}
	for len(body) > 0 && len(list) < maxCertificates {
		one, err := next()
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(list)+1, err)
		}
		list = append(list, one)
	}
	return list, nil
}
