package book

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pbxjail/parsers"
)

func lineOf(text string) Line { return Line{Text: parsers.TextOf([]byte(text))} }

// Slots are used again; a number finds its own line, or none.
func TestRingOverFlood(t *testing.T) {
	var ring Ring
	r := rand.New(rand.NewPCG(1, 1))
	type put struct {
		text  string
		notes []string
	}
	written := []put{{}} // numbers begin with 1
	for i := range 3 * RingLines {
		// Texts and factors of other lengths, so that what a slot held before could show.
		l := lineOf(fmt.Sprintf("%d:%s", i, strings.Repeat("x", r.IntN(40))))
		p := put{text: l.Text.Quoted()}
		for k := range r.IntN(4) {
			l.Factors = append(l.Factors, Factor{Note: fmt.Sprint(i, k)})
			p.notes = append(p.notes, fmt.Sprint(i, k))
		}
		written = append(written, p)
		if got, want := ring.Put(l), uint32(len(written)-1); got != want {
			t.Fatalf("got number %d, want %d", got, want)
		}
		if i%97 > 0 {
			continue
		}
		for id, want := range written {
			got, ok := ring.Get(uint32(id))
			if kept := id > 0 && id > len(written)-1-RingLines; ok != kept {
				t.Fatalf("line %d of %d: got %t, want %t", id, len(written)-1, ok, kept)
			}
			var notes []string
			for _, f := range got.Factors {
				notes = append(notes, f.Note)
			}
			if ok && (got.Text.Quoted() != want.text || !slices.Equal(notes, want.notes)) {
				t.Fatalf("line %d: got %q %v, want %q %v", id, got.Text.Quoted(), notes, want.text, want.notes)
			}
		}
	}
}

// What is got is a copy: the slot is written again.
func TestRingCopies(t *testing.T) {
	var r Ring
	text := []byte("abc")
	id := r.Put(Line{Text: parsers.TextOf(text), Factors: []Factor{{Note: "a"}}})
	text[0] = 'x'
	got, _ := r.Get(id)
	got.Text.Raw()[1], got.Factors[0].Note = 'x', "x"
	again, _ := r.Get(id)
	if again.Text.Quoted() != "abc" || again.Factors[0].Note != "a" {
		t.Errorf("got %q %v, want what was put", again.Text.Quoted(), again.Factors)
	}
}

// The number of a line can be more than 32 bits hold.
func TestRingWraps(t *testing.T) {
	r := Ring{next: 1<<32 - 2}
	for range RingLines / partLines {
		r.parts = append(r.parts, new([partLines]slot))
	}
	for _, text := range []string{"a", "b", "c", "d"} {
		id := r.Put(lineOf(text))
		if got, ok := r.Get(id); id != 0 && (!ok || got.Text.Quoted() != text) {
			t.Errorf("got %q, %t for line %d, want %q", got.Text.Quoted(), ok, id, text)
		}
	}
}
