package tls

import (
	"bytes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/rc4"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"slices"
)

// This file speaks SSLv3 (RFC 6101), whole: hello, RSA, the keys, Finished and application
// data, with RC4 and 3DES, as a server and as a client. Libraries of today do not speak it.

const (
	rsaRC4  uint16 = 0x0005 // TLS_RSA_WITH_RC4_128_SHA
	rsa3DES uint16 = 0x000a // TLS_RSA_WITH_3DES_EDE_CBC_SHA
)

// ssl3 is one side of a connection.
type ssl3 struct {
	conn       net.Conn
	transcript []byte // all handshake messages
	read       half
	write      half
	pending    []byte
}

// half is the state of one direction; no cipher before ChangeCipherSpec.
type half struct {
	stream cipher.Stream
	block  cipher.BlockMode
	mac    []byte
	seq    uint64
}

// sum is the MAC of RFC 6101 5.2.3.1 with SHA-1.
func (h *half) sum(kind byte, text []byte) []byte {
	pad := func(b byte) []byte { return bytes.Repeat([]byte{b}, 40) }
	head := binary.BigEndian.AppendUint64(nil, h.seq)
	head = append(head, kind)
	head = binary.BigEndian.AppendUint16(head, uint16(len(text)))
	inner := sha1.New()
	for _, p := range [][]byte{h.mac, pad(0x36), head, text} {
		inner.Write(p)
	}
	outer := sha1.New()
	for _, p := range [][]byte{h.mac, pad(0x5c), inner.Sum(nil)} {
		outer.Write(p)
	}
	return outer.Sum(nil)
}

func (h *half) protected() bool { return h.stream != nil || h.block != nil }

func (s *ssl3) send(kind byte, text []byte) error {
	h := &s.write
	out := bytes.Clone(text)
	if h.protected() {
		out = append(out, h.sum(kind, text)...)
		h.seq++
		if h.block != nil {
			n := h.block.BlockSize()
			fill := n - len(out)%n
			out = append(out, bytes.Repeat([]byte{byte(fill - 1)}, fill)...)
			h.block.CryptBlocks(out, out)
		} else {
			h.stream.XORKeyStream(out, out)
		}
	}
	_, err := s.conn.Write(appendBlock([]byte{kind, 3, 0}, out))
	return err
}

func appendBlock(to, block []byte) []byte {
	return append(binary.BigEndian.AppendUint16(to, uint16(len(block))), block...)
}

func (s *ssl3) receive() (kind byte, text []byte, err error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(s.conn, head); err != nil {
		return 0, nil, err
	}
	text = make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(s.conn, text); err != nil {
		return 0, nil, err
	}
	h := &s.read
	if h.protected() {
		if h.block != nil {
			h.block.CryptBlocks(text, text)
			text = text[:len(text)-1-int(text[len(text)-1])]
		} else {
			h.stream.XORKeyStream(text, text)
		}
		at := len(text) - sha1.Size
		if at < 0 || !hmac.Equal(h.sum(head[0], text[:at]), text[at:]) {
			return 0, nil, errors.New("ssl3: wrong MAC")
		}
		text = text[:at]
		h.seq++
	}
	if head[0] == 21 {
		return 0, nil, fmt.Errorf("ssl3: alert % x", text)
	}
	return head[0], text, nil
}

// handshake sends a handshake message.
func (s *ssl3) handshake(kind byte, body []byte) error {
	message := append([]byte{kind, 0}, appendBlock(nil, body)...)
	s.transcript = append(s.transcript, message...)
	return s.send(22, message)
}

