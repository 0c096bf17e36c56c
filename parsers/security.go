package parsers

import (
	"bytes"
	"net/netip"
)

// Security events are written as SecurityEvent="NAME" and then ,Key="value" for
// each element, in a fixed order and with nothing escaped
// (asterisk:res/res_security_log.c:75, asterisk:main/security_events.c, sec_events).
// The sender writes AccountID and, with PJSIP, the whole SessionID (his Call-ID)
// before the address; in some events more after it. So the pair
// LocalAddress, RemoteAddress is found by its place in the exact list of keys.

// event is what we know of one security event.
type event struct {
	name     string
	result   Result
	kind     Kind
	points   Points
	account  bool // AccountID comes first; RequestBadFormat has it at the end
	required []element
	optional []element // in this order
}

// element is one ,Key="value" after the address.
type element struct {
	key  string
	free bool // with AMI the sender writes it, unescaped
}

var (
	module    = element{key: "Module"}
	sessionTV = element{key: "SessionTV"}
)

// events are listed in catalogue.md. The order of the optional ones is that of
// asterisk:main/security_events.c.
var events = []event{
	{name: "InvalidAccountID", result: Offence, kind: UnknownAccount, points: twice, account: true, optional: []element{module, sessionTV}},
	{name: "ChallengeResponseFailed", result: Offence, kind: BadPassword, points: Point, account: true,
		required: []element{{key: "Challenge"}, {key: "Response", free: true}, {key: "ExpectedResponse"}}, optional: []element{module, sessionTV}},
	{name: "InvalidPassword", result: Offence, kind: BadPassword, points: Point, account: true,
		optional: []element{module, sessionTV, {key: "Challenge"}, {key: "ReceivedChallenge"}, {key: "ReceivedHash"}}},
	{name: "FailedACL", result: Offence, kind: ACL, points: Point, account: true, optional: []element{module, {key: "ACLName"}, sessionTV}},
	{name: "SessionLimit", result: Offence, kind: Rate, points: half, account: true, optional: []element{module, sessionTV}},
	{name: "RequestNotSupported", result: Offence, kind: NotAllowed, points: half, account: true, required: []element{{key: "RequestType"}}, optional: []element{module, sessionTV}},
	{name: "RequestNotAllowed", result: Offence, kind: NotAllowed, points: twice - half, account: true, required: []element{{key: "RequestType", free: true}},
		optional: []element{module, sessionTV, {key: "RequestParams", free: true}}},
	{name: "AuthMethodNotAllowed", result: Offence, kind: NotAllowed, points: half, account: true, required: []element{{key: "AuthMethod"}}, optional: []element{module, sessionTV}},
	{name: "RequestBadFormat", result: Offence, kind: Malformed, points: Point, required: []element{{key: "RequestType", free: true}},
		optional: []element{module, sessionTV, {key: "AccountID"}, {key: "RequestParams", free: true}}},
	{name: "SuccessfulAuth", result: Signal, kind: Success, account: true, required: []element{{key: "UsingPassword"}}, optional: []element{module, sessionTV}},
	{name: "ChallengeSent", result: Signal, kind: Challenge, account: true, required: []element{{key: "Challenge"}}, optional: []element{module, sessionTV}},
	{name: "InvalidTransport", result: Offence, kind: NotAllowed, points: half, account: true, required: []element{{key: "AttemptedTransport"}}, optional: []element{module, sessionTV}},
}

// aclPoints weighs FailedACL by its ACLName; anything else is an access list.
func aclPoints(name []byte) (Kind, Points) {
	switch string(name) {
	case "registrar_attempt_without_configured_aors":
		return NotAllowed, Point
	case "registrar_attempt_exceeds_maximum_configured_contacts", "registrar_invalid_contacts_provided":
		return NotAllowed, half / 2
	case "registrar_invalid_uri_in_to_received":
		return Malformed, half
	case "peer_not_dynamic":
		return NotAllowed, Point
	case "no_extension_match":
		return UnknownExtension, twice
	}
	return ACL, Point // one attempt writes two or three of these
}

// securityEvent is one event taken apart.
type securityEvent struct {
	spec             *event
	service          Service
	account, session []byte
	local, remote    netip.Addr
	port             uint16
	proven           bool
	tail             []byte // from the comma after RemoteAddress
	last             *ownAddress

	challenge, aclName, usingPassword []byte // out of the tail
}

