package control

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

// post calls the handler as a connection with this context would.
func post(s *Server, ctx context.Context, path string, body []byte) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, "POST", path, bytes.NewReader(body))
	s.handler().ServeHTTP(w, r)
	return w
}

// FuzzRequest sends bytes to every call that changes something. The answer is JSON with
// one of our statuses, a refusal changes nothing and says why, and only prefixes that the
// kernel can hold arrive.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"all":true}`, `{"prefix":"203.0.113.7/32"}`, `{"prefix":"::ffff:203.0.113.7/100","for_seconds":0}`,
		`{"prefix":"2001:db8::1/64","jail":"sipsec","for_seconds":3600,"force":true}`, `null`, `[]`, `{"prefix":""}`,
		`{"prefix":"203.0.113.7/32"}x`, "{\"jail\":\"\x1b[2J\xff\"}", `{"for_seconds":1e400}`,
	} {
		f.Add([]byte(seed))
	}
	ctx := context.WithValue(context.Background(), peerKey{}, peer{uid: 4242, pid: 1})
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, path := range []string{"/v1/ban", "/v1/unban", "/v1/reload"} {
			j := newJailer("203.0.113.7/32")
			w := post(New(Options{Handlers: j.calls()}), ctx, path, body)
			if !json.Valid(w.Body.Bytes()) {
				t.Fatalf("%s: got %q, want JSON", path, w.Body)
			}
			switch w.Code {
			case http.StatusOK:
				if len(j.by) != 1 || j.by[0] != "uid 4242" {
					t.Errorf("%s: got changes by %q, want one by uid 4242", path, j.by)
				}
			case http.StatusBadRequest, http.StatusConflict:
				var a errorAnswer
				if json.Unmarshal(w.Body.Bytes(), &a); a.Error == "" || a.Hint == "" || len(j.by) != 0 {
					t.Errorf("%s: got %+v and changes by %q, want an error, a hint and no change", path, a, j.by)
				}
			default:
				t.Errorf("%s: got status %d", path, w.Code)
			}
			for p := range j.bans {
				if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() || p.Bits() == 0 {
					t.Errorf("%s: got ban of %v, which no set can hold", path, p)
				}
			}
		}
	})
}
