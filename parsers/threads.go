package parsers

import (
	"slices"
	"sync"
)

// Threads remembers which thread of Asterisk writes for which source file. Each
// record names its thread (lwp), and a caller never sees that number: to forge a record it
// has to guess it. So a record of a known thread is not a caller's text. The logs of one Asterisk share one Threads. Bounded. Safe for
// concurrent use; the zero value knows no thread.
type Threads struct {
	mu         sync.Mutex
	writers    map[uint32]*recent  // the threads of a file, or of files that share theirs
	all        []*recent           // the same
	young, old map[uint32]struct{} // those that were learned: the latest are young, and two generations bound both
	calls      recentKeys          // the latest threads of calls, each with its call
	sessions   [fewSessions]uint64 // the latest threads of sessions, which are many and short
	session    uint32              // how many there were
	highest    uint32              // the highest number that is proven
	guessed    [classes]guesses
	news       uint64 // how often a thread became known
}

const (
	// maxThreads is how many learned threads a generation holds.
	maxThreads = 4096
	// maxWriters bounds the files that are remembered.
	maxWriters = 512
	// fewWriters is how many threads of a file count, the latest: a file of Asterisk has
	// fewer at work, and each more that is known makes a guess easier. The threads of a pool
	// come and go. asterisk:res/res_pjsip/config_system.c, threadpool_max_size 50
	fewWriters = 64
	// fewSessions is how many threads of sessions count. A caller that opens many sessions
	// must not make more numbers known.
	fewSessions = 8
	// fewCalls is how many threads of calls count. Who guesses one must guess its call too.
	fewCalls = 256
	// fewThreads is the number below which a thread's number is no secret: in a
	// container they begin at 1.
	fewThreads = 1024
)

// recent is the latest threads of one file or of calls, the last one used first.
type recent struct{ lwps []uint32 }

// use reports whether the thread is known, and makes it the last one used.
func (r *recent) use(lwp uint32) bool {
	at := slices.Index(r.lwps, lwp)
	if at > 0 {
		copy(r.lwps[1:at+1], r.lwps[:at])
		r.lwps[0] = lwp
	}
	return at >= 0
}

func (r *recent) add(lwp uint32) {
	if len(r.lwps) < fewWriters {
		r.lwps = append(r.lwps, 0)
	}
	copy(r.lwps[1:], r.lwps)
	r.lwps[0] = lwp
}

// prove notes a thread of a record that cannot be a caller's text. It reports
// whether that is news.
func (t *Threads) prove(key uint64, ofSession bool) (news bool) {
	if key == 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	lwp, file := uint32(key), uint32(key>>32)
	t.highest = max(t.highest, lwp)
	if ofSession {
		return t.proveSession(key)
	}
	if keyClass(key) == ofCall {
		return t.proveCall(key)
	}
	w := t.writers[file]
	switch {
	case w == nil && len(t.writers) >= maxWriters:
		return false
	case w == nil:
		w = t.writer(file)
	case w.use(lwp):
		return false
	}
	w.add(lwp)
	t.isTrue(lwp)
	return true
}

// writer makes room for the threads of a file.
func (t *Threads) writer(file uint32) *recent {
	if t.writers == nil {
		t.writers = map[uint32]*recent{}
	}
	w := &recent{make([]uint32, 0, fewWriters)}
	t.writers[file] = w
	t.all = append(t.all, w)
	return w
}

// proveCall is prove for a thread at work for a call.
func (t *Threads) proveCall(key uint64) (news bool) {
	if t.calls.use(key) {
		return false
	}
	t.calls.add(key)
	t.isTrue(uint32(key))
	return true
}

// proveSession is prove for a thread that lives as long as a connection of its own.
func (t *Threads) proveSession(key uint64) (news bool) {
	if slices.Contains(t.sessions[:], key) {
		return false
	}
	t.sessions[t.session%fewSessions] = key
	t.session++
	if file := uint32(key >> 32); t.writers[file] == nil && len(t.writers) < maxWriters {
		t.writer(file)
	}
	t.isTrue(uint32(key))
	return true
}

// isTrue notes that a thread became known: it was no wrong guess.
func (t *Threads) isTrue(lwp uint32) {
	t.news++
	for i := range t.guessed {
		t.guessed[i].wrong = without(t.guessed[i].wrong, lwp)
		t.guessed[i].isTrue(lwp)
	}
}

func without(numbers []uint32, n uint32) []uint32 {
	if at := slices.Index(numbers, n); at >= 0 {
		return slices.Delete(numbers, at, at+1)
	}
	return numbers
}

// fits looks up the thread of a record that may be a caller's text. A stranger here is
// a wrong guess, where threads are known that write for its file.
func (t *Threads) fits(key uint64) fit {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := &t.guessed[keyClass(key)]
	if !t.knows(key) {
		if t.isGuess(key) {
			g.isWrong(uint32(key))
		}
		return stranger
	}
	g.isRight()
	return t.trust(key, g)
}

// isGuess reports whether a thread that does not fit is one more wrong guess. The same
// number again is none, for whatever file, and a true one of another file is none: a
// caller does not learn that it was near.
func (t *Threads) isGuess(key uint64) bool {
	lwp, file, wrong := uint32(key), uint32(key>>32), t.guessed[keyClass(key)].wrong
	none := t.writers[file] == nil && len(t.young) == 0
	if keyClass(key) == ofCall {
		none = t.calls.n == 0
	}
	if lwp == 0 || none || len(wrong) >= maxGuesses || slices.Contains(wrong, lwp) {
		return false
	}
	for _, w := range t.all {
		if slices.Contains(w.lwps, lwp) {
			return false
		}
	}
	return !t.calls.has(lwp)
}

// guessesLeft is how many wrong guesses are allowed yet, 0 where numbers are no secret;
// and how often a thread has become known.
func (t *Threads) guessesLeft() (left [classes]int, news uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.highest < fewThreads {
		return left, t.news
	}
	for i := range left {
		left[i] = maxGuesses - len(t.guessed[i].wrong)
	}
	return left, t.news
}

// peek is fits for a record that is ahead: nothing is noted. It calls familiar what
// would be no guess.
func (t *Threads) peek(key uint64) fit {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.knows(key):
		return t.trust(key, &t.guessed[keyClass(key)])
	case t.isGuess(key):
		return stranger
	}
	return familiar
}

func (t *Threads) knows(key uint64) bool {
	if key == 0 {
		return false
	}
	lwp := uint32(key)
	if keyClass(key) == ofCall && (t.calls.use(key) || t.calls.has(lwp)) {
		return true
	}
	if w := t.writers[uint32(key>>32)]; w != nil && w.use(lwp) {
		return true
	}
	if _, ok := t.young[lwp]; ok {
		return true
	}
	if _, ok := t.old[lwp]; ok {
		return true
	}
	return slices.Contains(t.sessions[:], key)
}

// Learn notes a thread that is known in another way, such as /proc/PID/task: it may
// write for any file.
func (t *Threads) Learn(lwp uint32) {
	if lwp == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.highest = max(t.highest, lwp)
	if _, ok := t.young[lwp]; ok {
		return
	}
	if t.young == nil || len(t.young) >= maxThreads {
		t.old, t.young = t.young, make(map[uint32]struct{}, 64)
	}
	t.young[lwp] = struct{}{}
	t.isTrue(lwp)
}