// security reads the message of a SECURITY record. It fills e and reports
// whether the message is one of the events we know; what cannot be read in
// exactly one way leaves e Ambiguous.
func (p *Parser) security(msg []byte, e *Event) bool {
	s := securityEvent{last: &p.local}
	rest, ok := s.front(msg)
	if !ok {
		return false
	}
	e.Rule, e.Kind, e.Service, e.Channel, e.Points = s.spec.name, s.spec.kind, s.service, ChannelSecurity, s.spec.points
	e.Result = Ambiguous
	if s.spec.result == Signal {
		e.Result = Signal
	}
	// A sender that breaks the list may have broken the line: the rest of the record,
	// and what he put before it, then comes in the next one. With PJSIP no newline
	// gets so far but in the account.
	p.tail, e.Open = dumpReach, s.service != PJSIP
	if s.service == PJSIP {
		p.tail = max(accountReach-len(rest), 0)
		e.Open = p.tail > 0
	}
	listed := s.addresses(rest)
	if !listed || !s.checkTail() {
		e.Result, e.Doubt = Ambiguous, "the keys of this record are not the keys that Asterisk writes for this event"
		if listed {
			e.Doubt = "the text after the address is not what Asterisk writes for this event"
		}
		e.Account, e.Session = TextOf(s.account), TextOf(s.session)
		e.Addr, e.Port = lastAddress(rest)
		if e.Open { // the true address comes in the next line
			next, _ := p.nextLine()
			e.Addr, e.Port = lastAddress(next)
		}
		return true
	}
	e.Open = false
	if s.service == PJSIP {
		p.tail = 0
	} else if s.endsWithAddress() {
		p.end, p.holds = quoteMark, remoteKey
	}
	e.Addr, e.Port = s.remote, s.port
	e.Account, e.Session = TextOf(s.account), TextOf(s.session)
	e.Evidence = Seen
	if s.proven {
		e.Evidence = Proven
	}
	s.finish(e)
	return true
}

// endsWithAddress reports whether a caller's newline comes only before the addresses,
// so that the last line of the event holds them.
func (s *securityEvent) endsWithAddress() bool {
	switch s.spec.name {
	case "RequestNotAllowed", "RequestBadFormat":
		return false
	case "ChallengeResponseFailed":
		return s.service == SIP // a header's text, which is not decoded
	}
	return true
}

var remoteKey = []byte(`",RemoteAddress="`)

// finish judges what was read cleanly.
func (s *securityEvent) finish(e *Event) {
	e.Before = s.service != PJSIP // %0a in the account, which closes its own quote
	s.weigh(e)
	switch {
	case hasHead(s.account) || hasHead(s.session):
		e.Result, e.Doubt = Ambiguous, "a second record begins before the address"
	case s.service != PJSIP && bytes.IndexByte(s.account, '"') >= 0:
		// chan_sip decodes the account it is given, and AMI over HTTP too: newline and
		// all, it can hold the rest of a record, address included.
		e.Result, e.Doubt = Ambiguous, "the account name has a quote in it, so the address may be a part of the name"
		e.Addr, e.Open = netip.Addr{}, true
	default:
		s.settle(e)
	}
}

// weigh fills in what the fields of an event say of its weight.
func (s *securityEvent) weigh(e *Event) {
	switch s.spec.kind {
	case Success:
		e.Password = string(s.usingPassword) == "1"
	case Challenge:
		e.Challenge = TextOf(s.challenge)
	case ACL:
		e.Kind, e.Points = aclPoints(s.aclName)
	case BadPassword:
		e.Challenge = TextOf(s.challenge)
		if bytes.Equal(s.account, unknownAccount) {
			e.Points = Point + half // a name that is not there, and a phone repeats it
		}
	case UnknownAccount:
		e.Once = s.service == PJSIP
	}
}

// settle gives its result to an event whose address is Asterisk's own word.
func (s *securityEvent) settle(e *Event) {
	signal := s.spec.result == Signal
	switch {
	case s.remote == s.local && !signal:
		e.Result, e.Doubt = None, "this is an address of this machine"
	case signal:
	case s.service == SIP && s.spec.name == "InvalidPassword": // no notice tells of an INVITE's
		e.Result, e.Evidence = Offence, Claimed
	case s.service == SIP:
		e.Result, e.Evidence, e.Doubt = Ambiguous, Claimed, viaMaddr
	default:
		e.Result = Offence
	}
}

var unknownAccount = []byte("<unknown>")
