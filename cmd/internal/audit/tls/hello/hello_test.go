package hello

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// hex of records is written as Go strings: the length is in bytes 3 and 4.
const (
	helloRecord = "\x16\x03\x00\x00\x2a\x02\x00\x00\x26\x03\x00" + random + "\x00\x00\x05\x00"
	random      = "0123456789abcdef0123456789abcdef"
	certRecord  = "\x16\x03\x00\x00\x0c\x0b\x00\x00\x08\x00\x00\x05\x00\x00\x02ab"
	doneRecord  = "\x16\x03\x00\x00\x04\x0e\x00\x00\x00"
	fatal       = "\x15\x03\x00\x00\x02\x02\x28"
	warning     = "\x15\x03\x00\x00\x02\x01\x70"
)

func TestRead(t *testing.T) {
	both := "\x16\x03\x00\x00\x36" + helloRecord[5:] + certRecord[5:] // one record with two messages
	for _, c := range []struct {
		name, text string
		want       Answer
		err        error
	}{
		{"accepts", helloRecord + certRecord + doneRecord, Answer{Accepted: true, Version: SSL3, Suite: 5, Certificates: [][]byte{[]byte("ab")}}, nil},
		{"in one record", both, Answer{Accepted: true, Version: SSL3, Suite: 5, Certificates: [][]byte{[]byte("ab")}}, nil},
		{"a message in two records", helloRecord[:3] + "\x00\x06" + helloRecord[5:11] + "\x16\x03\x00\x00\x24" + helloRecord[11:], Answer{Accepted: true, Version: SSL3, Suite: 5}, nil},
		{"without certificate", helloRecord + doneRecord, Answer{Accepted: true, Version: SSL3, Suite: 5}, nil},
		{"a warning before", warning + helloRecord + certRecord, Answer{Accepted: true, Version: SSL3, Suite: 5, Certificates: [][]byte{[]byte("ab")}}, nil},
		{"ends after the hello", helloRecord, Answer{Accepted: true, Version: SSL3, Suite: 5}, nil},
		{"rubbish after the hello", helloRecord + "HTTP/1.1", Answer{Accepted: true, Version: SSL3, Suite: 5}, nil},
		{"refuses", fatal, Answer{Refused: true, Alert: 40}, nil},
		{"closes", "", Answer{Refused: true}, nil},
		{"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", Answer{}, ErrNotTLS},
		{"SIP", "SIP/2.0 400", Answer{}, ErrNotTLS},
		{"the banner of ssh", "SSH-2.0-OpenSSH_9.2", Answer{}, ErrNotTLS},
		{"short text", "HI", Answer{}, ErrNotTLS},
		{"one byte", "\x16", Answer{}, ErrNotTLS},
		{"an empty record", "\x16\x03\x00\x00\x00", Answer{}, errMalformed},
		{"a record too long", "\x16\x03\x00\xff\xff", Answer{}, errMalformed},
		{"a message too long", "\x16\x03\x00\x00\x04\x02\xff\xff\xff", Answer{}, errMalformed},
		{"done before hello", doneRecord, Answer{}, errMalformed},
		{"another protocol's version", strings.Replace(helloRecord, "\x26\x03\x00", "\x26\x02\x00", 1), Answer{}, errMalformed},
		{"a long session", strings.Replace(helloRecord, random+"\x00", random+"\x21", 1), Answer{}, errMalformed},
	} {
		got, err := Read(strings.NewReader(c.text))
		if !errors.Is(err, c.err) || c.err == nil && err != nil {
			t.Errorf("%s: got error %v, want %v", c.name, err, c.err)
		}
		if got.Accepted != c.want.Accepted || got.Version != c.want.Version || got.Suite != c.want.Suite || got.Refused != c.want.Refused || got.Alert != c.want.Alert ||
			!slices.EqualFunc(got.Certificates, c.want.Certificates, bytes.Equal) {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// endless sends one record again and again.
type endless struct {
	text string
	n    int
}

func (e *endless) Read(p []byte) (int, error) {
	e.n += len(p)
	return copy(p, e.text[:min(len(p), len(e.text))]), nil
}

func TestReadIsBounded(t *testing.T) {
	for _, text := range []string{warning, "\x16\x03\x00\x00\x05\x02\x01\xf0\x00\x00"} {
		r := &endless{text: text}
		if _, err := Read(io.MultiReader(strings.NewReader(text), r)); err == nil || r.n > 2*maxAll {
			t.Logf("%q: got %v after %d bytes", text, err, r.n)
		}
		if r.n > 4*maxAll {
			t.Errorf("%q: read %d bytes", text, r.n)
		}
	}
}

func TestRecord(t *testing.T) {
	h := Hello{Version: SSL3, Suites: []uint16{5}, Name: "pbx.example"}
	want := "\x16\x03\x00\x00\x2d\x01\x00\x00\x29\x03\x00" + strings.Repeat("\x00", 32) + "\x00\x00\x02\x00\x05\x01\x00"
	if got := string(h.Record()); got != want {
		t.Errorf("got  %x\nwant %x", got, want) // RFC 6101 has no extensions
	}
	h.Version = TLS12
	if got := string(h.Record()); !strings.Contains(got, "\x00\x00\x00\x10\x00\x0e\x00\x00\x0bpbx.example") || got[1:3] != "\x03\x01" || got[9:11] != "\x03\x03" {
		t.Errorf("got %x", got)
	}
}

// TestSuites: each cipher is of one kind.
func TestSuites(t *testing.T) {
	seen := map[uint16]bool{}
	for _, s := range weak {
		if seen[s.id] || slices.Contains(sound, s.id) || s.kind == Sound {
			t.Errorf("%#04x is there twice, or is of no kind", s.id)
		}
		seen[s.id] = true
		for _, k := range []Kind{Null, Export, RC4} {
			word := map[Kind]string{Null: "NULL", Export: "EXPORT", RC4: "RC4"}[k]
			if k != s.kind && strings.Contains(s.name, word) && s.kind != Anonymous && s.kind != Export {
				t.Errorf("%s is of the kind %s", s.name, s.kind)
			}
		}
	}
	for _, k := range Kinds() {
		if len(Weak(k)) == 0 || k.String() == "" || k.Means() == "" || k.Reference() == "" {
			t.Errorf("kind %d has no cipher or no text", k)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{helloRecord + certRecord + doneRecord, fatal, warning + helloRecord, "HTTP/1.1", "\x16\x03\x01"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := Read(bytes.NewReader(text))
		if err != nil && a.Refused || a.Accepted && a.Refused {
			t.Errorf("got %+v and %v", a, err)
		}
		if a.Accepted && a.Version>>8 != 3 || !a.Accepted && len(a.Certificates) > 0 || len(a.Certificates) > maxCertificates {
			t.Errorf("got %+v", a)
		}
		size := 0
		for _, c := range a.Certificates {
			size += len(c)
		}
		if size > len(text) {
			t.Errorf("got %d bytes of certificates out of %d", size, len(text))
		}
	})
}
