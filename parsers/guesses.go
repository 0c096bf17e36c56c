package parsers

import "slices"

// fit says how the thread of a record fits what is known.
type fit uint8

const (
	stranger fit = iota // the thread is not known to write for this file
	familiar            // it is, and the number could be guessed
	weak                // it is, and one of few guesses finds its number: two of them in a row prove each other
	proven              // it is, and its number could not be guessed
)

// class says whose the threads are: wrong guesses are counted for each by itself, as
// each call has a thread of its own, which is a stranger at first.
type class uint8

const (
	ofFile class = iota
	ofCall
	classes
)

// guesses are what was wrong lately.
type guesses struct {
	wrong []uint32 // the numbers that are not known, the oldest first
	kept  []kept   // the same, and forgotten much more slowly
	right uint32   // records of known threads
}

// kept is a wrong guess, and how many records of known threads came before it.
type kept struct{ lwp, at uint32 }

const (
	// fewNumbers is the number below which one right guess proves nothing: a machine that
	// has just started uses these numbers, and a small one no others. proc(5), pid_max
	fewNumbers = 32768
	// aloneWriters is how many threads a file may have for one of such numbers to prove
	// something: a channel driver has one, a pool has dozens, and each is one more to hit.
	aloneWriters = 4
	// maxGuesses is how many wrong numbers are allowed before no guess is believed. A busy
	// log that begins in doubt has as many honest ones, until they are known.
	maxGuesses = 48
	// goodFor is how many records of known threads make one wrong guess good again. It is many:
	// a busy log has a hundred in a second, and each call may be a guess.
	goodFor = 1024
	// maxKept is how many wrong guesses are allowed before one right guess of one of few
	// numbers is not enough. keptFor is goodFor for these: hours of a busy log.
	maxKept = 4
	keptFor = 1 << 20
	// soon is how many records of known threads later a thread may still show that its
	// number was no guess.
	soon = 512
)

func (g *guesses) isWrong(lwp uint32) {
	if g.wrong == nil {
		g.wrong, g.kept = make([]uint32, 0, maxGuesses), make([]kept, 0, maxKept)
	}
	g.wrong = append(g.wrong, lwp)
	if len(g.kept) < maxKept && !slices.ContainsFunc(g.kept, func(k kept) bool { return k.lwp == lwp }) {
		g.kept = append(g.kept, kept{lwp, g.right})
	}
}

// isTrue takes back that a number was wrong. A thread that begins long after its number
// was guessed does not make the guess right.
func (g *guesses) isTrue(lwp uint32) {
	g.kept = slices.DeleteFunc(g.kept, func(k kept) bool { return k.lwp == lwp && g.right-k.at < soon })
}

// isRight makes old wrong guesses good.
func (g *guesses) isRight() {
	g.right++
	if g.right%goodFor == 0 && len(g.wrong) > 0 {
		g.wrong = slices.Delete(g.wrong, 0, 1)
	}
	if g.right%keptFor == 0 && len(g.kept) > 0 {
		g.kept = slices.Delete(g.kept, 0, 1)
	}
}

// trust says how well the number of a known thread is kept from callers.
func (t *Threads) trust(key uint64, g *guesses) fit {
	lwp := uint32(key)
	switch {
	case t.highest < fewThreads || len(g.wrong) >= maxGuesses:
		return familiar
	case lwp >= fewNumbers || len(g.kept) < maxKept || t.calls.holds(key):
		return proven
	case keyClass(key) == ofCall:
		return weak
	}
	switch w := t.writers[uint32(key>>32)]; {
	case w == nil || len(w.lwps) > aloneWriters:
		return weak
	case !slices.Contains(w.lwps, lwp) && !slices.Contains(t.sessions[:], key):
		return familiar // it writes for other files, as too many threads do
	}
	return proven
}
