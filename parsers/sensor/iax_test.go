package sensor

import (
	"testing"
	"time"

	"pbxjail/parsers/iax"
)

// ie is one information element.
func ie(kind byte, value string) string { return string([]byte{kind, byte(len(value))}) + value }

// frame gives the sensor a full frame of either side.
func (l *lab) frame(source, dest uint16, out bool, what iax.Subclass, elements string) {
	l.port = 4569
	head := []byte{byte(source>>8) | 0x80, byte(source), byte(dest >> 8), byte(dest), 0, 0, 0, 0, 0, 0, 6, byte(what)}
	l.packet(other, out, string(head)+elements)
}

const (
	number = "\x01\x03900"
	user   = "\x06\x03joe"
	token  = "\x36\x04tokn"
	can    = "\x36\x00"
	nonce  = "\x0f\x0442ab"
	md5    = "\x10\x04d1ge"
)

func TestIAX(t *testing.T) {
	type step struct {
		out      bool
		what     iax.Subclass
		elements string
	}
	began := func(what iax.Subclass, elements string) []step { return []step{{false, what, elements + token}} }
	for name, c := range map[string]struct {
		steps []step
		want  []string
	}{
		"registration":     {append(began(iax.RegReq, user), step{true, iax.RegAuth, nonce}, step{false, iax.RegReq, user + md5}, step{true, iax.RegAck, user}), []string{"signal success iax2 proven joe"}},
		"wrong password":   {append(began(iax.RegReq, user), step{true, iax.RegAuth, nonce}, step{false, iax.RegReq, user + md5}, step{true, iax.RegRej, ie(0x16, "Registration Refused")}, step{true, iax.RegRej, ""}), []string{"offence bad-password iax2 proven joe"}},
		"unknown account":  {append(began(iax.RegReq, user), step{true, iax.RegRej, ""}), []string{"offence unknown-account iax2 proven joe once"}},
		"call":             {append(began(iax.New, number+user), step{true, iax.AuthReq, nonce}, step{false, iax.AuthRep, md5}, step{true, iax.Accept, ""}), []string{"signal success iax2 proven joe"}},
		"call, wrong":      {append(began(iax.New, number+user), step{true, iax.AuthReq, nonce}, step{false, iax.AuthRep, md5}, step{true, iax.Reject, ie(0x16, "No authority found")}), []string{"offence bad-password iax2 proven joe"}},
		"call, no number":  {append(began(iax.New, number+user), step{true, iax.AuthReq, nonce}, step{false, iax.AuthRep, md5}, step{true, iax.Reject, ie(0x16, "No such context/extension")}), []string{"signal unknown-extension iax2 proven joe"}},
		"guest":            {append(began(iax.New, number), step{true, iax.Accept, ""}), []string{"offence guest-call iax2 proven "}},
		"guest, no number": {append(began(iax.New, number), step{true, iax.Reject, ie(0x16, "No such context/extension")}), []string{"offence unknown-extension iax2 proven "}},
		"guest, refused":   {append(began(iax.New, number), step{true, iax.Reject, ""}), []string{"offence not-allowed iax2 proven "}},
		"no token":         {[]step{{false, iax.New, number + user}, {true, iax.Reject, ""}}, []string{"offence unknown-account iax2 seen joe once"}},
		"token asked for":  {[]step{{false, iax.New, number + can}, {true, iax.CallToken, token}, {false, iax.New, number + token}, {true, iax.Accept, ""}}, []string{"offence guest-call iax2 proven "}},
		"guest, unasked":   {append(began(iax.New, number+md5), step{true, iax.Accept, ""}), []string{"offence guest-call iax2 proven "}},
		"poke":             {[]step{{false, 0x1e, ""}, {true, 0x03, ""}, {false, iax.Ack, ""}}, nil},
		"cut":              {[]step{{false, iax.New, "\x06\xff"}}, []string{"offence malformed iax2 seen "}},
		"sent again":       {append(began(iax.RegReq, user), step{false, iax.RegReq, user + token}, step{true, iax.RegRej, ""}, step{true, iax.RegRej, ""}), []string{"offence unknown-account iax2 proven joe once"}},
	} {
		l := newLab(t, Options{})
		for _, s := range c.steps {
			if s.out {
				l.frame(99, 5, true, s.what, s.elements)
			} else if s.what == iax.AuthRep || s.elements == user+md5 {
				l.frame(5, 99, false, s.what, s.elements)
			} else {
				l.frame(5, 0, false, s.what, s.elements)
			}
		}
		l.want(name, c.want...)
		l.after(time.Minute)
		l.want(name + ", a minute later")
	}
}

func TestIAXSilence(t *testing.T) {
	l := newLab(t, Options{})
	l.frame(5, 0, false, iax.RegReq, user+token)
	l.frame(99, 5, true, iax.RegAuth, nonce)
	l.after(time.Minute)
	l.want("no answer", "offence unanswered other proven joe")
	l.packet(other, false, "\x05\x01\x00\x00voice") // a mini frame
	l.want("media")
}
