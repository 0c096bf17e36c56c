package sip

import (
	"strings"
	"testing"
)

const register = `REGISTER sip:pbx.example SIP/2.0
Via: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK7;rport
From: "A, <b>" <sip:1001:secret@pbx.example>;tag=a1
To: <sip:1001@pbx.example>
Call-ID: c1@192.0.2.7
CSeq: 2 REGISTER
Contact: <sip:1001@192.0.2.7:5062>
User-Agent: Phone 1.0
Authorization: Digest username="1001", realm="other, really", nonce="old", response="aa"
Authorization: Digest username="10\"01",realm=asterisk,nonce="1700000000/abc==",response="bb",qop=auth
Expires: 3600
Content-Length: 0

`

func TestReadsWhatIsNeeded(t *testing.T) {
	var m Message
	Read(wired(register), &m)
	if m.Problem != Fine || m.Response || m.Expires != 3600 || !m.HasExpires || m.Length != 0 || string(m.Agent) != "Phone 1.0" || string(m.FromUser) != "1001" || string(m.Contact) != "<sip:1001@192.0.2.7:5062>" {
		t.Errorf("got %+v", m)
	}
	if m.Answers != 2 || string(m.Answer[0].Nonce) != "old" || string(m.Answer[1].User) != `10\"01` || string(m.Answer[1].Nonce) != "1700000000/abc==" || string(m.Answer[1].Response) != "bb" {
		t.Errorf("got %d answers %q", m.Answers, m.Answer)
	}
}

func TestReadsChallenges(t *testing.T) {
	for _, c := range []struct {
		header, nonce string
		stale         bool
	}{
		{`WWW-Authenticate: Digest algorithm=MD5, realm="asterisk", nonce="1a2b3c4d"`, "1a2b3c4d", false},
		{`WWW-Authenticate: Digest realm="a",nonce="n",opaque="o",stale=true,algorithm=MD5,qop="auth"`, "n", true},
		{"Proxy-Authenticate:  Digest  realm = \"x\" ,\r\n nonce = \"folded\" , stale = FALSE", "folded", false},
		{`WWW-Authenticate: Digest nonce=bare`, "bare", false},
		{`WWW-Authenticate: Digest nonce="open`, "open", false},
	} {
		var m Message
		Read([]byte("SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP h;branch=b\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n"+c.header+"\r\n\r\n"), &m)
		if m.Problem != Fine || m.Status != 401 || m.Method != Register || string(m.Nonce) != c.nonce || m.Stale != c.stale {
			t.Errorf("%s: got %v %d %q %v", c.header, m.Problem, m.Status, m.Nonce, m.Stale)
		}
	}
}

