package store

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"
)

func savePositions(t *testing.T, s *Store, now time.Time, positions ...Position) {
	t.Helper()
	if err := s.SavePositions(positions, now); err != nil {
		t.Fatal(err)
	}
}

func wantPositions(t *testing.T, s *Store, want ...Position) {
	t.Helper()
	got, err := s.Positions()
	equal := func(a, b Position) bool {
		return a.File == b.File && bytes.Equal(a.Place, b.Place)
	}
	if err != nil || !slices.EqualFunc(got, want, equal) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestPositions(t *testing.T) {
	s := openStore(t, newPath(t))
	wantPositions(t, s)
	full := Position{"/var/log/asterisk/full", []byte{0, 0xff, '\n'}}
	odd := Position{File: "/var/log/\xff odd"}
	savePositions(t, s, start, odd, full)
	savePositions(t, s, start)
	s = reopen(t, s)
	wantPositions(t, s, full, odd)
	full.Place = []byte("17")
	savePositions(t, s, start, full)
	wantPositions(t, s, full, odd)
}

func TestPositionsOfFilesThatAreGone(t *testing.T) {
	s := openStore(t, newPath(t))
	old, kept, saved := Position{File: "/old"}, Position{File: "/kept"}, Position{File: "/saved"}
	savePositions(t, s, start, old)
	savePositions(t, s, start.Add(time.Hour), kept)
	savePositions(t, s, start.Add(keepPositions+time.Minute), saved)
	wantPositions(t, s, kept, saved)
}

func TestPositionsAreBounded(t *testing.T) {
	s := openStore(t, newPath(t))
	s.limits.positions = 3
	for i := range 10 {
		savePositions(t, s, start.Add(time.Duration(i)*time.Second), Position{File: fmt.Sprintf("/%02d", i)})
	}
	wantPositions(t, s, Position{File: "/07"}, Position{File: "/08"}, Position{File: "/09"})
}
