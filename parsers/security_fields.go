package parsers

import "net/netip"

// SecurityField is one field of a security event that comes as fields: over AMI. Its bytes
// belong to the caller.
type SecurityField struct{ Key, Value []byte }

// notExact is why an event charges no address whose fields are others than Asterisk writes.
const notExact = "the fields are not exactly those that Asterisk writes: the sender has added lines of its own"

// SecurityEvent reads a security event that comes as fields, from EventTV on, and fills e; it
// reports whether name is one that is known. Asterisk writes the fields of an event in a fixed
// order (asterisk:main/security_events.c, sec_events), each once, and a sender can only add
// fields. So where they are exactly those of the list, the address is Asterisk's. Else the
// event is Ambiguous, without an address.
//
// It holds for one event only: the caller must know where it begins and ends.
func SecurityEvent(name []byte, fields []SecurityField, e *Event) bool {
	s := securityEvent{}
	for i := range events {
		if string(name) == events[i].name {
			s.spec = &events[i]
		}
	}
	if s.spec == nil {
		return false
	}
	service := fieldOf(fields, 2, "Service")
	if s.service = serviceNamed(service); s.service == NoService {
		return false
	}
	e.Rule, e.Kind, e.Service, e.Channel, e.Points = s.spec.name, s.spec.kind, s.service, ChannelSecurity, s.spec.points
	if !s.fields(fields) {
		e.Result, e.Doubt, e.Suspect = Ambiguous, notExact, true
		return true
	}
	e.Result = s.spec.result
	e.Addr, e.Port = s.remote, s.port
	e.Account, e.Session = TextOf(s.account), TextOf(s.session)
	e.Evidence = Seen
	if s.proven {
		e.Evidence = Proven
	}
	s.weigh(e)
	s.settle(e)
	return true
}

// fieldOf is the value of a field at its place; nil when another one is there.
func fieldOf(fields []SecurityField, at int, key string) []byte {
	if at >= len(fields) || string(fields[at].Key) != key {
		return nil
	}
	return fields[at].Value
}

// fields takes the fields of an event, and reports whether they are exactly those of its list.
func (s *securityEvent) fields(list []SecurityField) bool {
	at := 0
	take := func(key string) (value []byte, ok bool) {
		if at >= len(list) || string(list[at].Key) != key {
			return nil, false
		}
		at++
		return list[at-1].Value, true
	}
	for _, key := range [...]string{"EventTV", "Severity", "Service", "EventVersion"} {
		if _, ok := take(key); !ok {
			return false
		}
	}
	ok := true
	if s.spec.account {
		if s.account, ok = take("AccountID"); !ok {
			return false
		}
	}
	if s.session, ok = take("SessionID"); !ok {
		return false
	}
	local, ok := take("LocalAddress")
	if !ok {
		return false
	}
	remote, ok := take("RemoteAddress")
	if !ok {
		return false
	}
	for _, need := range s.spec.required {
		value, ok := take(need.key)
		if !ok {
			return false
		}
		s.keep(need.key, value)
	}
	for _, may := range s.spec.optional {
		if value, ok := take(may.key); ok {
			s.keep(may.key, value)
			if may.key == "AccountID" {
				s.account = value
			}
		}
	}
	return at == len(list) && s.pair(local, remote)
}

// pair reads the two addresses.
func (s *securityEvent) pair(local, remote []byte) bool {
	var proven bool
	var ok bool
	if s.local, _, proven, ok = typedAddress(local); !ok {
		return false
	}
	s.remote, s.port, s.proven, ok = typedAddress(remote)
	return ok && proven == s.proven && s.remote != (netip.Addr{})
}

// keep keeps a value that somebody asks for.
func (s *securityEvent) keep(key string, value []byte) {
	switch key {
	case "Challenge":
		s.challenge = value
	case "ACLName":
		s.aclName = value
	case "UsingPassword":
		s.usingPassword = value
	}
}
