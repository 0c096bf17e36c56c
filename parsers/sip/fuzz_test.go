package sip

import (
	"bytes"
	"testing"
	"unsafe"
)

// FuzzRead: whatever comes, texts are parts of it, numbers are within bounds, and the
// same bytes are read in the same way; more bytes behind a whole head change nothing.
func FuzzRead(f *testing.F) {
	for _, c := range torture {
		f.Add(wired(c.text))
	}
	f.Add(wired(register))
	f.Add([]byte("SIP/2.0 401 x\r\nWWW-Authenticate: Digest nonce=\"a\\\"b\", stale=true\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		kept := bytes.Clone(b)
		var m, again Message
		Read(b, &m)
		if !bytes.Equal(b, kept) {
			t.Fatal("the bytes were changed")
		}
		texts := [][]byte{m.Word, m.URI, m.User, m.Branch, m.SentBy, m.FromUser, m.FromTag, m.ToUser, m.ToTag, m.CallID, m.Agent, m.Contact, m.Event, m.Nonce}
		for i := range m.Answers {
			texts = append(texts, m.Answer[i].User, m.Answer[i].Nonce, m.Answer[i].Response)
		}
		for _, text := range texts {
			if !within(text, b) {
				t.Fatalf("%q is no part of %q", text, b)
			}
		}
		if m.Head < 0 || m.Head > len(b) || m.Length < -1 || m.Length > maxBody || m.Answers > maxAnswers || m.Status > 699 || m.Problem >= problems || m.Method >= methods {
			t.Fatalf("got %+v", m)
		}
		if m.Problem == Fine && (m.Method == NoMethod || m.Response && m.Status < 100) {
			t.Fatalf("nothing is wrong with %q, and it says nothing", b)
		}
		if m.Whole && m.Problem != NotSIP {
			Read(append(kept, "trailing\r\n\r\n"...), &again)
			if gotOf(&m) != gotOf(&again) || m.Problem != again.Problem || m.Head != again.Head {
				t.Fatalf("a body changed %+v to %+v", m, again)
			}
		}
		skip, need := Frame(b, &again)
		if skip < 0 || skip > len(b) || need < 0 || need > len(b)+maxBody {
			t.Fatalf("got a frame of %d after %d in %d bytes", need, skip, len(b))
		}
		KeepAlive(b)
	})
}

// within reports whether a text is a part of the bytes it was read from.
func within(text, b []byte) bool {
	if len(text) == 0 {
		return true
	}
	from := uintptr(unsafe.Pointer(unsafe.SliceData(text))) - uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return from+uintptr(len(text)) <= uintptr(len(b))
}
