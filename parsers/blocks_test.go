package parsers

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// readBlocks puts blocks together again, and what was cut beside them.
func readBlocks(t testing.TB, text io.Reader) (whole []byte, cuts [][]byte) {
	t.Helper()
	b := NewBlocks(text)
	for {
		data, cut, err := b.Next()
		if errors.Is(err, io.EOF) {
			return whole, cuts
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(data) == 0 {
			t.Fatal("got an empty block, want none")
		}
		if cut {
			cuts = append(cuts, bytes.Clone(data))
			continue
		}
		whole = append(whole, data...)
	}
}

func TestBlocks(t *testing.T) {
	line := strings.Repeat("x", 99) + "\n"
	long := strings.Repeat("y", 2*blockSize)
	for _, c := range []struct {
		name, text, want string
		cuts             int
	}{
		{"nothing", "", "", 0},
		{"one line", "a\n", "a\n", 0},
		{"no newline at the end", "a\nb", "a\nb", 0},
		{"more than one block", strings.Repeat(line, 9000), strings.Repeat(line, 9000), 0},
		{"a line too long", "a\n" + long + "\nb\n", "a\nb\n", 1},
		{"only a line too long", long, "", 1},
		{"two of them", long + "\n" + long + "\nb\n", "b\n", 2},
		{"a line as long as the buffer", strings.Repeat("z", blockSize) + "\nb\n", "b\n", 1},
		{"a line one shorter", strings.Repeat("z", blockSize-1) + "\nb\n", strings.Repeat("z", blockSize-1) + "\nb\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for how, reader := range map[string]io.Reader{
				"at once": strings.NewReader(c.text), "in halves": iotest.HalfReader(strings.NewReader(c.text)), "with its end": iotest.DataErrReader(strings.NewReader(c.text)),
			} {
				got, cuts := readBlocks(t, reader)
				if string(got) != c.want || len(cuts) != c.cuts {
					t.Errorf("%s: got %d bytes and %d cuts, want %d and %d", how, len(got), len(cuts), len(c.want), c.cuts)
				}
				for _, cut := range cuts {
					if len(cut) != MaxLine {
						t.Errorf("%s: got a cut of %d bytes, want %d", how, len(cut), MaxLine)
					}
				}
			}
		})
	}
}

func TestBlocksError(t *testing.T) {
	want := errors.New("the disk is gone")
	_, _, err := NewBlocks(io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(want))).Next()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// smallReader hands out random amounts.
type smallReader struct {
	text *bytes.Reader
	r    *rand.Rand
}

func (s smallReader) Read(b []byte) (int, error) {
	return s.text.Read(b[:min(len(b), 1+s.r.IntN(9000))])
}

// FuzzBlocks: whatever the pieces in which text comes, the lines come whole and
// in order, except cut lines, of which the beginning makes an event.
func FuzzBlocks(f *testing.F) {
	f.Add([]byte("a\nb"), uint32(10), uint64(1))
	f.Add([]byte("\n\n"), uint32(blockSize), uint64(2))
	f.Add([]byte("ab"), uint32(3*blockSize), uint64(3))
	f.Fuzz(func(t *testing.T, seed []byte, size uint32, random uint64) {
		r := rand.New(rand.NewPCG(random, 1))
		var text []byte
		for len(text) < int(size)%(3*blockSize) {
			text = append(append(text, seed...), bytes.Repeat([]byte("x"), r.IntN(2*blockSize)>>r.IntN(18))...)
			if r.IntN(2) == 0 {
				text = append(text, '\n')
			}
		}
		got, cuts := readBlocks(t, smallReader{bytes.NewReader(text), r})
		// What is missing are lines that are too long, in order, each with its beginning.
		for line := range bytes.Lines(text) {
			switch {
			case bytes.HasPrefix(got, line):
				got = got[len(line):]
			case len(line) >= blockSize && len(cuts) > 0 && bytes.HasPrefix(line, cuts[0]):
				cuts = cuts[1:]
			default:
				t.Fatalf("a line of %d bytes is neither whole nor cut", len(line))
			}
		}
		if len(got) > 0 || len(cuts) > 0 {
			t.Errorf("got %d bytes and %d cuts too many", len(got), len(cuts))
		}
	})
}

// TestBlockCounts: Block counts lines as a file has them, and a cut line charges no address.
func TestBlockCounts(t *testing.T) {
	for text, want := range map[string]int{"": 0, "\n": 1, "a": 1, "a\n": 1, "a\nb": 2, "\n\n": 2} {
		if got := New(Clock{}).Block([]byte(text), false, time.Time{}, func(*Event) {}); got != want {
			t.Errorf("%q: got %d lines, want %d", text, got, want)
		}
	}
	var got []Result
	New(Clock{}).Block([]byte(honestLine), true, time.Time{}, func(e *Event) { got = append(got, e.Result) })
	if len(got) != 1 || got[0] != Ambiguous {
		t.Errorf("a cut line: got %v, want one ambiguous event", got)
	}
}
