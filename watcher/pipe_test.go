package watcher

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func makePipe(t *testing.T, path string) {
	t.Helper()
	must(t, syscall.Mkfifo(path, 0o600))
}

// openWriter opens a pipe as its writer would, without waiting for a reader: it
// fails when there is none.
func openWriter(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestPipe(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "pipe")
		makePipe(t, path)
		r := watch(t, Options{Patterns: []string{path}}, mode)
		if !r.state(path).Pipe {
			t.Error("state: got no pipe")
		}
		first := openWriter(t, path)
		write(t, first, "1\n2\npart")
		r.want("1", "2")
		write(t, first, " of 3\n")
		r.want("1", "2", "part of 3")
		must(t, first.Close())
		second := openWriter(t, path) // the end of the first writer is not the end
		write(t, second, "4\n")
		r.want("1", "2", "part of 3", "4")
		if got := r.last(path); got.Inode != 0 || got.Offset != 0 {
			t.Errorf("position: got %+v, want none", got)
		}
	})
}

// TestPipeAppears: a pipe that is made later, and another one in its place.
func TestPipeAppears(t *testing.T) {
	eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
		path := filepath.Join(dir, "pipe")
		r := watch(t, Options{Patterns: []string{path}}, mode)
		makePipe(t, path)
		r.until("it is read", func() bool { return r.state(path).Pipe })
		write(t, openWriter(t, path), "1\n")
		r.want("1")
		makePipe(t, path+".new")
		must(t, os.Rename(path+".new", path))
		other := openLater(t, r, path)
		write(t, other, "2\n")
		r.want("1", "2")
		must(t, os.Remove(path))
		put(t, path, "3 of a file\n")
		r.want("1", "2", "3 of a file")
		if r.state(path).Pipe {
			t.Error("state: got a pipe, want a file")
		}
	})
}

// openLater opens the pipe once it has a reader.
func openLater(t *testing.T, r *watching, path string) (f *os.File) {
	t.Helper()
	r.until("the pipe has a reader", func() bool {
		var err error
		f, err = os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		return err == nil
	})
	t.Cleanup(func() { f.Close() })
	return f
}

func TestPipeLongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	makePipe(t, path)
	r := watch(t, Options{Patterns: []string{path}}, nil)
	w := openWriter(t, path)
	write(t, w, "1\n"+strings.Repeat("x", MaxLine)+"\n"+strings.Repeat("y", MaxLine+1)+"\n2\n")
	r.want("1", strings.Repeat("x", MaxLine), "2")
	if got := r.cuts(); len(got) != 1 || got[0] != strings.Repeat("y", MaxLine)+"\n" {
		t.Errorf("cut: got %d, want one of MaxLine bytes", len(got))
	}
}

// TestPipeEndsWithRun: no goroutine outlives Run, whether the pipe has a writer or
// not, or one that says nothing.
func TestPipeEndsWithRun(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, path string){
		"no writer":     func(*testing.T, string) {},
		"silent writer": func(t *testing.T, path string) { openWriter(t, path) },
		"half a line":   func(t *testing.T, path string) { write(t, openWriter(t, path), "half") },
		"full": func(t *testing.T, path string) {
			_, err := openWriter(t, path).WriteString(strings.Repeat("line\n", 100000))
			if !errors.Is(err, syscall.EPIPE) { // the reader went
				must(t, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "pipe")
			makePipe(t, path)
			before := runtime.NumGoroutine()
			r := watch(t, Options{Patterns: []string{path}}, modes["events"])
			if name == "full" {
				r.mu.Lock() // deliver never returns before Run is to end
				go open(t, path)
				r.untilBusy()
				r.cancel()
				r.mu.Unlock()
			} else {
				open(t, path)
			}
			r.stop()
			r.until("all goroutines ended", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

// TestPipeDeliverFails: what deliver returns ends Run there too.
func TestPipeDeliverFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	makePipe(t, path)
	want := errors.New("enough")
	w := New(Options{Patterns: []string{path}})
	done := make(chan error, 1)
	go func() { done <- w.Run(context.Background(), func(Block) error { return want }) }()
	r := &watching{t: t, Watcher: w}
	write(t, openLater(t, r, path), "1\n")
	if got := <-done; !errors.Is(got, want) {
		t.Errorf("Run: got %v, want %v", got, want)
	}
}

// TestPipeTailDies: nxadm/tail ends on any error of a read. Another one is begun.
func TestPipeTailDies(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	makePipe(t, path)
	info, err := os.Stat(path)
	must(t, err)
	l := newLoop(New(Options{}), nil)
	defer l.close()
	f := &follower{path: path}
	l.checkPipe(f, identityOf(info))
	first := f.pipe
	l.checkPipe(f, identityOf(info))
	if f.pipe != first {
		t.Error("a tail that reads was replaced")
	}
	first.tail.Kill(errors.New("a read failed"))
	write(t, openWriter(t, path), "\n")
	<-first.tail.Dead()
	l.checkPipe(f, identityOf(info))
	if f.pipe == first || !f.pipe.alive() {
		t.Error("a tail that died was not replaced")
	}
	l.stopPipe(f)
}
