package parsers

import (
	"bytes"
	"net/netip"
)

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
	at := lastIndex(b, localKey)
	if s.service == AMI && s.freeTail() {
		at = bytes.Index(b, localKey)
	}
	if at < 0 {
		s.before(b) // what there is of it
		return false
	}
	if !s.before(b[:at]) {
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
	localProven, ok := s.readLocal(local)
	if !ok {
		return false
	}
	s.remote, s.port, s.proven, ok = typedAddress(remote)
	s.tail = b
	return ok && localProven == s.proven
}

// ownAddress is the LocalAddress that was read last. A machine has few of them.
type ownAddress struct {
	text   []byte
	addr   netip.Addr
	proven bool
}

// readLocal reads the LocalAddress.
func (s *securityEvent) readLocal(text []byte) (proven, ok bool) {
	if !bytes.Equal(text, s.last.text) {
		a, _, proven, ok := typedAddress(text)
		if !ok {
			return false, false
		}
		*s.last = ownAddress{append(s.last.text[:0], text...), a, proven}
	}
	s.local = s.last.addr
	return s.last.proven, len(text) > 0
}

func (s *securityEvent) freeTail() bool {
	for _, e := range s.spec.required {
		if e.free {
			return true
		}
	}
	return false
}

// before splits the text before the addresses into AccountID and SessionID.
// chan_sip and AMI write a pointer as SessionID, PJSIP the caller's Call-ID.
func (s *securityEvent) before(b []byte) bool {
	s.account, s.session = nil, b
	if s.spec.account {
		at := bytes.Index(b, sessionKey)
		if s.service != PJSIP {
			at = lastIndex(b, sessionKey)
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
			if b, ok = s.tailElement(b, e.key); !ok {
				return false
			}
		}
	}
	var ok bool
	for _, e := range s.spec.required {
		if b, ok = s.tailElement(b, e.key); !ok {
			return false
		}
	}
	for _, e := range s.spec.optional {
		if len(b) == 1 {
			break
		}
		if rest, ok := s.tailElement(b, e.key); ok {
			b = rest
		}
	}
	return len(b) == 1 && b[0] == '"'
}

// tailElement takes one element off the tail and keeps its value where somebody
// asks for it. With PJSIP a quote behind a backslash is text: so pjproject leaves
// one that the sender put into a quoted parameter.
func (s *securityEvent) tailElement(b []byte, key string) (rest []byte, ok bool) {
	value, rest, ok := plainValue(b, key)
	if !ok {
		return nil, false
	}
	start := len(b) - len(rest) - len(value)
	for s.service == PJSIP && len(value) > 0 && value[len(value)-1] == '\\' {
		quote := bytes.IndexByte(rest[1:], '"')
		if quote < 0 {
			return nil, false
		}
		rest = rest[1+quote:]
		value = b[start : len(b)-len(rest)]
	}
	s.keep(key, value)
	return rest, true
}

var addressKey = []byte(`Address="IPV`)

// lastAddress is the last address in what is left of a security event. With PJSIP
// and chan_sip nothing of the sender's can hold a bare quote behind the true one. It
// is good enough for a witness, never for a charge.
func lastAddress(text []byte) (a netip.Addr, port uint16) {
	at := bytes.LastIndex(text, addressKey)
	if at < 0 {
		return a, 0
	}
	value, _, ok := bytes.Cut(text[at+len(addressKey)-3:], quoteMark)
	if !ok {
		return a, 0
	}
	if a, port, _, ok = typedAddress(value); !ok {
		return netip.Addr{}, 0
	}
	return a, port
}

var quoteMark = []byte(`"`)
