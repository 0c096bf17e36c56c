package iax

import (
	"bytes"
	"testing"
)

// registration is a REGREQ of user joe with a token, as a phone sends it.
const registration = "\x8b\x7b\x00\x00\x00\x00\x00\x03\x00\x00\x06\x0d\x06\x03joe\x13\x02\x00\x3c\x36\x04tokn"

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Kind
	}{
		"registration":         {registration, Control},
		"a mini frame":         {"\x0b\x7b\x00\x01voice", Media},
		"a meta frame":         {"\x00\x00\x01\x00trunk", Media},
		"a full voice frame":   {"\x8b\x7b\x00\x05\x00\x00\x00\x03\x00\x00\x02\x04voice", Media},
		"cut in the header":    {registration[:11], Broken},
		"cut in an element":    {registration[:14], Broken},
		"an element too long":  {registration[:12] + "\x06\xffjoe", Broken},
		"nothing":              {"", Broken},
		"without any elements": {registration[:12], Control},
	} {
		var f Frame
		if got := Read([]byte(c.text), &f); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	var f Frame
	Read([]byte(registration), &f)
	if f.Source != 0x0b7b || f.Dest != 0 || f.Retry || f.Subclass != RegReq || string(f.User) != "joe" || string(f.Token) != "tokn" || !f.HasToken {
		t.Errorf("got %+v", f)
	}
	Read([]byte("\x80\x01\xe2\x32\x00\x00\x00\x03\x00\x01\x06\x06\x16\x02no"), &f)
	if f.Source != 1 || f.Dest != 0x6232 || !f.Retry || f.Subclass != Reject || string(f.Cause) != "no" {
		t.Errorf("got %+v", f)
	}
}

// FuzzRead: texts are parts of what was sent, and a broken frame says nothing.
func FuzzRead(f *testing.F) {
	f.Add([]byte(registration))
	f.Add([]byte("\x80\x01\x62\x32\x00\x00\x00\x03\x00\x01\x06\x28\x36\x02ab"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Frame
		kind := Read(b, &m)
		for _, text := range [][]byte{m.User, m.Number, m.Nonce, m.Answer, m.Cause, m.Token} {
			if !bytes.Contains(b, text) || len(text) > 255 {
				t.Fatalf("%q is no part of %q", text, b)
			}
		}
		if kind == Control && (m.Type != typeControl || len(b) < headerLen) || m.Source > 0x7fff || m.Dest > 0x7fff {
			t.Fatalf("got %v %+v", kind, m)
		}
	})
}
