package manager

import (
	"bytes"
	"strconv"

	"pbxjail/parsers"
)

// CallKind is what happened to a call. The zero value is nothing.
type CallKind uint8

const (
	NoCall     CallKind = iota
	NewChannel          // a call begins: an account calls, or Asterisk calls one
	DialBegin           // Asterisk calls somebody for a channel
	DialEnd             // that was answered, refused or given up
	Hangup              // a channel ended
	CDR                 // the record of a call that is over
)

var callKinds = map[string]CallKind{"Newchannel": NewChannel, "DialBegin": DialBegin, "DialEnd": DialEnd, "Hangup": Hangup, "Cdr": CDR}

// Call is one event of a call. Its texts are parts of the packet, at most 256 bytes of each:
// keep a copy with Text.Clone. Caller and Number are the caller's own words.
//
// Doubtful says that the caller has written line ends into the event. No phone does that by
// itself. Then only Kind, Channel, Account, Unique, Linked, Dialled and Status are Asterisk's, and
// of a CDR only Unique. The number may be hidden or forged. Dest is empty: a caller can write
// lines before and after the true one, and Dest may excuse a call. Channel is empty where it does
// not come before all that a caller writes. So a doubtful dial counts for the account whose channel
// it is, or for none. A caller who writes line ends into what is dialled hides a part of Dialled,
// but no trunk takes such a number.
type Call struct {
	Kind     CallKind
	Doubtful bool
	Channel  parsers.Text // Asterisk's name: PJSIP/1001-0000002a. Hangup takes it. Empty where no channel calls
	Service  parsers.Service
	Account  parsers.Text // the endpoint or peer in the name of Channel
	Unique   parsers.Text // Uniqueid of Channel
	Linked   parsers.Text // Linkedid: the same for all channels of one call
	Caller   parsers.Text // CallerIDNum; of a CDR Source
	Number   parsers.Text // what was dialled: Exten, of a CDR Destination
	Context  parsers.Text // where in the dialplan; of a CDR DestinationContext
	Code     parsers.Text // AccountCode
	Dest     parsers.Text // of Dial and CDR: the channel that is called
	Dialled  parsers.Text // of DialBegin: what the dialplan gave to Dial
	Status   parsers.Text // of DialEnd: ANSWER, BUSY, ...; of a CDR Disposition
	Cause    uint16       // of Hangup: the cause of Q.850
	Seconds  uint32       // of a CDR: from its begin to its end
	Billed   uint32       // of a CDR: from the answer to its end
}

// Call fills c from a packet that Read took apart, and reports whether it is about a call.
func (m *Message) Call(c *Call) bool {
	kind := callKinds[m.Event()]
	if kind == NoCall {
		return false
	}
	*c = Call{Kind: kind, Caller: text(m.value("CallerIDNum")), Number: text(m.value("Exten")), Context: text(m.value("Context")), Code: text(m.value("AccountCode"))}
	// Channel comes before all that a caller writes, these two after it
	// (asterisk:main/manager_channels.c, ast_manager_build_channel_state_string_prefix). A dial
	// without a calling channel has no line Channel of its own.
	channel := m.first("Channel")
	m.doubt = m.doubt || m.repeats() || kind != CDR && channel == nil && m.value("Channel") != nil
	c.Unique, c.Linked = text(m.last("Uniqueid")), text(m.last("Linkedid"))
	switch kind {
	case DialBegin:
		c.Dialled = text(m.last("DialString"))
		c.Dest = text(m.value("DestChannel"))
	case DialEnd:
		c.Status = text(m.last("DialStatus"))
		c.Dest = text(m.value("DestChannel"))
	case Hangup:
		c.Cause = uint16(number(m.last("Cause"), 1<<16-1))
	case CDR:
		channel = m.cdr(c)
	}
	c.Doubtful = m.doubt || len(channel) > maxText
	if c.Doubtful {
		c.Dest = parsers.Text{}
	}
	if kind == CDR && c.Doubtful {
		channel = nil // it comes after the caller's own words
	}
	c.Channel = text(channel)
	c.Service, c.Account = accountOf(channel)
	return true
}

// cdr fills in the record of a call, whose lines have names of their own
// (asterisk:cdr/cdr_manager.c, manager_log).
func (m *Message) cdr(c *Call) (channel []byte) {
	c.Caller, c.Number, c.Context = text(m.value("Source")), text(m.value("Destination")), text(m.value("DestinationContext"))
	c.Dest, c.Status = text(m.value("DestinationChannel")), text(m.value("Disposition"))
	c.Unique, c.Linked = text(m.last("UniqueID")), parsers.Text{}
	c.Seconds, c.Billed = number(m.value("Duration"), 1<<31), number(m.value("BillableSeconds"), 1<<31)
	return m.value("Channel")
}

func number(b []byte, most uint64) uint32 {
	if len(b) > 10 {
		return 0
	}
	n, err := strconv.ParseUint(string(b), 10, 32)
	if err != nil || n > most {
		return 0
	}
	return uint32(n)
}

// accountOf is whose channel it is: PJSIP/1001-0000002a is of the endpoint 1001. A name may
// hold a hyphen itself, so the last one counts.
func accountOf(channel []byte) (parsers.Service, parsers.Text) {
	tech, rest, _ := bytes.Cut(channel, []byte("/"))
	end := bytes.LastIndexByte(rest, '-')
	if end < 0 {
		end = len(rest)
	}
	switch string(tech) {
	case "PJSIP":
		return parsers.PJSIP, text(rest[:end])
	case "SIP":
		return parsers.SIP, text(rest[:end])
	case "IAX2":
		return parsers.IAX2, text(rest[:end])
	}
	return parsers.Other, text(rest[:end])
}

// Channel is the channel that a packet is about; "" where it names none before all that a
// caller writes.
func (m *Message) Channel() string { return string(text(m.first("Channel")).Raw()) }
