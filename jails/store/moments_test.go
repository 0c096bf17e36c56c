package store

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"pbxjail/jails/book"
)

func TestMomentsAreKept(t *testing.T) {
	path := newPath(t)
	s := openStore(t, path)
	at := time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC)
	one := book.Moment{Kind: book.LetOut, Prefix: netip.MustParsePrefix("203.0.113.0/24"), At: at, Until: at.Add(10 * time.Minute)}
	admin := book.Moment{Kind: book.Admin, Prefix: netip.MustParsePrefix("2001:db8::7/128"), At: at.Add(time.Second), Until: at.Add(time.Hour), Why: "an admin"}
	older := one
	older.At = at.Add(-time.Hour)
	for _, list := range [][]book.Moment{{older}, {one, admin}} {
		if err := s.SaveMoments(list, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, path)
	want := []book.Moment{one, admin}
	if got, err := s.Moments(at); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	late := one.Until.Add(book.MomentKept)
	if got, err := s.Moments(late); err != nil || len(got) != 1 || got[0] != admin {
		t.Errorf("got %v, %v, want the admin alone", got, err)
	}
	s.limits.moments = 3
	var many []book.Moment
	for i := range 10 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), 32)
		many = append(many, book.Moment{Kind: book.Reported, Prefix: p, At: late.Add(time.Duration(i) * time.Second), Until: late.Add(time.Hour), Why: fmt.Sprint(i)})
	}
	if err := s.SaveMoments(many, late); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Moments(at); err != nil || len(got) > 4 || got[len(got)-1].Why != "9" {
		t.Errorf("got %v, %v, want the latest three or four", got, err)
	}
}