func TestNamesWhatIsWrong(t *testing.T) {
	without := func(header string) string {
		var kept []string
		for _, line := range strings.Split(register, "\n") {
			if !strings.HasPrefix(line, header) {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "\n")
	}
	for _, c := range []struct {
		text string
		want Problem
	}{
		{register, Fine},
		{"\n\n" + register, Fine},
		{strings.TrimRight(register, "\n"), Fine}, // a datagram ends where it ends
		{strings.Replace(register, "Call-ID: c1@192.0.2.7", "Call-ID: c1\ni: c2", 1), Twice},
		{strings.Replace(register, "To: ", "From: <sip:x@y>\nTo: ", 1), Twice},
		{strings.Replace(register, "Call-ID: c1", "X: a\rCall-ID: c1", 1), NoCallID},
		{strings.Replace(register, "Expires: ", "X: a\rCall-ID: c2\nExpires: ", 1), BadBytes},
		{strings.Replace(register, "c1@192.0.2.7", "c1\x00@192.0.2.7", 1), BadBytes},
		{strings.Replace(register, "REGISTER", "register", 2), Fine},
		{without("Via"), NoVia},
		{without("From"), NoFrom},
		{without("To"), NoTo},
		{without("Call-ID"), NoCallID},
		{without("CSeq"), NoCSeq},
		{strings.Replace(register, "CSeq: 2 REGISTER", "CSeq: REGISTER", 1), BadCSeq},
		{strings.Replace(register, "CSeq: 2 REGISTER", "CSeq: 2", 1), BadCSeq},
		{strings.Replace(register, "CSeq: 2 REGISTER", "CSeq: 2 INVITE", 1), OtherMethod},
		{strings.Replace(register, "Call-ID: c1@192.0.2.7", "Call-ID:", 1), NoCallID},
		{strings.Replace(register, "SIP/2.0", "SIP/3.0", 1), BadVersion},
		{strings.Replace(register, "SIP/2.0", "SIP/2.00", 1), NotSIP},
		{"GET / HTTP/1.1\nHost: x\n\n", NotSIP},
		{"REGISTER\n\n", NotSIP},
		{"\x16\x03\x01\x02\x00", NotSIP},
		{"INVITE sip:100@pbx.example SIP/2.0\n\n", NoVia},
		{"INVITE  SIP/2.0\n\n", BadStart},
		{"SIP/2.0 99 x\n\n", BadStart},
		{"SIP/2.0\n\n", NotSIP},
		{"", NotSIP},
	} {
		var m Message
		if Read(wired(c.text), &m); m.Problem != c.want {
			t.Errorf("%.60q: got %v, want %v", c.text, m.Problem, c.want)
		}
	}
}

func TestCompactForms(t *testing.T) {
	var m Message
	Read(wired("SUBSCRIBE sip:x@y SIP/2.0\nv: SIP/2.0/UDP h:5070;branch=z9hG4bKq\nf: <sip:a@y>;tag=1\nt: <sip:x@y>\ni: id\nCSeq: 1 SUBSCRIBE\nm: <sip:a@h>\no: message-summary\nl: 3\n\nabc"), &m)
	if m.Problem != Fine || gotOf(&m) != (got{Subscribe, 0, "x", "z9hG4bKq", "h:5070", "a", "1", "x", "", "id", 1}) || string(m.Event) != "message-summary" || m.Length != 3 {
		t.Errorf("got %v %+v", m.Problem, gotOf(&m))
	}
}

func TestUsersOfURIs(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:1001@pbx": "1001", "sips:1001:pw@pbx": "1001", "sip:pbx": "", "sip:+1;ext=2@pbx;user=phone": "+1",
		"tel:+441;phone-context=x": "+441", "nothing": "", "": "", "sip:a@b@c": "a@b", "sip:@pbx": "",
	} {
		if got := userOf([]byte(uri)); string(got) != want {
			t.Errorf("%s: got %q, want %q", uri, got, want)
		}
	}
}

func TestFramesAStream(t *testing.T) {
	body := strings.Replace(register, "Content-Length: 0", "Content-Length: 4", 1)
	stream := "\r\n\r\n" + string(wired(register)) + string(wired(body)) + "abcd" + "\r\n" + string(wired(register))
	for cut := range stream { // however it is cut
		n, rest := 0, ""
		for _, piece := range []string{stream[:cut], stream[cut:]} {
			rest += piece
			for {
				var m Message
				skip, need := Frame([]byte(rest), &m)
				rest = rest[skip:]
				if need == 0 || need > len(rest) {
					break
				}
				if m.Problem != Fine {
					t.Fatalf("cut at %d: got %v of %q", cut, m.Problem, rest[:need])
				}
				n, rest = n+1, rest[need:]
			}
		}
		if n != 3 || rest != "" {
			t.Errorf("cut at %d: got %d messages and %q, want 3", cut, n, rest)
		}
	}
}

func TestKeepAlives(t *testing.T) {
	stun := "\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"
	for text, want := range map[string]bool{
		"": true, "\r\n\r\n": true, "\x00\x00\x00\x00": true, "jaK": true, "PING": true, "\x00": true, stun: true,
		strings.Repeat("\r\n", 50): true, strings.Repeat("\x00", 64): true,
		"OPTIONS sip:a SIP/2.0\r\n": false, strings.Repeat("x", 20): false,
	} {
		if got := KeepAlive([]byte(text)); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	b := wired(register)
	var m Message
	if n := testing.AllocsPerRun(100, func() { Read(b, &m) }); n > 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func BenchmarkRead(b *testing.B) {
	text := wired(register)
	var m Message
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Read(text, &m)
	}
}
