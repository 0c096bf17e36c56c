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

// events is the catalogue's section 2. The order of the optional ones is that of
// asterisk:main/security_events.c.
var events = []event{
	{name: "InvalidAccountID", result: Offence, kind: UnknownAccount, points: twice, account: true, optional: []element{module, sessionTV}},
	{name: "ChallengeResponseFailed", result: Offence, kind: BadPassword, points: Point, account: true,
		required: []element{{key: "Challenge"}, {key: "Response", free: true}, {key: "ExpectedResponse"}}, optional: []element{module, sessionTV}},
	{name: "InvalidPassword", result: Offence, kind: BadPassword, points: Point, account: true,
		optional: []element{module, sessionTV, {key: "Challenge"}, {key: "ReceivedChallenge"}, {key: "ReceivedHash"}}},
	{name: "FailedACL", result: Offence, kind: ACL, points: twice, account: true, optional: []element{module, {key: "ACLName"}, sessionTV}},
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

// aclPoints weighs FailedACL by its ACLName; anything else is worth two points.
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
	return ACL, twice
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
}

// security reads the message of a SECURITY record. It fills e and reports
// whether the message is one of the events we know; what cannot be read in
// exactly one way leaves e Ambiguous.
func (p *Parser) security(msg []byte, e *Event) bool {
	var s securityEvent
	rest, ok := s.front(msg)
	if !ok {
		return false
	}
	e.Rule, e.Kind, e.Service, e.Channel, e.Points = s.spec.name, s.spec.kind, s.service, ChannelSecurity, s.spec.points
	e.Result = Ambiguous
	if s.spec.result == Signal {
		e.Result = Signal
	}
	// Whoever breaks the list may have broken the line: the rest of the record,
	// and what he put before it, then comes in the next one.
	if !s.addresses(rest) {
		e.Result, e.Open, e.Doubt = Ambiguous, true, "the list of keys is not that of this event"
		return true
	}
	if !s.checkTail() {
		e.Result, e.Open, e.Doubt = Ambiguous, true, "what follows the address is not that of this event"
		return true
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

// finish judges what was read cleanly.
func (s *securityEvent) finish(e *Event) {
	switch s.spec.kind {
	case Success:
		v, _ := tailValue(s.tail, "UsingPassword")
		e.Password = string(v) == "1"
		return
	case Challenge:
		e.Challenge = s.challenge()
		return
	case ACL:
		name, _ := tailValue(s.tail, "ACLName")
		e.Kind, e.Points = aclPoints(name)
	case BadPassword:
		e.Challenge = s.challenge()
		if bytes.Equal(s.account, unknownAccount) {
			e.Points = 2*Point + half
		}
	case UnknownAccount:
		e.Once = s.service == PJSIP
	}
	if s.service == AMI {
		e.Points += e.Points / 2
	}
	switch {
	case hasHead(s.account) || hasHead(s.session):
		e.Doubt = "a second record begins before the address"
	case s.remote == s.local:
		e.Result, e.Doubt = None, "the address is our own"
		return
	case s.service == SIP && s.spec.kind != BadPassword, s.service == SIP && s.spec.name == "ChallengeResponseFailed":
		// Only InvalidPassword tells that the sender knew our nonce.
		e.Evidence, e.Doubt = Claimed, viaMaddr
	default:
		e.Result = Offence
	}
}

func (s *securityEvent) challenge() Text {
	v, _ := tailValue(s.tail, "Challenge")
	return TextOf(v)
}

var unknownAccount = []byte("<unknown>")

// front reads what Asterisk alone writes, up to the first field of the sender.
func (s *securityEvent) front(msg []byte) (rest []byte, ok bool) {
	b, ok := bytes.CutPrefix(msg, []byte(`SecurityEvent="`))
	if !ok {
		return nil, false
	}
	quote := bytes.IndexByte(b[:min(len(b), 40)], '"')
	if quote < 0 {
		return nil, false
	}
	for i := range events {
		if string(b[:quote]) == events[i].name {
			s.spec = &events[i]
			break
		}
	}
	if s.spec == nil {
		return nil, false
	}
	b = b[quote:]
	for _, key := range [...]string{"EventTV", "Severity", "Service", "EventVersion"} {
		var value []byte
		if value, b, ok = plainValue(b, key); !ok {
			return nil, false
		}
		if key == "Service" {
			s.service = serviceNamed(value)
		}
	}
	return b, s.service != NoService
}

func serviceNamed(b []byte) Service {
	switch string(b) {
	case "PJSIP":
		return PJSIP
	case "SIP":
		return SIP
	case "AMI":
		return AMI
	}
	return NoService
}

// plainValue reads `",Key="value` from b, which begins with the quote that closes
// the value before; rest begins with the quote that closes this one. The value
// holds no quote.
func plainValue(b []byte, key string) (value, rest []byte, ok bool) {
	n := len(key) + 4
	if len(b) < n || b[0] != '"' || b[1] != ',' || string(b[2:2+len(key)]) != key || b[n-2] != '=' || b[n-1] != '"' {
		return nil, nil, false
	}
	b = b[n:]
	quote := bytes.IndexByte(b, '"')
	if quote < 0 {
		return nil, nil, false
	}
	return b[:quote], b[quote:], true
}

var (
	localKey   = []byte(`",LocalAddress="`)
	sessionKey = []byte(`",SessionID="`)
	accountKey = []byte(`",AccountID="`)
)

// addresses finds the pair of addresses and the fields before it. With PJSIP and
// chan_sip nothing after the pair can hold a bare quote, so the last pair is the
// true one, and an earlier one is text. With AMI the fields before it cannot,
// where fields after it can; there the first one is.
func (s *securityEvent) addresses(b []byte) bool {
	first := sessionKey
	if s.spec.account {
		first = accountKey
	}
	b, ok := bytes.CutPrefix(b, first)
	if !ok {
		return false
	}
	at := bytes.LastIndex(b, localKey)
	if s.service == AMI && s.freeTail() {
		at = bytes.Index(b, localKey)
	}
	if at < 0 || !s.before(b[:at]) {
		return false
	}
	local, b, ok := plainValue(b[at:], "LocalAddress")
	if !ok {
		return false
	}
	remote, b, ok := plainValue(b, "RemoteAddress")
	if !ok {
		return false
	}
	var localProven bool
	if s.local, _, localProven, ok = typedAddress(local); !ok {
		return false
	}
	s.remote, s.port, s.proven, ok = typedAddress(remote)
	s.tail = b
	return ok && localProven == s.proven
}

func (s *securityEvent) freeTail() bool {
	for _, e := range s.spec.required {
		if e.free {
			return true
		}
	}
	return false
}

// before splits what stands before the addresses into AccountID and SessionID.
// chan_sip and AMI write a pointer as SessionID, PJSIP the caller's Call-ID.
func (s *securityEvent) before(b []byte) bool {
	s.account, s.session = nil, b
	if s.spec.account {
		at := bytes.Index(b, sessionKey)
		if s.service != PJSIP {
			at = bytes.LastIndex(b, sessionKey)
		}
		if at < 0 {
			return false
		}
		s.account, s.session = b[:at], b[at+len(sessionKey):]
	}
	if s.service == AMI && s.freeTail() && bytes.IndexByte(s.account, '"') >= 0 {
		return false
	}
	return s.service == PJSIP || isPointer(s.session)
}

func isPointer(b []byte) bool {
	if len(b) < 3 || len(b) > 18 || b[0] != '0' || b[1] != 'x' {
		return false
	}
	for _, c := range b[2:] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// typedAddress reads "IPV4/UDP/192.0.2.1/5060"; the transport is left out where
// Asterisk does not know it. asterisk:main/security_events.c, add_ip_address_ie.
func typedAddress(b []byte) (a netip.Addr, port uint16, proven, ok bool) {
	if len(b) < 9 || string(b[:3]) != "IPV" || b[4] != '/' {
		return a, 0, false, false
	}
	six := b[3] == '6'
	if !six && b[3] != '4' {
		return a, 0, false, false
	}
	b = b[5:]
	slash := bytes.IndexByte(b, '/')
	if slash < 0 {
		return a, 0, false, false
	}
	if p, known := handshake(b[:slash]); known {
		proven, b = p, b[slash+1:]
		if slash = bytes.IndexByte(b, '/'); slash < 0 {
			return a, 0, false, false
		}
	}
	if (bytes.IndexByte(b[:slash], ':') >= 0) != six {
		return a, 0, false, false
	}
	if a, ok = parseAddr(b[:slash]); !ok {
		return a, 0, false, false
	}
	port, ok = parsePort(b[slash+1:])
	return a, port, proven, ok
}

// checkTail holds what follows the address against the event's list: the
// required elements, then the optional ones in order, and nothing else.
func (s *securityEvent) checkTail() bool {
	b := s.tail
	if s.service == AMI && s.freeTail() {
		// The rest is the sender's from the first free field on; that its list
		// begins and ends as it must is all that can be asked.
		for _, e := range s.spec.required {
			if e.free {
				n := len(e.key) + 4
				return len(b) > n && string(b[:2]) == `",` && string(b[2:2+len(e.key)]) == e.key && b[len(b)-1] == '"'
			}
			var ok bool
			if _, b, ok = plainValue(b, e.key); !ok {
				return false
			}
		}
	}
	var ok bool
	for _, e := range s.spec.required {
		if _, b, ok = s.tailElement(b, e.key); !ok {
			return false
		}
	}
	for _, e := range s.spec.optional {
		if _, rest, ok := s.tailElement(b, e.key); ok {
			b = rest
		}
	}
	return len(b) == 1 && b[0] == '"'
}

// tailElement is plainValue that takes a quote behind a backslash as text with
// PJSIP: so pjproject leaves one that the sender put into a quoted parameter.
func (s *securityEvent) tailElement(b []byte, key string) (value, rest []byte, ok bool) {
	value, rest, ok = plainValue(b, key)
	if !ok || s.service != PJSIP {
		return value, rest, ok
	}
	start := len(b) - len(rest) - len(value)
	end := start + len(value)
	for end > start && b[end-1] == '\\' {
		quote := bytes.IndexByte(b[end+1:], '"')
		if quote < 0 {
			return nil, nil, false
		}
		end += 1 + quote
	}
	return b[start:end], b[end:], true
}

// tailValue returns one element's value out of a tail that checkTail passed.
func tailValue(tail []byte, key string) ([]byte, bool) {
	for i := 0; ; {
		at := bytes.Index(tail[i:], []byte(`",`+key+`="`))
		if at < 0 {
			return nil, false
		}
		if value, _, ok := plainValue(tail[i+at:], key); ok {
			return value, true
		}
		i += at + 1
	}
}