// expect receives the next handshake message.
func (s *ssl3) expect(kind byte) ([]byte, error) {
	for len(s.pending) < 4 || len(s.pending) < 4+int(binary.BigEndian.Uint16(s.pending[2:])) {
		record, text, err := s.receive()
		if err != nil {
			return nil, err
		}
		if record != 22 {
			return nil, fmt.Errorf("ssl3: record %d in the handshake", record)
		}
		s.pending = append(s.pending, text...)
	}
	n := 4 + int(binary.BigEndian.Uint16(s.pending[2:]))
	message := s.pending[:n]
	s.pending = s.pending[n:]
	if message[0] != kind {
		return nil, fmt.Errorf("ssl3: message %d, not %d", message[0], kind)
	}
	s.transcript = append(s.transcript, message...)
	return message[4:], nil
}

// derive is the function of RFC 6101 6.1 and 6.2.2.
func derive(secret, first, second []byte, length int) (out []byte) {
	for i := 0; len(out) < length; i++ {
		inner := sha1.New()
		inner.Write(bytes.Repeat([]byte{byte('A' + i)}, i+1))
		for _, p := range [][]byte{secret, first, second} {
			inner.Write(p)
		}
		outer := md5.New()
		outer.Write(secret)
		outer.Write(inner.Sum(nil))
		out = outer.Sum(out)
	}
	return out[:length]
}

// finished is the text of RFC 6101 5.6.9.
func finished(transcript, master []byte, sender string) (out []byte) {
	for _, one := range []struct {
		make func() hash.Hash
		pad  int
	}{{md5.New, 48}, {sha1.New, 40}} {
		inner := one.make()
		for _, p := range [][]byte{transcript, []byte(sender), master, bytes.Repeat([]byte{0x36}, one.pad)} {
			inner.Write(p)
		}
		outer := one.make()
		for _, p := range [][]byte{master, bytes.Repeat([]byte{0x5c}, one.pad), inner.Sum(nil)} {
			outer.Write(p)
		}
		out = outer.Sum(out)
	}
	return out
}

// halves are the two directions, the client's first.
func halves(suite uint16, master, client, server []byte) (c, s half, read half, readS half) {
	keyLen, ivLen := 16, 0
	if suite == rsa3DES {
		keyLen, ivLen = 24, 8
	}
	block := derive(master, server, client, 2*(sha1.Size+keyLen+ivLen))
	take := func(n int) []byte { p := block[:n]; block = block[n:]; return p }
	macC, macS, keyC, keyS, ivC, ivS := take(sha1.Size), take(sha1.Size), take(keyLen), take(keyLen), take(ivLen), take(ivLen)
	direction := func(mac, key, iv []byte, decrypts bool) half {
		if suite == rsaRC4 {
			stream, err := rc4.NewCipher(key)
			if err != nil {
				panic(err)
			}
			return half{stream: stream, mac: mac}
		}
		b, err := des.NewTripleDESCipher(key)
		if err != nil {
			panic(err)
		}
		if decrypts {
			return half{block: cipher.NewCBCDecrypter(b, iv), mac: mac}
		}
		return half{block: cipher.NewCBCEncrypter(b, iv), mac: mac}
	}
	return direction(macC, keyC, ivC, false), direction(macS, keyS, ivS, false), direction(macC, keyC, ivC, true), direction(macS, keyS, ivS, true)
}

// ssl3Server is a server of SSLv3 that echoes.
type ssl3Server struct {
	key    *rsa.PrivateKey
	cert   []byte
	suites []uint16 // it takes the first of these that the client offers
}

