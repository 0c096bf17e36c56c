package parsers

import (
	"bytes"
	"slices"
	"sync"
)

// Threads remembers which thread of Asterisk writes for which source file. Each
// record names its thread (lwp), and a caller never sees that number: he who writes
// a record of his own has to guess it. So a record of a known thread began where a
// record begins. The logs of one Asterisk share one Threads. Bounded. Safe for
// concurrent use; the zero value knows no thread.
type Threads struct {
	mu         sync.Mutex
	young, old map[uint64]struct{} // the latest are young; two generations bound both
	files      map[uint32]struct{} // those that a known thread writes for
	sessions   [fewSessions]uint64 // the latest threads of sessions, which are many and short
	session    uint32              // how many there were
	highest    uint32              // the highest number that is proven
	spent      uint32              // wrong guesses that are not yet made good
	wrong      [2 * maxGuesses]uint64
	wrongs     uint32 // how many there were
	news       uint64 // how often a thread became known
	right      uint32 // right ones since the last was
}

const (
	// maxThreads is how many pairs of thread and file a generation holds.
	maxThreads = 4096
	// fewSessions is how many threads of sessions count: whoever makes many of them must
	// not come to know more numbers by it.
	fewSessions = 8
	// fewThreads is the number below which a thread's number is no secret: in a
	// container they begin at 1.
	fewThreads = 1024
	// maxGuesses is how many wrong guesses are allowed before no guess is believed.
	maxGuesses = 32
	// goodFor is how many known threads make one wrong guess good again.
	goodFor = 8
)

// fit says how the thread of a record fits what is known.
type fit uint8

const (
	stranger fit = iota // the thread is not known to write for this file
	familiar            // it is, and the number could be guessed
	proven              // it is, and the number could not
)

// prove notes a thread of a record that cannot be a caller's text. It reports
// whether that is news.
func (t *Threads) prove(key uint64, ofSession bool) (news bool) {
	if key == 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.highest = max(t.highest, uint32(key))
	if ofSession {
		return t.proveSession(key)
	}
	if _, ok := t.young[key]; ok {
		return false
	}
	_, known := t.old[key]
	if t.young == nil || len(t.young) >= maxThreads {
		t.old, t.young = t.young, make(map[uint64]struct{}, 64)
	}
	t.young[key] = struct{}{}
	t.noteFile(key)
	return !known
}

// proveSession is prove for a thread that lives as long as a connection of its own.
func (t *Threads) proveSession(key uint64) (news bool) {
	if slices.Contains(t.sessions[:], key) {
		return false
	}
	t.sessions[t.session%fewSessions] = key
	t.session++
	t.noteFile(key)
	return true
}

func (t *Threads) noteFile(key uint64) {
	t.news++
	if t.files == nil {
		t.files = map[uint32]struct{}{}
	}
	if len(t.files) < maxThreads {
		t.files[uint32(key>>32)] = struct{}{}
	}
}

// fits looks up the thread of a record that may be a caller's text. guess says that
// a stranger here is a wrong guess, where threads are known that write for its file.
func (t *Threads) fits(key uint64, guess bool) fit {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.knows(key) && !t.knows(uint64(uint32(key))) {
		_, file := t.files[uint32(key>>32)]
		_, any := t.files[anyFile]
		if guess && (file || any) && !slices.Contains(t.wrong[:], key) { // again is no other guess
			t.spent = min(t.spent+1, maxGuesses)
			t.wrong[t.wrongs%uint32(len(t.wrong))] = key
			t.wrongs++
		}
		return stranger
	}
	if t.right++; t.right >= goodFor {
		t.right, t.spent = 0, max(t.spent, 1)-1
	}
	if t.highest < fewThreads || t.spent >= maxGuesses {
		return familiar
	}
	return proven
}

// guessesLeft is how many wrong guesses are allowed yet, 0 where numbers are no secret;
// and how often a thread has become known.
func (t *Threads) guessesLeft() (left int, news uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.highest < fewThreads {
		return 0, t.news
	}
	return maxGuesses - int(t.spent), t.news
}

// isProven is fits without taking the thread for a guess: it only looks ahead.
func (t *Threads) isProven(key uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return key != 0 && t.highest >= fewThreads && t.spent < maxGuesses && (t.knows(key) || t.knows(uint64(uint32(key))))
}

func (t *Threads) knows(key uint64) bool {
	if _, ok := t.young[key]; ok {
		return true
	}
	_, ok := t.old[key]
	return ok || key != 0 && slices.Contains(t.sessions[:], key)
}

// Learn notes a thread that is known in another way, such as /proc/PID/task: it may
// write for any file.
func (t *Threads) Learn(lwp uint32) { t.prove(anyFile<<32|uint64(lwp), false) }

// anyFile stands for the file of a thread that was learned.
const anyFile = 0

// threadKey is the thread of a record and the file it wrote for: 0 where the record
// names none, or a number that was dialled. The low half is the thread.
func threadKey(r *record) uint64 {
	if len(r.lwp) == 0 || len(r.lwp) > 10 || bytes.HasPrefix(r.file, []byte("Ext. ")) {
		return 0
	}
	lwp := uint64(0)
	for _, c := range r.lwp {
		if c < '0' || c > '9' {
			return 0
		}
		lwp = lwp*10 + uint64(c-'0')
	}
	if lwp == 0 || lwp > 1<<31 {
		return 0
	}
	h := uint32(2166136261) // FNV-1a
	for _, c := range r.file {
		h = (h ^ uint32(c)) * 16777619
	}
	return uint64(h)<<32 | lwp
}
