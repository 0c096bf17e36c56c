package jails

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pbxjail/parsers"
)

func lineOf(text string) Line { return Line{Text: parsers.TextOf([]byte(text))} }

func TestChain(t *testing.T) {
	var r ring
	a := r.put(lineOf("a1"), 0)
	b := r.put(lineOf("b1"), 0)
	a = r.put(lineOf("a2"), a)
	a = r.put(lineOf("a3"), a)
	for _, c := range []struct {
		last lineID
		n    int
		want string
	}{
		{a, 10, "a1 a2 a3"}, {a, 3, "a1 a2 a3"}, {a, 2, "a2 a3"}, {a, 1, "a3"}, {a, 0, ""}, {b, 10, "b1"}, {0, 10, ""},
	} {
		if got := texts(r.chain(c.last, c.n)); got != c.want {
			t.Errorf("%d of %d: got %q, want %q", c.n, c.last, got, c.want)
		}
	}
}

func texts(lines []Line) string {
	var out []string
	for _, l := range lines {
		out = append(out, l.Text.Quoted())
	}
	return strings.Join(out, " ")
}

// Slots are used again; what a chain shows is its own address's, and the latest,
// whatever others write meanwhile.
func TestChainOverFlood(t *testing.T) {
	var ring ring
	r := rand.New(rand.NewPCG(1, 1))
	type put struct {
		id   lineID
		text string
	}
	const addresses = 7
	var written [addresses][]put
	last := func(a int) lineID {
		if n := len(written[a]); n > 0 {
			return written[a][n-1].id
		}
		return 0
	}
	for i := range 3 * ringSlots {
		a := r.IntN(addresses) * r.IntN(addresses) * r.IntN(addresses) / addresses / addresses // some are rarer than others
		// Texts of other lengths, so that what a slot held before could show.
		text := fmt.Sprintf("%d:%d:%s", a, i, strings.Repeat("x", r.IntN(40)))
		written[a] = append(written[a], put{ring.put(lineOf(text), last(a)), text})
		if i%97 > 0 {
			continue
		}
		for a := range addresses {
			var want []string
			for _, p := range written[a][max(0, len(written[a])-MaxLines):] {
				if i-int(p.id-1) < ringSlots {
					want = append(want, p.text)
				}
			}
			if got := texts(ring.chain(last(a), MaxLines)); got != strings.Join(want, " ") {
				t.Fatalf("after %d lines, address %d: got %q, want %q", i+1, a, got, want)
			}
		}
	}
	if len(ring.slots) != ringSlots {
		t.Errorf("got %d slots, want %d", len(ring.slots), ringSlots)
	}
}

func TestChainOverOverwrittenSlots(t *testing.T) {
	var r ring
	first := r.put(lineOf("first"), 0)
	second := r.put(lineOf("second"), first)
	for range ringSlots - 1 {
		r.put(lineOf("flood"), 0)
	}
	if got := texts(r.chain(second, 10)); got != "second" {
		t.Errorf("got %q, want what is left: second", got)
	}
	r.put(lineOf("flood"), 0)
	if got := r.chain(second, 10); got != nil {
		t.Errorf("got %q, want nothing", texts(got))
	}
}

// Lines live in blocks that are read over, and a chain in a ban that stays.
func TestRingKeepsCopies(t *testing.T) {
	var r ring
	block := []byte("before")
	id := r.put(Line{Text: parsers.TextOf(block)}, 0)
	copy(block, "AFTER!")
	lines := r.chain(id, 1)
	for range ringSlots {
		r.put(lineOf("another"), 0)
	}
	if got := texts(lines); got != "before" {
		t.Errorf("got %q, want %q", got, "before")
	}
}

func TestRingCutsText(t *testing.T) {
	var r ring
	long := strings.Repeat("a", MaxLineText) + "b"
	id := r.put(lineOf(long), 0)
	if got := r.chain(id, 1)[0].Text; !got.Is(long[:MaxLineText]) {
		t.Errorf("got %d bytes, want %d", got.Len(), MaxLineText)
	}
	for range ringSlots {
		id = r.put(lineOf("short"), 0)
	}
	if got := texts(r.chain(id, 1)); got != "short" {
		t.Errorf("got %q, want nothing of the line before in the slot", got)
	}
}
