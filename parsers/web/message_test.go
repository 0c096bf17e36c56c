package web

import (
	"bytes"
	"strings"
	"testing"
)

func TestReadRequest(t *testing.T) {
	text := "POST /rawman?action=login&Username=joe HTTP/1.1\r\nHost: x\r\ncontent-length: 5\r\nAuthorization: Basic abc\r\nUser-Agent: curl\r\n\r\n"
	var r Request
	n, ok := ReadRequest([]byte(text+"hello"), &r)
	if n != len(text) || !ok || string(r.Path) != "/rawman" || r.Length != 5 || string(r.Credentials) != "Basic abc" || string(r.Agent) != "curl" || string(Parameter(r.Query, "username")) != "joe" || Parameter(r.Query, "user") != nil {
		t.Errorf("got %d %v %+v", n, ok, r)
	}
	for n := range text {
		if got, ok := ReadRequest([]byte(text[:n]), &r); got != 0 || !ok {
			t.Errorf("%q has not ended: got %d %v", text[:n], got, ok)
		}
	}
	for _, bad := range []string{"INVITE sip:a SIP/2.0\r\n\r\n", "G3T / HTTP/1.1\r\n\r\n", "\x16\x03\x01\n", "GET\r\n\r\n", strings.Repeat("x", 5000)} {
		if _, ok := ReadRequest([]byte(bad), &r); ok {
			t.Errorf("%.30q is no request", bad)
		}
	}
	ReadRequest([]byte("GET /ws HTTP/1.1\r\nUpgrade: WebSocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n"), &r)
	if !r.WebSocket || string(r.Protocol) != "sip" {
		t.Errorf("got %+v", r)
	}
}

// TestReadRequestAsAsterisk: requests that only Asterisk would read. What was asked of Asterisk 22.10
// with each answered 401 to a wrong password.
func TestReadRequestAsAsterisk(t *testing.T) {
	for text, want := range map[string]struct {
		length       int
		chunked, odd bool
	}{
		"get /ari/x http/1.1\r\nAuthorization: Basic abc\r\n\r\n":                                           {},
		" GET \t /ari/x   HTTP/1.1\r\nAuthorization: Basic abc\r\n\r\n":                                     {},
		"GET /ari/x\r\nAuthorization: Basic abc\r\n\r\n":                                                    {},
		"GET /ari/x HTTP/1.1\r\nAuthorization\t: Basic abc\r\n \t\r\n":                                      {},
		"GET /ari/x HTTP/1.1\r\nAuthorization: x\r\nauthorization: Basic abc\r\nAuthorization: y\r\n\r\n":   {},
		"GET /ari/x HTTP/1.1\r\nContent-Length: 0\r\nAuthorization: Basic abc\r\nContent-Length: 5\r\n\r\n": {odd: true},
		"GET /ari/x HTTP/1.1\r\nContent-Length: +5\r\nAuthorization: Basic abc\r\n\r\n":                     {odd: true},
		"GET /ari/x HTTP/1.1\r\nContent-Length: 5\r\nAuthorization: Basic abc\r\n\r\n":                      {length: 5},
		"GET /ari/x HTTP/1.1\r\nTransfer-Encoding: identity\r\nAuthorization: Basic abc\r\n\r\n":            {odd: true},
		"GET /ari/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nAuthorization: Basic abc\r\n\r\n":             {chunked: true},
		"GET /ari/x HTTP/1.1\r\nA: \x00\r\nAuthorization: Basic abc\r\n\r\n":                                {odd: true},
	} {
		var r Request
		n, ok := ReadRequest([]byte(text), &r)
		if n != len(text) || !ok || string(r.Path) != "/ari/x" || string(r.Credentials) != "Basic abc" || r.Length != want.length || r.Chunked != want.chunked || r.Odd != want.odd {
			t.Errorf("%q: got %d %v %+v", text, n, ok, r)
		}
	}
}

func TestReadChunk(t *testing.T) {
	for text, want := range map[string]struct {
		n        int
		last, ok bool
	}{
		"5\r\nhello\r\n": {10, false, true}, "1F;x=y\r\n": {8 + 31 + 2, false, true}, "0\r\n\r\nGET": {5, true, true}, "0\r\nA: b\r\n\r\n": {11, true, true},
		"5": {0, false, true}, "0\r\n": {0, false, true}, "0\r\nA: b\r\n": {0, false, true},
		"\r\n": {2, false, false}, "5\n": {2, false, false}, "g\r\n": {3, false, false}, "5 \r\n": {4, false, false}, "12345678\r\n": {10, false, false},
	} {
		if n, last, ok := ReadChunk([]byte(text)); n != want.n || last != want.last || ok != want.ok {
			t.Errorf("%q: got %d %v %v, want %+v", text, n, last, ok, want)
		}
	}
}

