package sip

import "bytes"

// header reads one header line and says which of the required ones it is. Of headers
// that come twice the first counts, as in Asterisk's stacks.
func (m *Message) header(line []byte) uint8 {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return 0
	}
	name, value := trim(line[:colon]), trim(line[colon+1:])
	if len(name) == 1 {
		return m.compact(name[0]|0x20, value)
	}
	if len(name) < 2 {
		return 0
	}
	switch {
	case isName(name, "Via"):
		return m.compact('v', value)
	case isName(name, "From"):
		return m.compact('f', value)
	case isName(name, "To"):
		return m.compact('t', value)
	case isName(name, "Call-ID"):
		return m.compact('i', value)
	case isName(name, "CSeq"):
		return m.cseq(value)
	case isName(name, "Contact"):
		return m.compact('m', value)
	case isName(name, "Event"):
		return m.compact('o', value)
	case isName(name, "Content-Length"):
		return m.compact('l', value)
	case isName(name, "User-Agent"), isName(name, "Server"):
		first(&m.Agent, value)
	case isName(name, "Expires"):
		if n, ok := number(value); ok && !m.HasExpires {
			m.Expires, m.HasExpires = n, true
		}
	case isName(name, "WWW-Authenticate"), isName(name, "Proxy-Authenticate"):
		m.challenge(value)
	case isName(name, "Authorization"), isName(name, "Proxy-Authorization"):
		m.answer(value)
	}
	return 0
}

// compact reads a header by the short form of its name (RFC 3261 20, RFC 6665 8.4).
func (m *Message) compact(name byte, value []byte) uint8 {
	switch name {
	case 'v':
		if m.Branch == nil {
			m.via(value)
		}
		return hasVia
	case 'f':
		if m.FromTag == nil {
			m.FromUser, m.FromTag = address(value)
		}
		return hasFrom
	case 't':
		if m.ToTag == nil {
			m.ToUser, m.ToTag = address(value)
		}
		return hasTo
	case 'i':
		first(&m.CallID, value)
		if len(value) > 0 {
			return hasCallID
		}
	case 'm':
		first(&m.Contact, value)
	case 'o':
		first(&m.Event, value)
	case 'l':
		if n, ok := number(value); ok && m.Length < 0 && n <= maxBody {
			m.Length = int(n)
		}
	}
	return 0
}

// maxBody is the longest body that a length is believed of. Asterisk takes no message
// longer than 64 KiB.
const maxBody = 1 << 20

func first(to *[]byte, value []byte) {
	if *to == nil {
		*to = value
	}
}

// via reads "SIP/2.0/UDP host:port;branch=x", the first of a list. Blanks may be around
// the slashes (RFC 3261 25.1, SLASH).
func (m *Message) via(b []byte) {
	m.Branch = b[:0]
	for part := range 3 {
		if part > 0 {
			if b = trimLeft(b); len(b) == 0 || b[0] != '/' {
				return
			}
			b = trimLeft(b[1:])
		}
		for len(b) > 0 && isToken(b[0]) {
			b = b[1:]
		}
	}
	end := indexEither(b, ';', ',')
	if end < 0 {
		end = len(b)
	}
	m.SentBy = trim(b[:end])
	if p := param(b[end:], "branch"); p != nil {
		m.Branch = p
	}
}

// cseq reads "4711 INVITE".
func (m *Message) cseq(b []byte) uint8 {
	if m.CSeqMethod != NoMethod {
		return hasCSeq
	}
	n := 0
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	v, ok := number(b[:n])
	word := trim(b[n:])
	if !ok || n == len(b) || !isBlank(b[n]) || len(word) == 0 {
		return hasCSeq
	}
	m.CSeq, m.CSeqMethod = v, MethodOf(word)
	return hasCSeq
}

// address reads a From or To: a URI in angle brackets or bare, and the tag. A quoted
// display name may hold brackets, and commas and escaped quotes.
func address(b []byte) (user, tag []byte) {
	b = afterQuoted(b)
	params := b
	if open := bytes.IndexByte(b, '<'); open >= 0 {
		uri := b[open+1:]
		end := bytes.IndexByte(uri, '>')
		if end < 0 {
			return userOf(uri), b[:0]
		}
		user, params = userOf(uri[:end]), uri[end+1:]
	} else { // without brackets what follows a semicolon belongs to the header
		end := bytes.IndexByte(b, ';')
		if end < 0 {
			end = len(b)
		}
		user, params = userOf(trim(b[:end])), b[end:]
	}
	if tag = param(params, "tag"); tag == nil {
		tag = b[:0]
	}
	return user, tag
}

// afterQuoted skips a quoted string at the start.
func afterQuoted(b []byte) []byte {
	b = trimLeft(b)
	if len(b) == 0 || b[0] != '"' {
		return b
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[i+1:]
		}
	}
	return b[1:] // it does not end: read it as if it had not begun
}

// userOf is the user part of a SIP or tel URI.
func userOf(uri []byte) []byte {
	colon := bytes.IndexByte(uri, ':')
	if colon < 0 {
		return uri[:0]
	}
	scheme, rest := uri[:colon], uri[colon+1:]
	if isName(scheme, "tel") {
		if end := bytes.IndexByte(rest, ';'); end >= 0 {
			rest = rest[:end]
		}
		return rest
	}
	at := bytes.LastIndexByte(rest, '@')
	if at < 0 {
		return rest[:0]
	}
	user := rest[:at]
	if end := indexEither(user, ':', ';'); end >= 0 { // a password, or parameters of a number
		user = user[:end]
	}
	return user
}

// param finds ";name=value"; nil where there is none.
func param(b []byte, name string) []byte {
	for {
		at := bytes.IndexByte(b, ';')
		if at < 0 {
			return nil
		}
		b = trimLeft(b[at+1:])
		if !hasPrefixFold(b, name) {
			continue
		}
		v := trimLeft(b[len(name):])
		if len(v) == 0 || v[0] != '=' {
			continue
		}
		v = trimLeft(v[1:])
		end := 0
		for end < len(v) && v[end] != ';' && v[end] != ',' && v[end] != '>' && !isBlank(v[end]) {
			end++
		}
		return v[:end]
	}
}
