package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestProcessEndsWhateverHangs: it says what is left, and ends even when the log has no
// reader. What ends in time is left alone.
func TestProcessEndsWhateverHangs(t *testing.T) {
	var text bytes.Buffer
	for _, c := range []struct {
		name   string
		unread bool // the log
		ends   bool
		status int32
		want   []int
	}{
		{"all ends in time", false, true, 0, nil},
		{"something hangs", false, false, 0, []int{0}},
		{"something hangs after a failure", false, false, 1, []int{1}},
		{"nothing reads the log", true, false, 0, []int{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text.Reset()
			synctest.Test(t, func(t *testing.T) {
				var got []int
				var log io.Writer = &text
				unread, full := io.Pipe()
				defer unread.Close() // or its writer waits beyond the test
				if c.unread {
					log = full
				}
				last := &lastResort{left: func() []string { return []string{"warden", "ledger"} }, log: slog.New(slog.NewTextHandler(log, nil)), exit: func(status int) { got = append(got, status) }}
				last.status.Store(c.status)
				asked, ask := context.WithCancel(t.Context())
				over, end := context.WithCancel(t.Context())
				defer end()
				go last.wait(asked.Done(), over.Done())
				time.Sleep(time.Hour) // it runs for long
				synctest.Wait()
				if len(got) != 0 {
					t.Fatalf("got an end with %v though no end was asked for", got)
				}
				ask()
				if c.ends {
					end()
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if len(got) != len(c.want) || len(got) == 1 && got[0] != c.want[0] {
					t.Errorf("got an end with %v, want %v", got, c.want)
				}
			})
			if said := strings.Contains(text.String(), `left="warden, ledger"`); said != (len(c.want) > 0 && !c.unread) {
				t.Errorf("it said %q", text.String())
			}
		})
	}
}
