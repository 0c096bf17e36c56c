package notify

import (
	"context"
	"io"
	"slices"
	"sync/atomic"
)

const (
	// maxLines is how many lines of a log wait at most, maxLine how long one is kept, in
	// bytes: a pipe that is not read holds no more than that of our memory.
	maxLines = 1000
	maxLine  = 4096
)

// Writer is a writer of log lines that never waits: Write only takes the line, and Run
// writes it. Each Write is one line, as log/slog does it. Write may be called from any
// goroutine.
type Writer struct {
	to       io.Writer
	queue    *Queue[[]byte]
	reported atomic.Uint64 // of those dropped, how many Lost was called for
	lost     func(lines uint64)
}

// NewWriter makes a writer that starts nothing. lost is called from Run when lines were
// dropped, with their number. It may block, and must not write to this Writer, which may be
// full. It may be nil.
func NewWriter(to io.Writer, lost func(lines uint64)) *Writer {
	if lost == nil {
		lost = func(uint64) {}
	}
	return &Writer{to: to, queue: NewQueue[[]byte](maxLines), lost: lost}
}

// Write takes a line. It never fails: a line that has no room is dropped and counted.
func (w *Writer) Write(line []byte) (int, error) {
	kept := slices.Clone(line[:min(len(line), maxLine)])
	if len(kept) < len(line) {
		kept[len(kept)-1] = '\n'
	}
	w.queue.Put(kept)
	return len(line), nil
}

// Lost is how many lines were dropped so far.
func (w *Writer) Lost() uint64 { return w.queue.Dropped() }

// Run writes until ctx ends and nothing waits. It waits while the other end is not read: do
// not wait for Run longer than for a reader. It does not report an error of the other end,
// because there is no other place to report it. It returns nil.
func (w *Writer) Run(ctx context.Context) error {
	return w.queue.Run(ctx, func(line []byte) {
		w.to.Write(line)
		if total := w.Lost(); total > w.reported.Load() {
			w.lost(total - w.reported.Swap(total))
		}
	})
}
