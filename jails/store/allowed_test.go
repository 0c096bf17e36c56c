package store

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"pbxjail/jails/book"
)

func TestAllowedIsKept(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	at := time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC)
	one := book.Allowed{Prefix: netip.MustParsePrefix("203.0.113.5/32"), Since: at, Note: "a phone shop", By: "uid 0 (root)"}
	network := book.Allowed{Prefix: netip.MustParsePrefix("2001:db8::/48"), Since: at.Add(time.Minute), Until: at.Add(time.Hour), By: "uid 0 (root)"}
	name := book.Allowed{Host: "office.example.net", Since: at.Add(2 * time.Minute), By: "uid 0 (root)"}
	for _, a := range []book.Allowed{{Prefix: one.Prefix, Since: at.Add(-time.Hour), Until: at.Add(-time.Minute), By: "x"}, one, network, name} {
		if err := s.Allow(a); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	again, _, err := Open(path, at)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	got, err := again.Allowed(at)
	if want := []book.Allowed{one, network, name}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if err := again.Disallow(name.What()); err != nil {
		t.Fatal(err)
	}
	if got, err := again.Allowed(at.Add(2 * time.Hour)); err != nil || !reflect.DeepEqual(got, []book.Allowed{one}) {
		t.Errorf("got %+v, %v, want the one without an end", got, err)
	}
}
