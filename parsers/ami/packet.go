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

// maxLines is how many lines of a packet are looked at.
const maxLines = 64

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
	value = bytes.TrimLeft(value, " ")
	switch {
	case bytes.EqualFold(key, []byte("Action")):
		p.Action = value
	case bytes.EqualFold(key, []byte("Response")):
		p.Response = value
	case bytes.EqualFold(key, []byte("Event")):
		p.Event = value
	case bytes.EqualFold(key, []byte("Message")):
		p.Message = value
	case bytes.EqualFold(key, []byte("Username")):
		p.User = value
	case bytes.EqualFold(key, []byte("AuthType")):
		p.AuthType = value
	case bytes.EqualFold(key, []byte("Key")):
		p.Key = value
	case bytes.EqualFold(key, []byte("Secret")):
		p.Secret = true
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
