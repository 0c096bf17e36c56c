package lab

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// Subclasses of IAX2 control frames, and information elements (RFC 5456, 8.4, 8.6).
const (
	iaxNew, iaxAck, iaxAccept, iaxHangup, iaxReject        = 1, 4, 7, 5, 6
	iaxAuthReq, iaxAuthRep                                 = 8, 9
	iaxRegReq, iaxRegAuth, iaxRegAck, iaxRegRej            = 13, 14, 15, 16
	iaxCallToken                                           = 40
	ieCalled, ieUser, ieCapability, ieFormat               = 1, 6, 8, 9
	ieCallerNumber, ieCallerName                           = 2, 4
	ieVersion, ieChallenge, ieMD5, ieRefresh               = 11, 15, 16, 19
	ieCallToken                                            = 54
	iaxTries                                               = 3
	iaxFullHeader                                          = 12
	iaxFull                                         uint16 = 0x8000
)

type iaxFrame struct {
	subclass byte
	call     uint16 // the number that the PBX gave the call
	elements map[byte]string
}

// iaxLine is one IAX2 socket, and its end of a call.
type iaxLine struct {
	conn net.Conn
	call uint16
}

// ErrSilent means that the PBX answered nothing.
var ErrSilent = errors.New("no answer")

// IAXRegister registers a user over IAX2 and tells whether the PBX took it.
func (n *Net) IAXRegister(ctx context.Context, from netip.Addr, user, password string) (bool, error) {
	elements := element(ieUser, user) + element(ieRefresh, "\x00\x3c")
	return n.iax(ctx, from, elements, password, iaxRegReq, iaxRegReq, iaxRegAck)
}

// IAXCall calls a number over IAX2, hangs up, and tells whether the PBX took it.
func (n *Net) IAXCall(ctx context.Context, from netip.Addr, user, password, number string) (bool, error) {
	elements := element(ieVersion, "\x00\x02") + element(ieCalled, number)
	if user != "" {
		elements += element(ieUser, user)
	}
	elements += element(ieCapability, "\x00\x00\x00\x04") + element(ieFormat, "\x00\x00\x00\x04")
	return n.iax(ctx, from, elements, password, iaxNew, iaxAuthRep, iaxAccept)
}

// IAXGuest is a call without an account: each text goes into the packet as it is, up to 255
// bytes of it.
type IAXGuest struct{ Called, Number, Name string }

// IAXGuestCall calls over IAX2 without an account, and returns when the PBX hangs up, or after
// a second. It tells whether the PBX took the call.
func (n *Net) IAXGuestCall(ctx context.Context, from netip.Addr, g IAXGuest) (bool, error) {
	conn, err := n.Dial(ctx, "udp", from, IAXPort)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	elements := element(ieVersion, "\x00\x02") + element(ieCalled, g.Called) + element(ieCallerNumber, g.Number) + element(ieCallerName, g.Name) +
		element(ieCapability, "\x00\x00\x00\x04") + element(ieFormat, "\x00\x00\x00\x04")
	line := iaxLine{conn, uint16(2 + rand.IntN(30000))}
	token := line.exchange(iaxNew, elements+element(ieCallToken, ""), iaxFrame{})
	if token.subclass == 0 {
		return false, ErrSilent
	}
	line.call++ // the token is for a call of its own
	answer := line.exchange(iaxNew, elements+element(ieCallToken, token.elements[ieCallToken]), iaxFrame{})
	if answer.subclass != iaxAccept {
		return false, nil
	}
	line.send(iaxAck, "", answer, false) // the dialplan begins when it comes
	conn.SetReadDeadline(time.Now().Add(time.Second))
	packet := make([]byte, 4096)
	for {
		size, err := conn.Read(packet)
		if err != nil {
			return true, nil
		}
		if f, ok := readFrame(packet[:size]); ok && f.subclass == iaxHangup {
			return true, nil
		}
	}
}

// iax fetches a call token, asks, and answers a challenge.
func (n *Net) iax(ctx context.Context, from netip.Addr, elements, password string, ask, reply, yes byte) (bool, error) {
	conn, err := n.Dial(ctx, "udp", from, IAXPort)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	line := iaxLine{conn, uint16(2 + rand.IntN(30000))}
	token := line.exchange(ask, elements+element(ieCallToken, ""), iaxFrame{})
	if token.subclass == 0 {
		return false, ErrSilent
	}
	line.call++ // the token is for a call of its own
	answer := line.exchange(ask, elements+element(ieCallToken, token.elements[ieCallToken]), iaxFrame{})
	if answer.subclass == iaxRegAuth || answer.subclass == iaxAuthReq {
		digest := md5.Sum([]byte(answer.elements[ieChallenge] + password))
		proof := element(ieMD5, hex.EncodeToString(digest[:]))
		if ask == iaxRegReq {
			proof = elements + proof
		}
		answer = line.exchange(reply, proof, answer)
	}
	if answer.subclass == iaxAccept {
		line.send(iaxHangup, "", answer, false)
	}
	return answer.subclass == yes, nil
}

// exchange sends a frame, again when nothing comes, and returns the next one of
// the PBX that says something. The zero frame: none came.
func (l iaxLine) exchange(subclass byte, elements string, to iaxFrame) iaxFrame {
	packet := make([]byte, 4096)
	for try := range iaxTries {
		l.send(subclass, elements, to, try > 0)
		l.conn.SetReadDeadline(time.Now().Add(retransmit))
		for {
			n, err := l.conn.Read(packet)
			if err != nil {
				break
			}
			if f, ok := readFrame(packet[:n]); ok {
				return f
			}
		}
	}
	return iaxFrame{}
}

// send sends a frame that answers another, or the zero frame. Whether it arrives
// is seen by what comes back.
func (l iaxLine) send(subclass byte, elements string, to iaxFrame, again bool) {
	if again {
		to.call |= iaxFull // the bit that says so
	}
	frame := binary.BigEndian.AppendUint16(nil, iaxFull|l.call)
	frame = binary.BigEndian.AppendUint16(frame, to.call)
	frame = binary.BigEndian.AppendUint32(frame, 3)
	sequence := byte(0)
	if to.elements != nil {
		sequence = 1
	}
	l.conn.Write(append(append(frame, sequence, sequence, 6, subclass), elements...))
}

// readFrame reads a frame that answers something; acknowledgements do not.
func readFrame(packet []byte) (f iaxFrame, ok bool) {
	if len(packet) < iaxFullHeader || packet[0]&0x80 == 0 {
		return f, false
	}
	f = iaxFrame{subclass: packet[11], call: binary.BigEndian.Uint16(packet) &^ iaxFull, elements: map[byte]string{}}
	for rest := packet[iaxFullHeader:]; len(rest) >= 2 && len(rest) >= 2+int(rest[1]); rest = rest[2+int(rest[1]):] {
		f.elements[rest[0]] = string(rest[2 : 2+int(rest[1])])
	}
	switch f.subclass {
	case iaxCallToken, iaxRegAuth, iaxRegAck, iaxRegRej, iaxAuthReq, iaxAccept, iaxReject, iaxHangup:
		return f, true
	}
	return f, false
}

func element(kind byte, value string) string {
	value = value[:min(len(value), 255)]
	return string([]byte{kind, byte(len(value))}) + value
}
