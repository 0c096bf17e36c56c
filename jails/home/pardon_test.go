package home

import (
	"net/netip"
	"testing"
	"time"

	"pbxjail/jails/book"
)

// TestPardon: an unbanned address is not banned again for what it did before, no matter
// when that is read, and its grace ends.
func TestPardon(t *testing.T) {
	at := time.Date(2026, 3, 2, 10, 0, 0, 500e6, time.UTC)
	j := New(nil)
	one, other := netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("198.51.100.9")
	j.Pardon(netip.MustParsePrefix("203.0.113.0/24"), 10*time.Minute, at)
	for _, c := range []struct {
		addr          netip.Addr
		at            time.Time
		before, grace bool
	}{
		{one, at.Add(-time.Hour), true, false},
		{one, at.Truncate(time.Second), false, true}, // a log's date says a whole second
		{one, at.Add(9 * time.Minute), false, true},
		{one, at.Add(10 * time.Minute), false, false},
		{other, at.Add(-time.Hour), false, false},
		{other, at.Add(time.Minute), false, false},
	} {
		if before, grace := j.Pardoned(c.addr, c.at); before != c.before || grace != c.grace {
			t.Errorf("%s at %s: got before %t, grace %t, want %t, %t", c.addr, c.at, before, grace, c.before, c.grace)
		}
	}
	for i := range 2 * maxPardons {
		j.Pardon(netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), 32), 0, at.Add(time.Minute))
	}
	if len(j.pardons) != maxPardons {
		t.Errorf("got %d pardons, want no more than %d", len(j.pardons), maxPardons)
	}
}

// TestMomentsOutliveARestart: who was let out stays let out, and a phone with an old password
// is not reported again at once.
func TestMomentsOutliveARestart(t *testing.T) {
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	before := New(nil)
	one := netip.MustParseAddr("203.0.113.9")
	before.Pardon(netip.MustParsePrefix("203.0.113.0/24"), 10*time.Minute, at)
	list := before.UnsavedMoments()
	if len(list) != 1 {
		t.Fatalf("got %v, want the pardon", list)
	}
	before.MomentsSaved(list)
	if got := before.UnsavedMoments(); len(got) != 0 {
		t.Errorf("got %v unsaved after the database has them", got)
	}
	list = append(list, book.Moment{Kind: book.LetOut, Prefix: netip.MustParsePrefix("198.51.100.0/24"), At: at.Add(time.Hour), Until: at.Add(2 * time.Hour)})
	after := New(nil)
	after.LoadMoments(list, at.Add(time.Minute))
	if old, grace := after.Pardoned(one, at.Add(5*time.Minute)); old || !grace {
		t.Errorf("got %v, %v, want the grace", old, grace)
	}
	if old, _ := after.Pardoned(one, at.Add(-time.Minute)); !old {
		t.Error("got what was done before counted again")
	}
	if old, _ := after.Pardoned(netip.MustParseAddr("198.51.100.9"), at); old {
		t.Error("got a pardon from the future")
	}
	if got := after.UnsavedMoments(); len(got) != 0 {
		t.Errorf("got %v unsaved, want none: the database has them", got)
	}
}
