package watcher

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// rotator rotates a log as logrotate(8) does: at its nth run, with the file of its run
// before at hand.
type rotator struct {
	name   string
	rotate func(t *testing.T, path string, n int)
	lost   []int // the runs whose files cannot be read
	events bool  // they are missed only where the kernel reports events
	copies bool
}

// shift moves path.1 to path.2 and so on.
func shift(t *testing.T, path, suffix string, n int) {
	t.Helper()
	for i := n; i > 0; i-- {
		if from := fmt.Sprintf("%s.%d%s", path, i, suffix); exists(from) {
			must(t, os.Rename(from, fmt.Sprintf("%s.%d%s", path, i+1, suffix)))
		}
	}
}

// age gives a file the time of the nth rotation, as if seconds lay between: a clock of a
// file system moves in steps of milliseconds, and bzip2(1) keeps whole seconds.
func age(t *testing.T, path string, n int) {
	t.Helper()
	at := time.Now().Add(time.Duration(n) * time.Second)
	must(t, os.Chtimes(path, at, at))
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

// compress does what gzip(1) does.
func compress(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	text, err := os.ReadFile(path)
	must(t, err)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(text)
	must(t, err)
	must(t, w.Close())
	must(t, os.WriteFile(path+".gz", packed.Bytes(), 0o644))
	must(t, os.Chtimes(path+".gz", info.ModTime(), info.ModTime()))
	must(t, os.Remove(path))
}

var rotators = []rotator{
	{name: "shift", rotate: func(t *testing.T, path string, n int) {
		shift(t, path, "", 9)
		must(t, os.Rename(path, path+".1"))
	}},
	{name: "rising numbers", rotate: func(t *testing.T, path string, n int) {
		must(t, os.Rename(path, fmt.Sprintf("%s.%d", path, n)))
	}},
	{name: "dateext", rotate: func(t *testing.T, path string, n int) {
		must(t, os.Rename(path, fmt.Sprintf("%s-202601%02d", path, n)))
	}},
	{name: "copytruncate", copies: true, rotate: func(t *testing.T, path string, n int) {
		shift(t, path, "", 9)
		copyTo(t, path, path+".1")
		age(t, path+".1", n)
		must(t, os.Truncate(path, 0))
	}},
	{name: "copytruncate, dateext", copies: true, rotate: func(t *testing.T, path string, n int) {
		copyTo(t, path, fmt.Sprintf("%s-202601%02d", path, n))
		age(t, fmt.Sprintf("%s-202601%02d", path, n), n)
		must(t, os.Truncate(path, 0))
	}},
	{name: "delaycompress", lost: []int{2}, rotate: func(t *testing.T, path string, n int) {
		shift(t, path, ".gz", 9)
		if exists(path + ".1") {
			must(t, os.Rename(path+".1", path+".2"))
			compress(t, path+".2")
		}
		must(t, os.Rename(path, path+".1"))
	}},
	{name: "compress", lost: []int{2, 3}, rotate: func(t *testing.T, path string, n int) {
		shift(t, path, ".gz", 9)
		must(t, os.Rename(path, path+".1"))
		compress(t, path+".1")
	}},
	{name: "delete", lost: []int{2, 3}, events: true, rotate: func(t *testing.T, path string, n int) {
		must(t, os.Remove(path))
	}},
}

// TestRotatedUnseen rotates three times between two looks: the files between are read where
// they can be, in their order, and where they cannot be this is said.
func TestRotatedUnseen(t *testing.T) {
	for _, c := range rotators {
		t.Run(c.name, func(t *testing.T) {
			eachMode(t, func(t *testing.T, dir string, mode func(*Watcher)) {
				path := filepath.Join(dir, "full")
				put(t, path+".9", "of a rotation long ago\n")
				put(t, path+"-20250101", "of another one\n")
				put(t, path, "before\n")
				var missed atomic.Int64
				r := watch(t, Options{Patterns: []string{path}, Missed: func(file string, n int) { missed.Add(int64(n)) }}, mode)
				put(t, path, "0 was read\n")
				r.want("0 was read")
				r.mu.Lock() // holds deliver back, so that nothing is looked at
				put(t, path, "1 is delivered\n")
				r.untilBusy()
				put(t, path, "1 was not read\n")
				want := []string{"0 was read", "1 is delivered"}
				if !c.copies || c.lost == nil {
					want = append(want, "1 was not read")
				}
				for n := 1; n <= 3; n++ {
					age(t, path, n)
					c.rotate(t, path, n)
					put(t, path, fmt.Sprintf("%d begins\n%d ends\n", n+1, n+1))
					if !slices.Contains(c.lost, n+1) {
						want = append(want, fmt.Sprintf("%d begins", n+1), fmt.Sprintf("%d ends", n+1))
					}
				}
				r.mu.Unlock()
				r.want(want...)
				lost := len(c.lost)
				if c.events && r.deaf {
					lost = 0 // no trace of them is left
				}
				r.until("what is lost is counted", func() bool { return r.state(path).Missed == lost && missed.Load() == int64(lost) })

				// And once more, each rotation seen: nothing is doubled, nothing reported.
				for n := 4; n <= 6; n++ {
					age(t, path, n)
					c.rotate(t, path, n)
					r.until("the rotation is seen", func() bool { return r.state(path).Offset == 0 })
					line := fmt.Sprintf("%d is seen, and this line is longer than one that was read before", n)
					put(t, path, line+"\n")
					want = append(want, line)
					r.want(want...)
				}
				if got := r.state(path).Missed; got != lost {
					t.Errorf("got %d missed, want %d as before", got, lost)
				}
			})
		})
	}
}
