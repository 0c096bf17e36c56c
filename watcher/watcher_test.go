package watcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// watching is a Watcher that runs, and what it delivered.
type watching struct {
	*Watcher
	t      *testing.T
	cancel context.CancelFunc
	done   chan error

	arrived, delivered atomic.Int64 // calls of deliver, begun and ended

	mu       sync.Mutex
	blocks   []Block // with Data copied
	problems []string
}

// modes are the two ways to learn of a change. Each must do alone: the kernel's
// events with no tick to help, and the tick on a file system that sends none.
var modes = map[string]func(*Watcher){
	"events": func(w *Watcher) { w.opts.Tick = time.Hour },
	"tick":   func(w *Watcher) { w.opts.Tick, w.deaf = time.Millisecond, true },
}

// eachMode runs a scenario in both modes, each in a folder of its own.
func eachMode(t *testing.T, scenario func(t *testing.T, dir string, mode func(*Watcher))) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) { scenario(t, t.TempDir(), mode) })
	}
}

// watch starts a Watcher on patterns and returns once it has looked at them.
func watch(t *testing.T, opts Options, tweak func(*Watcher)) *watching {
	t.Helper()
	r := &watching{t: t}
	opts.Notify = r.notify
	r.Watcher = New(opts)
	if tweak != nil {
		tweak(r.Watcher)
	}
	r.run(r.take, func(run func()) { go run() })
	named := slices.DeleteFunc(slices.Clone(opts.Patterns), func(p string) bool { return newPattern(p).glob })
	r.until("it looked at its files", func() bool { return len(r.Files()) >= len(named) })
	return r
}

// notify records a problem, which must say what to do.
func (r *watching) notify(file string, problem error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.problems = append(r.problems, fmt.Sprint(filepath.Base(file), ": ", problem))
	if problem == nil {
		return
	}
	h, ok := errors.AsType[interface {
		error
		Hint() string
	}](problem)
	if !ok || h.Hint() == "" {
		r.t.Errorf("problem %q of %s has no hint", problem, file)
	}
}

// run starts Run in a goroutine that start makes, and ends it with the test.
func (r *watching) run(deliver func(Block) error, start func(run func())) {
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(r.t.Context())
	r.done = make(chan error, 1)
	start(func() { r.done <- r.Run(ctx, deliver) })
	r.t.Cleanup(r.stop)
}

func (r *watching) take(b Block) error {
	r.arrived.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.delivered.Add(1)
	b.Data = slices.Clone(b.Data)
	if len(b.Data) > 0 && b.Data[len(b.Data)-1] != '\n' {
		r.t.Errorf("block of %s does not end with a newline: %.80q", b.File, b.Data)
	}
	r.blocks = append(r.blocks, b)
	return nil
}

// stop ends Run and waits for it. It may be called twice.
func (r *watching) stop() {
	r.t.Helper()
	r.cancel()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("Run: got %v, want nil", err)
		}
		r.done <- nil
	case <-time.After(20 * time.Second):
		r.t.Fatal("Run did not end with its context")
	}
}

// until polls for a condition, with a deadline that only a failure reaches.
func (r *watching) until(what string, cond func() bool) {
	r.t.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	deadline := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-poll.C:
		case <-deadline:
			r.mu.Lock()
			defer r.mu.Unlock()
			r.t.Fatalf("waited in vain until %s; files %+v, problems %q, %d blocks", what, r.Files(), r.problems, len(r.blocks))
		}
	}
}

// untilWatched waits until the kernel reports on folder, where events are asked for.
func (r *watching) untilWatched(folder string) {
	r.t.Helper()
	if !r.deaf {
		r.until("the kernel watches "+folder, func() bool { return watched(r.t, folder) })
	}
}

// watched reports whether this process watches folder, by proc(5) fdinfo.
func watched(t *testing.T, folder string) bool {
	t.Helper()
	info, err := os.Stat(folder)
	must(t, err)
	want := fmt.Sprintf(" ino:%x ", identityOf(info).ino)
	fds, err := filepath.Glob("/proc/self/fdinfo/*")
	must(t, err)
	for _, fd := range fds {
		text, _ := os.ReadFile(fd) // it may be closed by now
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "inotify ") && strings.Contains(line, want) {
				return true
			}
		}
	}
	return false
}

// lines returns the whole lines delivered so far, without newlines.
func (r *watching) lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, b := range r.blocks {
		if !b.Cut {
			all = append(all, strings.Split(string(b.Data), "\n")[:strings.Count(string(b.Data), "\n")]...)
		}
	}
	return all
}

// want waits for as many lines as given, and compares.
func (r *watching) want(lines ...string) {
	r.t.Helper()
	r.until(fmt.Sprintf("%d lines came", len(lines)), func() bool { return len(r.lines()) >= len(lines) })
	if got := r.lines(); !slices.Equal(got, lines) {
		r.t.Fatalf("lines: got %q, want %q", got, lines)
	}
}

// cuts returns what was delivered as cut.
func (r *watching) cuts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, b := range r.blocks {
		if b.Cut {
			all = append(all, string(b.Data))
		}
	}
	return all
}

// last returns the position to remember, as a store would.
func (r *watching) last(file string) Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range slices.Backward(r.blocks) {
		if b.File == file {
			return b.Next
		}
	}
	return Position{}
}

func (r *watching) reported() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.problems)
}

func (r *watching) state(file string) FileState {
	for _, s := range r.Files() {
		if s.File == file {
			return s
		}
	}
	return FileState{}
}

// appendTo opens a log as Asterisk does.
func appendTo(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func write(t *testing.T, f *os.File, text string) {
	t.Helper()
	_, err := f.WriteString(text)
	must(t, err)
}

// put appends text to the file at path.
func put(t *testing.T, path, text string) {
	t.Helper()
	f := appendTo(t, path)
	write(t, f, text)
	must(t, f.Close())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func remembered(p Position) func(string) (Position, bool) {
	return func(file string) (Position, bool) { return p, p.File == file }
}
