package ami

import (
	"bytes"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	login := "Action: login\r\nActionID: 7\r\nUsername:  joe\r\nSecret: a: b\r\n\r\n"
	var p Packet
	if n := Read([]byte(login+"Action: Ping\r\n\r\n"), &p); n != len(login) || !p.IsLogin() || string(p.User) != "joe" || !p.Secret || p.Strange {
		t.Errorf("got %d %+v", n, p)
	}
	for n := range login {
		if Read([]byte(login[:n]), &p) != 0 {
			t.Errorf("%q has not ended", login[:n])
		}
	}
	for text, want := range map[string][2]bool{ // accepted, refused
		"Response: Success\r\nMessage: Authentication accepted\r\n\r\n": {true, false},
		"response: ERROR\n\n":                  {false, true},
		"Response: Goodbye\r\n\r\n":            {false, false},
		"Event: X\r\nResponse: Error\r\n\r\n":  {false, true},
		"Message: Response: Success\r\n\r\n":   {false, false},
		"GET / HTTP/1.1\r\nHost: x:80\r\n\r\n": {false, false},
		strings.Repeat("a: b\n", 500) + "\n":   {false, false},
	} {
		if Read([]byte(text), &p); p.Accepted() != want[0] || p.Refused() != want[1] {
			t.Errorf("%.40q: got %v %v", text, p.Accepted(), p.Refused())
		}
	}
	if Read([]byte("GET / HTTP/1.1\r\n\r\n"), &p); !p.Strange || len(p.Action) > 0 {
		t.Errorf("got %+v", p)
	}
}

// FuzzRead: a packet ends with an empty line, and texts are parts of it.
func FuzzRead(f *testing.F) {
	f.Add([]byte("Action: Login\r\nUsername: joe\r\nAuthType: MD5\r\nKey: x\r\n\r\nmore"))
	f.Add([]byte("Response: Error\nMessage: no\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Packet
		n := Read(b, &p)
		if n < 0 || n > len(b) || n > 0 && b[n-1] != '\n' {
			t.Fatalf("got %d of %d bytes", n, len(b))
		}
		for _, text := range [][]byte{p.Action, p.Response, p.Event, p.Message, p.User, p.AuthType, p.Key} {
			if !bytes.Contains(b, text) || bytes.IndexByte(text, '\n') >= 0 {
				t.Fatalf("%q is no part of a line of %q", text, b)
			}
		}
	})
}
