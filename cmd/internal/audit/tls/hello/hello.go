// Package hello asks a server for one version of SSL or TLS and for some ciphers, and reads
// what it answers. It has a record layer of its own, because Go's library speaks neither
// SSLv3 nor most weak ciphers. The part tls of jailctl audit calls it. No secret ever passes
// through it: it stops before keys are exchanged. It must never believe what a server sends:
// all lengths are checked and all that is read is bounded.
package hello

import (
	"encoding/binary"
	"fmt"
)

// Versions of the protocol on the wire: RFC 6101 A.1, RFC 2246, RFC 4346, RFC 5246.
const (
	SSL3  uint16 = 0x0300
	TLS10 uint16 = 0x0301
	TLS11 uint16 = 0x0302
	TLS12 uint16 = 0x0303
)

// VersionName is a version for people.
func VersionName(v uint16) string {
	switch v {
	case SSL3:
		return "SSLv3"
	case TLS10:
		return "TLS 1.0"
	case TLS11:
		return "TLS 1.1"
	case TLS12:
		return "TLS 1.2"
	case 0x0304:
		return "TLS 1.3"
	}
	return fmt.Sprintf("version 0x%04x", v)
}

// Hello is what a client asks for. The zero value asks for nothing.
type Hello struct {
	Version uint16   // the highest version
	Suites  []uint16 // the ciphers, the best first
	Name    string   // of the server, for servers with several certificates (RFC 6066 3); "": none
	Random  [32]byte // RFC 5246 7.4.1.2; no secret depends on it here
}

// Types of records and of messages: RFC 5246 6.2.1, 7.4.
const (
	recordAlert     = 21
	recordHandshake = 22

	clientHello       = 1
	serverHello       = 2
	certificate       = 11
	serverKeyExchange = 12
	serverHelloDone   = 14
)

// Record is the hello as the bytes to send.
func (h Hello) Record() []byte {
	body := binary.BigEndian.AppendUint16(nil, h.Version)
	body = append(body, h.Random[:]...)
	body = append(body, 0) // no session
	body = binary.BigEndian.AppendUint16(body, uint16(2*len(h.Suites)))
	for _, s := range h.Suites {
		body = binary.BigEndian.AppendUint16(body, s)
	}
	body = append(body, 1, 0) // no compression
	if h.Version > SSL3 {     // RFC 6101 knows no extensions
		body = appendBlock16(body, h.extensions())
	}
	message := append([]byte{clientHello, 0}, binary.BigEndian.AppendUint16(nil, uint16(len(body)))...)
	message = append(message, body...)
	record := binary.BigEndian.AppendUint16([]byte{recordHandshake}, min(h.Version, TLS10))
	return appendBlock16(record, message)
}

func appendBlock16(to, block []byte) []byte {
	return append(binary.BigEndian.AppendUint16(to, uint16(len(block))), block...)
}

// Extensions: RFC 6066 3, RFC 8422 5.1, RFC 5246 7.4.1.4.1, RFC 5746 3.4.
const (
	extensionName       = 0
	extensionGroups     = 10
	extensionPoints     = 11
	extensionSignatures = 13
	extensionRenegotiat = 0xff01
)

// groups are secp256r1, secp384r1, secp521r1 and x25519.
var groups = []uint16{23, 24, 25, 29}

// signatures are RSA (PKCS#1 and PSS), DSA and ECDSA, with SHA-2, SHA-1 and MD5: an old
// certificate must not be a reason to refuse us.
var signatures = []uint16{0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0402, 0x0203, 0x0201, 0x0202, 0x0101}

func (h Hello) extensions() (list []byte) {
	add := func(kind uint16, block []byte) {
		list = appendBlock16(binary.BigEndian.AppendUint16(list, kind), block)
	}
	if h.Name != "" {
		add(extensionName, appendBlock16(nil, appendBlock16([]byte{0}, []byte(h.Name))))
	}
	add(extensionGroups, appendBlock16(nil, numbers(groups)))
	add(extensionPoints, []byte{1, 0})
	if h.Version >= TLS12 {
		add(extensionSignatures, appendBlock16(nil, numbers(signatures)))
	}
	add(extensionRenegotiat, []byte{0})
	return list
}

func numbers(list []uint16) (text []byte) {
	for _, n := range list {
		text = binary.BigEndian.AppendUint16(text, n)
	}
	return text
}
