// Package watcher follows log files, globs and named pipes and hands out
// blocks of whole lines. The daemon calls it. It must never lose or double a
// line over a rotation, hold more than a bounded piece of a file in memory, or
// look at what the lines mean.
package watcher

import (
	"context"
	"time"
)

// MaxLine is where a line is cut, in bytes without its newline. Asterisk's own
// logger cuts a record at 8191 bytes (asterisk:main/logger.c, BUFSIZ).
const MaxLine = 8192

// Block is a run of whole lines of one file, each ended by a newline. Data is
// reused: it holds only until the callback returns.
type Block struct {
	File    string // the path as it is followed, after globbing
	Data    []byte
	Cut     bool      // Data is the first MaxLine bytes of one longer line, and a newline
	Old     bool      // written before this run began to follow the file: judge it by its own clock
	Arrived time.Time // when it was read
	Next    Position  // where the next block begins: what to remember once this one is dealt with
}

// Position is a place in a file that survives a restart. The zero value is no
// place at all.
type Position struct {
	File   string
	Dev    uint64
	Inode  uint64
	Offset int64
	Head   []byte // fingerprint of the first bytes, so that a reused inode is not taken for the same file
}

// Options of a Watcher.
type Options struct {
	Patterns []string                           // paths and globs; they need not exist yet, nor their folders
	Resume   func(file string) (Position, bool) // the remembered position; nil or false: none
	Tick     time.Duration                      // how often stat is asked when no event wakes us; 0 is 250 ms
	Notify   func(file string, problem error)   // a file that cannot be read, with a hint; called again with nil when it can; may be nil
}

// Watcher follows the files its patterns name.
type Watcher struct{ opts Options }

// New makes a Watcher. It touches nothing before Run.
func New(opts Options) *Watcher { return &Watcher{opts: opts} }

// Run follows until ctx ends, and calls deliver from one goroutine, one block
// after another: a slow deliver holds reading back, nothing is queued.
func (w *Watcher) Run(ctx context.Context, deliver func(Block) error) error {
	<-ctx.Done()
	return nil
}
