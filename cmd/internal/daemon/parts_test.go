package daemon

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPartsStopInTheirOrder: a part is stopped only when those before it have ended.
func TestPartsStopInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var ends []string
		p := newParts(quiet(), new(unfinished), func(err error) { t.Errorf("got %v of a part that was stopped", err) })
		slow := func(name string, takes time.Duration) {
			p.start(name, func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(takes)
				mu.Lock()
				defer mu.Unlock()
				ends = append(ends, name)
				return ctx.Err()
			})
		}
		slow("control", 0)
		slow("watcher", 300*time.Millisecond)
		slow("warden", 200*time.Millisecond)
		limit, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p.stop(limit, "watcher", "never started")
		p.stop(limit, "warden")
		p.stop(limit, "control")
		if want := []string{"watcher", "warden", "control"}; !slices.Equal(ends, want) {
			t.Errorf("got %v, want %v", ends, want)
		}
		done := false
		if p.finish(limit, "positions", func() { done = true }); !done {
			t.Error("the last part did not run")
		}
	})
}

// TestPartThatHangsIsLeft: a dead disk does not stop the shutdown.
func TestPartThatHangsIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := make(chan struct{})
		p := newParts(quiet(), new(unfinished), func(error) {})
		p.start("warden", func(context.Context) error { <-disk; return nil })
		p.start("control", func(ctx context.Context) error { <-ctx.Done(); return nil })
		limit, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		p.stop(limit, "warden")
		p.stop(limit, "control")
		p.finish(limit, "positions", func() { <-disk })
		if took := time.Since(begin); took != time.Second {
			t.Errorf("got an end after %s, want it at the limit", took)
		}
		close(disk)
		synctest.Wait()
	})
}

// TestPartThatFailsEndsAll: its name is in the error.
func TestPartThatFailsEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got error
		p := newParts(quiet(), new(unfinished), func(err error) { got = err })
		broken := errors.New("broken")
		p.start("watcher", func(context.Context) error { return broken })
		p.start("names", func(context.Context) error { return nil })
		synctest.Wait()
		if got == nil || got.Error() != "part \"watcher\" of pbxjail ended with an error: broken" || !errors.Is(got, broken) {
			t.Errorf("got %v, want that part watcher ended with an error", got)
		}
		if p.stop(t.Context(), "watcher", "names"); got == nil {
			t.Error("the reason is lost")
		}
	})
}
