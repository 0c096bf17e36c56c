package sip

// Method is what a request asks for. The zero value is no method at all.
type Method uint8

const (
	NoMethod Method = iota
	Register
	Invite
	Ack
	Bye
	Cancel
	Options
	Subscribe
	Notify
	Publish
	Instant
	Refer
	Info
	Update
	Prack
	UnknownMethod // a token that no RFC defines
	methods
)

var methodWords = [methods]string{"", "REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER", "INFO", "UPDATE", "PRACK", "another method"}

func (m Method) String() string { return methodWords[m] }

// MethodOf finds the method of a token. By RFC 3261 7.1 case counts; for both stacks of
// Asterisk it does not, and what they take for a REGISTER is one.
func MethodOf(token []byte) Method {
	if len(token) == 0 {
		return NoMethod
	}
	for m := Register; m < UnknownMethod; m++ {
		if isName(token, methodWords[m]) {
			return m
		}
	}
	return UnknownMethod
}
