package parsers

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestSearch compares with the standard library's, on texts full of near misses.
func TestSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20000 {
		text := make([]byte, r.IntN(40))
		for i := range text {
			text[i] = "ab"[r.IntN(2)]
		}
		sep := text[:0]
		if len(text) >= 3 {
			at := r.IntN(len(text) - 2)
			sep = text[at : at+3+r.IntN(len(text)-at-2)]
		}
		for _, sep := range [][]byte{sep, []byte("abab"), []byte("aaa")} {
			if len(sep) < 3 {
				continue
			}
			if got, want := lastIndex(text, sep), bytes.LastIndex(text, sep); got != want {
				t.Fatalf("%s in %s: got %d, want %d", sep, text, got, want)
			}
			mark := r.IntN(len(sep))
			if got, want := contains(text, sep, mark), bytes.Contains(text, sep); got != want {
				t.Fatalf("%s in %s, by its byte %d: got %v, want %v", sep, text, mark, got, want)
			}
		}
	}
}

// TestLiteralsAfterLastFields: lastIndex asks for three bytes.
func TestLiteralsAfterLastFields(t *testing.T) {
	for _, l := range allRules() {
		for i, s := range l.form.steps {
			if s.last && len(l.form.steps[i+1].lit) < 3 {
				t.Errorf("%s: got %q after a \"*\" field, want at least three bytes", l.id, l.form.steps[i+1].lit)
			}
		}
	}
}
