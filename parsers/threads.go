package parsers

import (
	"bytes"
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
	young, old map[uint32]struct{} // those that were learned: the latest are young, and two generations bound both
	sessions   [fewSessions]uint64 // the latest threads of sessions, which are many and short
	session    uint32              // how many there were
	highest    uint32              // the highest number that is proven
	guessed    [classes]guesses
	news       uint64 // how often a thread became known
}

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
	right uint32   // records of known threads since a wrong one was last made good
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
	// fewThreads is the number below which a thread's number is no secret: in a
	// container they begin at 1.
	fewThreads = 1024
	// maxGuesses is how many wrong numbers are allowed before no guess is believed. A busy
	// log that begins in doubt has as many honest ones, until they are known.
	maxGuesses = 48
	// goodFor is how many records of known threads make one wrong guess good again. It is many:
	// a busy log has a hundred in a second, and each call may be a guess.
	goodFor = 1024
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
	lwp, file := uint32(key), uint32(key>>32)
	t.highest = max(t.highest, lwp)
	if ofSession {
		return t.proveSession(key)
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
	w := new(recent)
	t.writers[file] = w
	return w
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
		if wrong := t.guessed[i].wrong; slices.Contains(wrong, lwp) {
			t.guessed[i].wrong = slices.DeleteFunc(wrong, func(n uint32) bool { return n == lwp })
		}
	}
}

// fits looks up the thread of a record that may be a caller's text. A stranger here is
// a wrong guess, where threads are known that write for its file.
func (t *Threads) fits(key uint64) fit {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := &t.guessed[keyClass(key)]
	if !t.knows(key) {
		if t.isGuess(key) {
			g.wrong = append(g.wrong, uint32(key))
		}
		return stranger
	}
	if g.right++; g.right >= goodFor {
		g.right = 0
		if len(g.wrong) > 0 {
			g.wrong = slices.Delete(g.wrong, 0, 1)
		}
	}
	if t.highest < fewThreads || len(g.wrong) >= maxGuesses {
		return familiar
	}
	return proven
}

// isGuess reports whether a thread that does not fit is one more wrong guess. The same
// number again is none, for whatever file, and a true one of another file is none: a
// caller does not learn that it was near.
func (t *Threads) isGuess(key uint64) bool {
	lwp, file, wrong := uint32(key), uint32(key>>32), t.guessed[keyClass(key)].wrong
	if lwp == 0 || t.writers[file] == nil && len(t.young) == 0 || len(wrong) >= maxGuesses || slices.Contains(wrong, lwp) {
		return false
	}
	for _, w := range t.writers {
		if slices.Contains(w.lwps, lwp) {
			return false
		}
	}
	return true
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
		if t.highest >= fewThreads && len(t.guessed[keyClass(key)].wrong) < maxGuesses {
			return proven
		}
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
	file := r.file
	switch {
	case isCallRecord(r):
		return uint64(callFiles)<<32 | lwp
	case bytes.HasPrefix(file, pjsipFiles): // one pool of threads writes for all of them
		file = pjsipFiles
	}
	h := uint32(2166136261) // FNV-1a
	for _, c := range file {
		h = (h ^ uint32(c)) * 16777619
	}
	return uint64(h)<<32 | lwp
}

// callFiles is for the files that threads of calls write for.
const callFiles = 1

func keyClass(key uint64) class {
	if key>>32 == callFiles {
		return ofCall
	}
	return ofFile
}

// isCallRecord reports whether a record belongs to a call, and its thread may be the
// call's own: such a thread writes for many files, and each of its records begins where
// a record begins.
func isCallRecord(r *record) bool { return len(r.call) > 0 && !isRead(r) && !ownThreads(r.file) }

// pjsipFiles is what the names of all source files of res_pjsip begin with.
var pjsipFiles = []byte("res_pjsip")

// isSteady reports whether the thread of a record serves its file for long, so that it
// is one of few, or a call, so that it is one of the latest.
func isSteady(r *record) bool {
	if len(r.call) > 0 {
		return isCallRecord(r)
	}
	switch string(r.file) {
	case "chan_sip.c", "chan_iax2.c", "res_security_log.c":
		return true
	}
	return bytes.HasPrefix(r.file, pjsipFiles)
}
