package lab

import (
	"bufio"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// The example of RFC 2617, 3.5.
func TestDigestIsThatOfTheRFC(t *testing.T) {
	secret := sum("Mufasa", "testrealm@host.com", "Circle Of Life")
	got := sum(secret, "dcd98b7102dd2f0e8b11d0f600bfb0c093", "00000001", "0a4f113b", "auth", sum("GET", "/dir/index.html"))
	if want := "6629fae49393a05397450978507c4ef1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAuthorizeAnswersTheChallenge(t *testing.T) {
	for _, c := range []struct{ challenge, has, lacks string }{
		{`Digest realm="asterisk",nonce="n/1",opaque="o",algorithm=MD5,qop="auth"`, `nonce="n/1", uri="sip:pbx", algorithm=MD5, opaque="o", qop=auth, nc=00000001`, ""},
		{`Digest algorithm=MD5, realm="asterisk", nonce="n2"`, `response="` + sum(sum("1001", "asterisk", "secret"), "n2", sum("REGISTER", "sip:pbx")) + `"`, "qop"},
	} {
		got := authorize(c.challenge, "REGISTER", "sip:pbx", "1001", "secret")
		if !strings.Contains(got, c.has) || c.lacks != "" && strings.Contains(got, c.lacks) {
			t.Errorf("got %s, want something with %s and without %q", got, c.has, c.lacks)
		}
	}
}

// over makes a Sender whose PBX is one end of a pipe.
func over(t *testing.T, stream bool) (s *Sender, pbx net.Conn) {
	own, pbx := net.Pipe()
	t.Cleanup(func() { own.Close(); pbx.Close() })
	addr := netip.MustParseAddrPort("192.0.2.130:5060")
	s = &Sender{Patience: 10 * time.Second, conn: own, own: addr, pbx: netip.AddrPortFrom(PBX4, Port)}
	if stream {
		s.stream = bufio.NewReader(own)
	}
	return s, pbx
}

func TestFinalAnswerIsFound(t *testing.T) {
	const body = "SIP/2.0 666 not a head\r\n\r\n"
	said := []string{
		"OPTIONS sip:1001@192.0.2.130 SIP/2.0\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n",
		"SIP/2.0 100 Trying\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n",
		"SIP/2.0 200 OK\r\nCSeq: 7 INVITE\r\ncontent-length: 26\r\n\r\n" + body,
		"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\nCall-ID: of-another\r\nContent-Length: 0\r\n\r\n",
		"SIP/2.0 401 Unauthorized\r\nCSeq:  1 REGISTER\r\nCall-ID: a\r\nContent-Length: 0\r\n\r\n",
	}
	for name, stream := range map[string]bool{"datagrams": false, "stream": true} {
		t.Run(name, func(t *testing.T) {
			s, pbx := over(t, stream)
			go func() {
				bufio.NewReader(pbx).ReadString('Z') // takes what is sent, until the pipe closes
			}()
			go func() {
				for _, text := range said {
					pbx.Write([]byte(text))
				}
			}()
			r := s.Request("REGISTER", "1001", "1001")
			r.CallID = "a"
			got, err := s.Do(r)
			if err != nil || got.Status != 401 {
				t.Errorf("got status %d and error %v, want 401", got.Status, err)
			}
		})
	}
}

func TestRequestHoldsEveryFieldAsItIs(t *testing.T) {
	s, _ := over(t, false)
	r := s.Request("INVITE", "1001", "600")
	r.From, r.CallID, r.Without = "\"a\nb\" <sip:x>", "c\r\nd", "To"
	got := string(r.text())
	for _, want := range []string{"INVITE sip:600@192.0.2.10 SIP/2.0\r\n", "From: \"a\nb\" <sip:x>\r\n", "Call-ID: c\r\nd\r\n", "c=IN IP4 192.0.2.130\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want it to hold %q", got, want)
		}
	}
	if strings.Contains(got, "\nTo:") {
		t.Errorf("got %q, want no To", got)
	}
}
