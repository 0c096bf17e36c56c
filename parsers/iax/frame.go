package iax

import "encoding/binary"

// Frame is one full frame of IAX2 (RFC 5456 8.1.1) with the information elements that
// tell who asks for what. The slices are parts of the bytes given to Read.
type Frame struct {
	Source   uint16 // the sender's number of the call
	Dest     uint16 // the receiver's; 0 when the sender does not know it yet
	Retry    bool
	Sequence uint8
	Type     uint8 // 6 is a control frame of IAX itself
	Subclass Subclass
	User     []byte
	Number   []byte // that is called
	Nonce    []byte // the challenge
	Answer   []byte // to the challenge, or a password as it is: compare it, never keep it
	Cause    []byte // of a refusal, in words
	Token    []byte // the call token; empty when the sender can do that but has none
	HasToken bool
}

// Subclass is what a control frame says (RFC 5456 8.4).
type Subclass uint8

const (
	New       Subclass = 0x01
	Ack       Subclass = 0x04
	Hangup    Subclass = 0x05
	Reject    Subclass = 0x06
	Accept    Subclass = 0x07
	AuthReq   Subclass = 0x08
	AuthRep   Subclass = 0x09
	Inval     Subclass = 0x0a
	RegReq    Subclass = 0x0d
	RegAuth   Subclass = 0x0e
	RegAck    Subclass = 0x0f
	RegRej    Subclass = 0x10
	RegRel    Subclass = 0x11
	CallToken Subclass = 0x28
)

// Kind says what a datagram is.
type Kind uint8

const (
	Media   Kind = iota // a mini, meta or media frame: nothing to read
	Control             // a full frame of IAX itself
	Broken              // a full frame that is cut, or whose elements are
)

const (
	headerLen   = 12
	typeControl = 6
)

// Read reads one datagram.
func Read(b []byte, f *Frame) Kind {
	*f = Frame{}
	if len(b) < 4 {
		return Broken
	}
	if b[0]&0x80 == 0 {
		return Media
	}
	if len(b) < headerLen {
		return Broken
	}
	f.Source = binary.BigEndian.Uint16(b) &^ 0x8000
	dest := binary.BigEndian.Uint16(b[2:])
	f.Dest, f.Retry = dest&^0x8000, dest&0x8000 != 0
	f.Sequence = b[8]
	f.Type, f.Subclass = b[10], Subclass(b[11])
	if f.Type != typeControl {
		return Media
	}
	if !f.elements(b[headerLen:]) {
		return Broken
	}
	return Control
}

// The information elements that are read (RFC 5456 8.6).
const (
	ieCalledNumber = 0x01
	ieUsername     = 0x06
	iePassword     = 0x07
	ieChallenge    = 0x0f
	ieMD5          = 0x10
	ieRSA          = 0x11
	ieCause        = 0x16
	ieCallToken    = 0x36
)

func (f *Frame) elements(b []byte) bool {
	for len(b) > 0 {
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return false
		}
		value := b[2 : 2+int(b[1])]
		switch b[0] {
		case ieCalledNumber:
			f.Number = value
		case ieUsername:
			f.User = value
		case iePassword, ieMD5, ieRSA:
			f.Answer = value
		case ieChallenge:
			f.Nonce = value
		case ieCause:
			f.Cause = value
		case ieCallToken:
			f.Token, f.HasToken = value, true
		}
		b = b[2+int(b[1]):]
	}
	return true
}
