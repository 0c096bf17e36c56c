package parsers

import (
	"fmt"
	"testing"
)

func keyFor(lwp int, file string) uint64 {
	return threadKey(&record{lwp: []byte(fmt.Sprint(lwp)), file: []byte(file)})
}

// TestThreads: who guesses a thread's number is not believed for long, and numbers
// that anybody can guess are never believed.
func TestThreads(t *testing.T) {
	var threads Threads
	threads.prove(keyFor(5001, "a.c"), false)
	for _, c := range []struct {
		name string
		key  uint64
		want fit
	}{
		{"known", keyFor(5001, "a.c"), proven},
		{"for another file", keyFor(5001, "b.c"), stranger},
		{"another", keyFor(5002, "a.c"), stranger},
		{"none", keyFor(0, "a.c"), stranger},
		{"no number", threadKey(&record{lwp: []byte("12345678901")}), stranger},
	} {
		if got := threads.fits(c.key); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
	for i := range maxGuesses {
		threads.fits(keyFor(6000+i, "a.c"))
	}
	if got := threads.fits(keyFor(5001, "a.c")); got != familiar {
		t.Errorf("after %d wrong guesses: got %d, want it to count as a guess", maxGuesses, got)
	}
	for range goodFor {
		threads.fits(keyFor(5001, "a.c"))
	}
	if got := threads.fits(keyFor(5001, "a.c")); got != proven {
		t.Errorf("after %d right ones: got %d, want it believed again", goodFor, got)
	}
	var few Threads
	few.prove(keyFor(70, "a.c"), false)
	if got := few.fits(keyFor(70, "a.c")); got != familiar {
		t.Errorf("in a container: got %d, want a number that can be guessed", got)
	}
	few.Learn(4000)
	if got := few.fits(keyFor(4000, "x.c")); got != proven {
		t.Errorf("learned: got %d, want it to write for any file", got)
	}
}

// TestFewNumbers: where numbers are few, wrong guesses make one right guess too little,
// unless few threads write for the file or the record names its call too.
func TestFewNumbers(t *testing.T) {
	ofCall := func(lwp int, call string) uint64 {
		return threadKey(&record{lwp: []byte(fmt.Sprint(lwp)), file: []byte("pbx.c"), call: []byte(call)})
	}
	var threads Threads
	for i := range 2 * aloneWriters {
		threads.prove(keyFor(5001+i, "pool.c"), false)
		threads.prove(keyFor(fewNumbers+i, "pool.c"), false)
		threads.prove(ofCall(7001+i, fmt.Sprint("C-", i)), false)
	}
	threads.prove(keyFor(5100, "one.c"), false)
	want := func(name string, key uint64, want fit) {
		t.Helper()
		if got := threads.fits(key); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
	want("before a guess", keyFor(5001, "pool.c"), proven)
	for i := range maxKept {
		threads.fits(keyFor(6000+i, "pool.c"))
		threads.fits(ofCall(6000+i, "C-1"))
	}
	want("a pool", keyFor(5001, "pool.c"), weak)
	want("a high number", keyFor(fewNumbers+1, "pool.c"), proven)
	want("one thread", keyFor(5100, "one.c"), proven)
	want("a call", ofCall(7001, "C-0"), proven)
	want("another call of its thread", ofCall(7001, "C-1"), weak)
	threads.prove(keyFor(6000, "pool.c"), false)
	want("a guess that was none", keyFor(5001, "pool.c"), proven)
}

// TestThreadsAreBounded: connections make threads without end.
func TestThreadsAreBounded(t *testing.T) {
	var threads Threads
	for i := range 5 * maxThreads {
		threads.prove(keyFor(2000+i, fmt.Sprint("f", i, ".c")), i%2 == 0)
	}
	if n := len(threads.writers); n > maxWriters {
		t.Errorf("got %d files, want at most %d", n, maxWriters)
	}
	for i := range 5 * fewWriters {
		threads.prove(keyFor(2000+i, "f1.c"), false)
		threads.Learn(uint32(i + 1))
	}
	if n := len(threads.writers[uint32(keyFor(1, "f1.c")>>32)].lwps); n > fewWriters {
		t.Errorf("got %d threads of a file, want at most %d", n, fewWriters)
	}
	for i := range 5 * maxThreads {
		threads.Learn(uint32(2000 + i))
	}
	if n := len(threads.young) + len(threads.old); n > 2*maxThreads {
		t.Errorf("got %d threads learned, want at most %d", n, 2*maxThreads)
	}
}
