package sip

// challenge reads the nonce of a digest challenge (RFC 3261 22, RFC 7616).
func (m *Message) challenge(b []byte) {
	each(b, func(name, value []byte) {
		switch {
		case isName(name, "nonce") && m.Nonces < len(m.AllNonces):
			first(&m.Nonce, value)
			m.AllNonces[m.Nonces] = value
			m.Nonces++
		case isName(name, "stale"):
			m.Stale = m.Stale || isName(value, "true")
		}
	})
}

// answer reads the credentials of one Authorization header. Of a parameter that comes
// twice the last counts, as for chan_sip and pjproject.
func (m *Message) answer(b []byte) {
	if m.Answers == len(m.Answer) {
		return
	}
	c := &m.Answer[m.Answers]
	*c = Credentials{}
	each(b, func(name, value []byte) {
		switch {
		case isName(name, "username"):
			c.User = value
		case isName(name, "nonce"):
			c.Nonce = value
		case isName(name, "response"):
			c.Response = value
		}
	})
	if len(c.Nonce) > 0 || len(c.Response) > 0 {
		m.Answers++
	}
}

// EachParam calls yield for each name and value behind the scheme word of a digest
// header, quotes taken off. HTTP writes them in the same way.
func EachParam(b []byte, yield func(name, value []byte)) { each(b, yield) }

func each(b []byte, yield func(name, value []byte)) {
	for len(b) > 0 && !isBlank(b[0]) { // the scheme
		b = b[1:]
	}
	for {
		for len(b) > 0 && (isBlank(b[0]) || b[0] == ',') {
			b = b[1:]
		}
		n := 0
		for n < len(b) && isToken(b[n]) {
			n++
		}
		if n == 0 {
			return
		}
		name := b[:n]
		b = trimLeft(b[n:])
		if len(b) == 0 || b[0] != '=' {
			continue
		}
		b = trimLeft(b[1:])
		var value []byte
		value, b = paramValue(b)
		yield(name, value)
	}
}

// paramValue reads a token or a quoted string; escapes in it are left as they are.
func paramValue(b []byte) (value, rest []byte) {
	if len(b) > 0 && b[0] == '"' {
		for i := 1; i < len(b); i++ {
			switch b[i] {
			case '\\':
				i++
			case '"':
				return b[1:i], b[i+1:]
			}
		}
		return b[1:], b[len(b):]
	}
	n := 0
	for n < len(b) && b[n] != ',' && !isBlank(b[n]) {
		n++
	}
	return b[:n], b[n:]
}