func TestReadResponse(t *testing.T) {
	for text, want := range map[string]Response{
		"HTTP/1.1 401 Unauthorized\r\nWWW-authenticate: Digest x\r\nContent-Length: 9\r\n\r\n": {Status: 401, Length: 9, Asks: true},
		"HTTP/1.1 200 OK\r\n\r\n":                                                       {Status: 200, Length: -1},
		"HTTP/1.1 101 Switching Protocols\r\n\r\n":                                      {Status: 101},
		"HTTP/1.1 404 x\r\nContent-type: application/json\r\nContent-Length: 9\r\n\r\n": {Status: 404, Length: 9, JSON: true},
		"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: sip\r\n\r\n":       {Status: 101, SIP: true},
		"HTTP/1.1 204 x\r\nContent-Length: 7\r\n\r\n":                                   {Status: 204},
		"HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n":                          {Status: 200, Length: -1, Chunked: true},
		"HTTP/1.1 200 x\r\nContent-Length: 99999999999999\r\n\r\n":                      {Status: 200},
	} {
		var r Response
		if n, ok := ReadResponse([]byte(text), &r); n != len(text) || !ok || r != want {
			t.Errorf("%q: got %d %v %+v, want %+v", text, n, ok, r, want)
		}
	}
	for _, bad := range []string{"SIP/2.0 200 OK\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 999 x\r\n\r\n"} {
		var r Response
		if _, ok := ReadResponse([]byte(bad), &r); ok {
			t.Errorf("%q is no answer", bad)
		}
	}
}

func TestUnframe(t *testing.T) {
	var room []byte
	for name, c := range map[string]struct {
		frame, want string
		last        bool
		n           int
	}{
		"text":        {"\x81\x02hi", "hi", true, 4},
		"masked":      {"\x81\x82\x01\x02\x03\x04" + "ik", "hi", true, 8},
		"goes on":     {"\x01\x02hi", "hi", false, 4},
		"ping":        {"\x89\x02hi", "", true, 4},
		"longer":      {"\x82\x7e\x00\x03abc", "abc", true, 7},
		"not yet":     {"\x81\x05hi", "", false, 0},
		"no length":   {"\x81\x7e\x00", "", false, 0},
		"no mask":     {"\x81\x82\x01", "", false, 0},
		"far too big": {"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", "", false, -1},
		"nothing":     {"", "", false, 0},
	} {
		b := []byte(c.frame)
		got, last, n := Unframe(b, 100, &room)
		if string(got) != c.want || last != c.last || n != c.n || string(b) != c.frame {
			t.Errorf("%s: got %q %v %d", name, got, last, n)
		}
	}
}

// FuzzRead: heads end where an empty line ends, texts are parts of them, and frames
// are no longer than what is there.
func FuzzRead(f *testing.F) {
	f.Add([]byte("GET /ari?api_key=a:b HTTP/1.1\r\nAuthorization: Basic abc\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 401 x\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("\x81\x82\x01\x02\x03\x04ik"))
	f.Fuzz(func(t *testing.T, b []byte) {
		kept := bytes.Clone(b)
		var q Request
		var a Response
		var room []byte
		for _, n := range []int{first(ReadRequest(b, &q)), first(ReadResponse(b, &a))} {
			if n < 0 || n > len(b) || n > 0 && b[n-1] != '\n' {
				t.Fatalf("got %d of %q", n, b)
			}
		}
		for _, text := range [][]byte{q.Method, q.Path, q.Query, q.Agent, q.Credentials, q.Protocol, Parameter(q.Query, "a")} {
			if !bytes.Contains(b, text) {
				t.Fatalf("%q is no part of %q", text, b)
			}
		}
		if q.Length < 0 || a.Length < -1 || a.Status < 0 || a.Status > 599 {
			t.Fatalf("got %+v %+v", q, a)
		}
		payload, _, n := Unframe(b, 64, &room)
		if n > len(b) || n < -1 || len(payload) > 64 || len(payload) > max(n, 0) || !bytes.Equal(b, kept) {
			t.Fatalf("got a frame of %d with %d bytes in %q", n, len(payload), b)
		}
	})
}

func first(n int, _ bool) int { return n }
