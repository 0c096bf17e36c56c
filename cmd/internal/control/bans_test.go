package control

import (
	"errors"
	"net/url"
	"testing"
	"time"
)

// A request arrives as it was sent.
func TestBansRequest(t *testing.T) {
	for _, q := range []BansRequest{
		{},
		{Sort: "-packets", Jail: "guessing", Country: "NL", Since: 90 * time.Minute, Grep: "a b&c=d"},
	} {
		var got BansRequest
		if err := got.read(q.values()); err != nil || got != q {
			t.Errorf("got %+v, %v, want %+v", got, err, q)
		}
	}
	for _, wrong := range []url.Values{{"sort": {"colour"}}, {"since": {"-1h"}}, {"since": {"soon"}}} {
		var q BansRequest
		if err := q.read(wrong); err == nil {
			t.Errorf("%v: got no error", wrong)
		}
	}
}

// A caller can end a list early, and a list that fails before its first item is refused.
func TestEachBanEnds(t *testing.T) {
	path, _ := serve(t, newJailer("203.0.113.1/32", "203.0.113.2/32", "203.0.113.3/32"))
	enough, n := errors.New("enough"), 0
	err := NewClient(path).EachBan(t.Context(), BansRequest{}, func(*Ban) error { n++; return enough })
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("got %v after %d", err, n)
	}
	err = NewClient(path).EachBan(t.Context(), BansRequest{Sort: "colour"}, func(*Ban) error { return nil })
	wantRefused(t, err, `bans cannot be sorted by "colour"`)
}
