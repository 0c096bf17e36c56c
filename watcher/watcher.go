// Package watcher follows log files, globs and named pipes and hands out
// blocks of whole lines. The daemon calls it. It must never lose or double a
// line over a rotation, hold more than a bounded piece of a file in memory, or
// look at what the lines mean.
//
// Regular files are read by a follower of our own: inotify(7) events only wake
// it up, stat(2) at the path is the truth, and an inode that was rotated away
// stays open and is read on until it has been quiet for a while. Named pipes are
// read by nxadm/tail.
package watcher

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// MaxLine is where a line is cut, in bytes without its newline. Asterisk's own
// logger cuts a record at 8191 bytes (asterisk:main/logger.c, BUFSIZ).
const MaxLine = 8192

// MaxFiles is how many files are followed at once. More are refused through
// Options.Notify.
const MaxFiles = 200

// Block is a run of whole lines of one file, each ended by a newline. Data is
// reused: it holds only until the callback returns. Data is empty when nothing
// but Next is news, as when a file begins to be followed at its end.
type Block struct {
	File    string // the path as it is followed, after globbing
	Data    []byte
	Cut     bool      // Data is one line that is not whole, and a newline: the first MaxLine bytes of a longer one, or the last of a finished file that had no newline
	Old     bool      // written before this run began to follow the file: judge it by its own clock
	Arrived time.Time // when it was read
	Next    Position  // where the next block begins: what to remember once this one is dealt with; the zero Position for a pipe
}

// Position is a place in a file that survives a restart. The zero value is no
// place at all.
type Position struct {
	File   string
	Dev    uint64
	Inode  uint64
	Offset int64
	Head   []byte     // fingerprint of the first bytes, so that a reused inode is not taken for the same file
	Older  []Position // inodes rotated away from File that were still being read; nearly always empty
	Cursor string     `json:",omitempty"` // of a unit in the journal, which has nothing of the above but File
}

// Options of a Watcher.
type Options struct {
	Patterns []string                           // paths and globs; they need not exist yet, nor their folders
	Resume   func(file string) (Position, bool) // the remembered position; nil or false: none
	Tick     time.Duration                      // how often stat is asked where the kernel may report no event; 0 is 250 ms. Elsewhere every 20 ticks
	Missed   func(file string, files int)       // the path named so many files that were gone before they could be read; may be nil
	Notify   func(file string, problem error)   // a file or pattern that cannot be read, with a hint; called again with nil when it can; may be nil
}

// Watcher follows the files its patterns name. Its methods may be called from
// any goroutine; Run only once at a time. Missed, Notify and Resume are called from the
// goroutine of Run.
type Watcher struct {
	opts  Options
	quiet time.Duration // how long an inode that was rotated away must be silent to be closed
	deaf  bool          // tests: no inotify, the tick alone

	changed chan struct{} // holds one when patterns were set
	ready   chan struct{} // closed when Run has looked for the first time
	looked  sync.Once     // closes ready

	mu       sync.Mutex // guards the following
	patterns []string
	states   map[string]*FileState
}

// New makes a Watcher. It touches nothing before Run.
func New(opts Options) *Watcher {
	if opts.Tick <= 0 {
		opts.Tick = 250 * time.Millisecond
	}
	if opts.Resume == nil {
		opts.Resume = func(string) (Position, bool) { return Position{}, false }
	}
	if opts.Missed == nil {
		opts.Missed = func(string, int) {}
	}
	if opts.Notify == nil {
		opts.Notify = func(string, error) {}
	}
	return &Watcher{
		opts: opts,
		// Asterisk writes to the renamed file until an admin makes it reopen
		// (`logger reload`, asterisk:main/logger.c): a minute costs one descriptor.
		quiet:    time.Minute,
		changed:  make(chan struct{}, 1),
		ready:    make(chan struct{}),
		patterns: slices.Clone(opts.Patterns),
		states:   map[string]*FileState{},
	}
}

// Run follows until ctx ends, and calls deliver from one goroutine, one block
// after another: a slow deliver holds reading back, nothing is queued. It
// returns nil when ctx ends, otherwise what deliver returned.
//
// A file that exists when Run starts begins at its remembered position, or at
// its end when there is none; a file that appears later begins at its first byte.
func (w *Watcher) Run(ctx context.Context, deliver func(Block) error) error {
	l := newLoop(w, deliver)
	defer l.close()
	return l.run(ctx)
}

// Ready is closed when Run knows where each file that exists begins: what is
// written from then on is handed out.
func (w *Watcher) Ready() <-chan struct{} { return w.ready }

// SetPatterns changes what is followed, now or when Run is called. Files that
// stay go on undisturbed; new ones that exist begin as at the start of Run.
func (w *Watcher) SetPatterns(patterns []string) {
	w.mu.Lock()
	w.patterns = slices.Clone(patterns)
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// FileState says how far one file has been read.
type FileState struct {
	File     string
	Pipe     bool
	Offset   int64     // where the next block begins, in the inode the path names; 0 for a pipe
	Size     int64     // of that inode when last seen
	Older    int       // inodes rotated away that are still being read
	Missed   int       // files that the path named, and that were compressed or deleted before they could be read
	LastLine time.Time // when the last line was read; zero: none yet
	Problem  error     // why it is not being read now, with a hint; nil: it is
}

// Files lists what is followed, by name.
func (w *Watcher) Files() []FileState {
	w.mu.Lock()
	defer w.mu.Unlock()
	files := make([]FileState, 0, len(w.states))
	for _, s := range w.states {
		files = append(files, *s)
	}
	slices.SortFunc(files, func(a, b FileState) int { return strings.Compare(a.File, b.File) })
	return files
}
