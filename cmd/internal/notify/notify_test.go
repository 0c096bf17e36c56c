package notify

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

func TestQueueKeepsOrderAndCountsDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue[int](3)
		for i := range 5 {
			if got := q.Put(i); got != (i < 3) {
				t.Errorf("put %d: got %t", i, got)
			}
		}
		if q.Dropped() != 2 {
			t.Errorf("got %d dropped, want 2", q.Dropped())
		}
		ctx, cancel := context.WithCancel(t.Context())
		var got []int
		ended := make(chan error, 1)
		go func() { ended <- q.Run(ctx, func(i int) { got = append(got, i) }) }()
		synctest.Wait()
		q.Put(7)
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if want := []int{0, 1, 2, 7}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// TestQueueDeliversWhatWaitsAtItsEnd: the last lines before an end are the most important ones.
func TestQueueDeliversWhatWaitsAtItsEnd(t *testing.T) {
	q := NewQueue[int](3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q.Put(1)
	q.Put(2)
	n := 0
	q.Run(ctx, func(int) { n++ })
	if n != 2 {
		t.Errorf("got %d, want 2", n)
	}
}

// pipe is a pipe without a reader until it is opened.
type pipe struct {
	open chan struct{}
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *pipe) Write(b []byte) (int, error) {
	<-p.open
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *pipe) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Split(strings.TrimSuffix(p.text.String(), "\n"), "\n")
}

// TestWriterNeverWaits: a log without a reader delays no caller, and reports what it lost
// when it is read again.
func TestWriterNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipe{open: make(chan struct{})}
		direct := slog.New(slog.NewTextHandler(p, nil))
		w := NewWriter(p, func(n uint64) { direct.Warn("lines of the log were dropped", "lines", n) })
		log := slog.New(slog.NewTextHandler(w, nil))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		const more = 50
		log.Info("line 0")
		synctest.Wait() // it is in the pipe now, and the writer waits
		for i := range maxLines + more {
			log.Info(fmt.Sprintf("line %d", i+1)) // would hang here
		}
		if got := w.Lost(); got != more {
			t.Errorf("got %d lost, want %d", got, more)
		}
		close(p.open)
		synctest.Wait()
		log.Info("after")
		synctest.Wait()
		cancel()
		<-ended
		lines := p.lines()
		if want := maxLines + 3; len(lines) != want {
			t.Fatalf("got %d lines, want %d", len(lines), want)
		}
		if last := lines[len(lines)-1]; !strings.Contains(last, "after") {
			t.Errorf("got last line %q", last)
		}
		report := slices.IndexFunc(lines, func(l string) bool {
			return strings.Contains(l, "lines of the log were dropped") && strings.Contains(l, fmt.Sprintf("lines=%d", more))
		})
		if report < 0 {
			t.Error("the dropped lines are not reported")
		}
	})
}

func TestWriterBoundsALine(t *testing.T) {
	p := &pipe{open: make(chan struct{})}
	close(p.open)
	w := NewWriter(p, nil)
	long := []byte(strings.Repeat("x", 3*maxLine) + "\n")
	if n, err := w.Write(long); n != len(long) || err != nil {
		t.Errorf("got %d, %v, want all of it taken", n, err)
	}
	long[0] = 'y' // the caller's buffer is the caller's again
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.Run(ctx)
	if got := p.text.String(); len(got) != maxLine || !strings.HasSuffix(got, "x\n") || got[0] != 'x' {
		t.Errorf("got %d bytes, ending in %q", len(got), got[len(got)-2:])
	}
}
