package parsers

import "bytes"

// The catch-all recipe's line:
//
//	[May 1 00:11:06] SECURITY[] Unknown Call from CALLER to NUMBER IPdetails sip:USER@ADDR:PORT
//
// The recipe passes caller's text through a shell and prints the Contact header,
// so the address is always Claimed. The safe form of the same dialplan writes the
// same lines, so it cannot be recognized. An agent may follow as " UA TEXT".

var (
	unknownCall = []byte("Unknown Call from ")
	ipDetails   = []byte(" IPdetails ")
	toBlank     = []byte(" to ")
	agentMark   = []byte(" UA ")
	colon       = []byte(":")
)

// sipsec reads such a line's message. It reports false when msg is none.
func (p *Parser) sipsec(msg []byte, e *Event) bool {
	b, ok := bytes.CutPrefix(msg, unknownCall)
	if !ok {
		return false
	}
	e.Rule, e.Result, e.Kind, e.Service, e.Channel = "D3 dialplan unknown call", Ambiguous, GuestCall, Dialplan, ChannelDialplan
	e.Evidence, e.Points = Claimed, 2*Point
	e.Doubt = "the line can be read in more than one way"
	call, rest, ok := bytes.Cut(b, ipDetails)
	if !ok { // "… IPdetails" and nothing: the channel had no Contact
		e.Doubt = "the line names no address"
		return bytes.HasSuffix(b, ipDetails[:len(ipDetails)-1])
	}
	caller, number, ok := bytes.Cut(call, toBlank)
	if !ok || !isDialText(caller) || !isDialText(number) || bytes.Contains(rest, ipDetails[1:]) || hasHead(rest) {
		return true
	}
	uri, agent, _ := bytes.Cut(rest, agentMark)
	if !e.takeContact(uri) {
		return true
	}
	e.Number, e.Agent = TextOf(number), TextOf(agent)
	e.Result, e.Doubt = Offence, ""
	return true
}

// takeContact reads "sip:user@host[:port][;params]", or sips:, with a literal host.
func (e *Event) takeContact(uri []byte) bool {
	scheme, uri, ok := bytes.Cut(bytes.TrimRight(uri, " "), colon)
	if !ok || string(scheme) != "sip" && string(scheme) != "sips" {
		return false
	}
	user, host, ok := bytes.Cut(uri, []byte("@"))
	if !ok {
		user, host = nil, uri
	}
	host, params, _ := bytes.Cut(host, []byte(";"))
	if !isDialText(user) || !isParams(params) {
		return false
	}
	addr, port, ok := anyAddr.parse(host)
	if !ok {
		return false
	}
	e.Addr, e.Port, e.Account = addr, port, TextOf(user)
	return true
}

// isDialText allows what a number, a user or a Contact user is made of. A shell's
// own characters mean that the recipe was attacked, not dialled.
func isDialText(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case c == '+' || c == '*' || c == '#' || c == '_' || c == '-' || c == '.' || c == '%':
		default:
			return false
		}
	}
	return true
}

func isParams(b []byte) bool {
	for _, c := range b {
		if c == ';' || c == '=' || c == ':' || c == '[' || c == ']' {
			continue
		}
		if !isDialText([]byte{c}) {
			return false
		}
	}
	return true
}
