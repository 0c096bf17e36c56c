package ami

import "bytes"

// Packet is one packet of the manager interface: lines of "Key: value", ended by an
// empty one. The slices are parts of the bytes given to Read.
type Packet struct {
	Action   []byte // of a client
	Response []byte // of Asterisk: Success, Error
	Event    []byte // of Asterisk: such packets answer nothing
	Message  []byte
	User     []byte
	AuthType []byte
	Key      []byte // the answer to a challenge: compare it, never keep it
	Secret   bool   // a password was sent
	Strange  bool   // a line is no key with a value
}

// maxLines is how many lines of a packet are looked at: as many as Asterisk takes
// (asterisk:include/asterisk/manager.h, AST_MAX_MANHEADERS).
const maxLines = 128

// Read reads the packet at the start of b and says how long it is; 0 when it has not
// ended yet. Line ends without a CR are taken, as manager.c takes them.
func Read(b []byte, p *Packet) (n int) {
	*p = Packet{}
	for lines := 0; ; lines++ {
		end := bytes.IndexByte(b[n:], '\n')
		if end < 0 {
			return 0
		}
		line := bytes.TrimRight(b[n:n+end], "\r")
		n += end + 1
		if len(line) == 0 {
			return n
		}
		if lines < maxLines {
			p.line(line)
		}
	}
}

func (p *Packet) line(line []byte) {
	key, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		p.Strange = true
		return
	}
	value = bytes.TrimLeft(value, " \t")
	switch {
	case bytes.EqualFold(key, []byte("Action")):
		first(&p.Action, value)
	case bytes.EqualFold(key, []byte("Response")):
		first(&p.Response, value)
	case bytes.EqualFold(key, []byte("Event")):
		first(&p.Event, value)
	case bytes.EqualFold(key, []byte("Message")):
		first(&p.Message, value)
	case bytes.EqualFold(key, []byte("Username")):
		first(&p.User, value)
	case bytes.EqualFold(key, []byte("AuthType")):
		first(&p.AuthType, value)
	case bytes.EqualFold(key, []byte("Key")):
		first(&p.Key, value)
	case bytes.EqualFold(key, []byte("Secret")):
		p.Secret = true
	}
}

// first sets a field once: of lines with one key Asterisk takes the first
// (asterisk:main/manager.c, astman_get_header).
func first(field *[]byte, value []byte) {
	if *field == nil {
		*field = value
	}
}

// IsLogin reports whether a client's packet is an attempt to log in. A request for a
// challenge is none (Action: Challenge).
func (p *Packet) IsLogin() bool { return bytes.EqualFold(p.Action, []byte("Login")) }

// Accepted reports whether Asterisk's answer lets a log-in in
// (asterisk:main/manager.c, action_login).
func (p *Packet) Accepted() bool {
	return bytes.EqualFold(p.Response, []byte("Success")) && bytes.HasPrefix(p.Message, []byte("Authentication accepted"))
}

// Refused reports whether it does not.
func (p *Packet) Refused() bool { return bytes.EqualFold(p.Response, []byte("Error")) }

// RefusedLogin reports whether the answer can only be one to a log-in, whatever the
// client's packets looked like: no other action is refused with these words.
func (p *Packet) RefusedLogin() bool {
	return p.Refused() && bytes.HasPrefix(p.Message, []byte("Authentication failed"))
}