func (v ssl3Server) serve(conn net.Conn) error {
	s := &ssl3{conn: conn}
	hello, err := s.expect(1)
	if err != nil {
		return err
	}
	version, client := binary.BigEndian.Uint16(hello), hello[2:34]
	rest := hello[35+int(hello[34]):]
	var offered []uint16
	for i := 2; i < 2+int(binary.BigEndian.Uint16(rest)); i += 2 {
		offered = append(offered, binary.BigEndian.Uint16(rest[i:]))
	}
	at := slices.IndexFunc(v.suites, func(id uint16) bool { return slices.Contains(offered, id) })
	if at < 0 || version < 0x0300 {
		s.send(21, []byte{2, 40})
		return errors.New("ssl3: no common cipher")
	}
	server := make([]byte, 32)
	rand.Read(server)
	answer := append([]byte{3, 0}, server...)
	answer = append(answer, 0, byte(v.suites[at]>>8), byte(v.suites[at]), 0)
	list := append([]byte{0}, appendBlock(nil, v.cert)...)
	for _, m := range []struct {
		kind byte
		body []byte
	}{{2, answer}, {11, append([]byte{0}, appendBlock(nil, list)...)}, {14, nil}} {
		if err := s.handshake(m.kind, m.body); err != nil {
			return err
		}
	}
	exchange, err := s.expect(16)
	if err != nil {
		return err
	}
	//lint:ignore SA1019 SSLv3 has nothing else
	premaster, err := rsa.DecryptPKCS1v15(nil, v.key, exchange)
	if err != nil || len(premaster) != 48 {
		return fmt.Errorf("ssl3: premaster secret: %v", err)
	}
	master := derive(premaster, client, server, 48)
	_, write, read, _ := halves(v.suites[at], master, client, server)
	if kind, _, err := s.receive(); err != nil || kind != 20 {
		return fmt.Errorf("ssl3: no ChangeCipherSpec: %v", err)
	}
	s.read = read
	want := finished(s.transcript, master, "CLNT")
	got, err := s.expect(20)
	if err != nil || !bytes.Equal(got, want) {
		return fmt.Errorf("ssl3: wrong Finished of the client: %v", err)
	}
	if err := s.send(20, []byte{1}); err != nil {
		return err
	}
	s.write = write
	if err := s.handshake(20, finished(s.transcript, master, "SRVR")); err != nil {
		return err
	}
	kind, text, err := s.receive()
	if err != nil || kind != 23 {
		return fmt.Errorf("ssl3: no application data: %v", err)
	}
	return s.send(23, text)
}

// ssl3Echo is a client of SSLv3: it sends a text and returns what comes back.
func ssl3Echo(conn net.Conn, suite uint16, public *rsa.PublicKey, text string) (string, error) {
	s := &ssl3{conn: conn}
	client := make([]byte, 32)
	rand.Read(client)
	hello := append([]byte{3, 0}, client...)
	hello = append(hello, 0, 0, 2, byte(suite>>8), byte(suite), 1, 0)
	if err := s.handshake(1, hello); err != nil {
		return "", err
	}
	answer, err := s.expect(2)
	if err != nil {
		return "", err
	}
	server := answer[2:34]
	for _, kind := range []byte{11, 14} {
		if _, err := s.expect(kind); err != nil {
			return "", err
		}
	}
	premaster := make([]byte, 48)
	rand.Read(premaster)
	premaster[0], premaster[1] = 3, 0
	//lint:ignore SA1019 SSLv3 has nothing else
	sealed, err := rsa.EncryptPKCS1v15(rand.Reader, public, premaster)
	if err != nil {
		return "", err
	}
	if err := s.handshake(16, sealed); err != nil {
		return "", err
	}
	master := derive(premaster, client, server, 48)
	write, _, _, read := halves(suite, master, client, server)
	if err := s.send(20, []byte{1}); err != nil {
		return "", err
	}
	s.write = write
	if err := s.handshake(20, finished(s.transcript, master, "CLNT")); err != nil {
		return "", err
	}
	if kind, _, err := s.receive(); err != nil || kind != 20 {
		return "", fmt.Errorf("ssl3: no ChangeCipherSpec: %v", err)
	}
	s.read = read
	want := finished(s.transcript, master, "SRVR")
	if got, err := s.expect(20); err != nil || !bytes.Equal(got, want) {
		return "", fmt.Errorf("ssl3: wrong Finished of the server: %v", err)
	}
	if err := s.send(23, []byte(text)); err != nil {
		return "", err
	}
	_, back, err := s.receive()
	return string(back), err
}
