package watcher

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestUnheard: looks around are rare only while events of the kernel can report all changes.
func TestUnheard(t *testing.T) {
	dir := t.TempDir()
	if !heardAll(dir) {
		t.Skip("the file system of the temporary folder reports no events")
	}
	write := func(name string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte("one\n"), 0o600))
		return path
	}
	plain, twice := write("plain"), write("twice")
	must(t, os.Link(twice, filepath.Join(t.TempDir(), "twice")))
	open := func(path string) *generation {
		g, _, err := open(path)
		must(t, err)
		t.Cleanup(func() { g.file.Close() })
		return g
	}
	watching := &waker{}
	if fresh := newWaker(func(string, error) {}); fresh.fs != nil {
		watching = fresh
		t.Cleanup(fresh.close)
	}
	one := open(plain)
	for name, c := range map[string]struct {
		loop loop
		want bool
	}{
		"nothing":              {loop{}, false},
		"a file":               {loop{followers: map[string]*follower{plain: {named: one, gens: []*generation{one}}}}, false},
		"no file":              {loop{followers: map[string]*follower{plain: {problem: problemMissing(plain)}}}, false},
		"the same file":        {loop{followers: map[string]*follower{plain: {problem: problemSame(plain, twice)}}}, false},
		"a glob of files":      {loop{patterns: []*pattern{newPattern(dir + "/*")}}, false},
		"a glob of folders":    {loop{patterns: []*pattern{newPattern(dir + "/*/full")}}, true},
		"no events":            {loop{wake: &waker{}}, true},
		"a folder not watched": {loop{wake: &waker{fs: watching.fs, failed: map[string]bool{dir: true}}}, true},
		"a network folder":     {loop{wake: &waker{fs: watching.fs, unheard: map[string]bool{dir: true}}}, true},
		"two names":            {loop{followers: map[string]*follower{twice: {named: open(twice)}}}, true},
		"renamed":              {loop{followers: map[string]*follower{plain: {gens: []*generation{one}}}}, true},
		"replaced":             {loop{followers: map[string]*follower{plain: {named: one, gens: []*generation{open(plain), one}}}}, true},
		"a problem":            {loop{followers: map[string]*follower{plain: {problem: problemOf(os.ErrPermission)}}}, true},
	} {
		if c.loop.wake == nil {
			c.loop.wake = watching
		}
		if got := c.loop.weigh(); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// TestPause: a look around that found what no event reported makes looks frequent again.
func TestPause(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l := &loop{w: New(Options{Tick: time.Second})}
	for _, c := range []struct {
		unheard bool
		brisk   time.Time
		want    time.Duration
	}{
		{false, time.Time{}, restTicks * time.Second},
		{true, time.Time{}, time.Second},
		{false, now.Add(unheardTime), time.Second},
		{false, now, restTicks * time.Second},
	} {
		l.unheard, l.briskUntil = c.unheard, c.brisk
		if got := l.pause(now); got != c.want {
			t.Errorf("unheard %v, brisk until %s: got %s, want %s", c.unheard, c.brisk, got, c.want)
		}
	}
}

// TestUnheardLine: what the clock finds makes the looks frequent, and what an event reports
// does not.
func TestUnheardLine(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	path := filepath.Join(t.TempDir(), "full")
	must(t, os.WriteFile(path, []byte("one\n"), 0o600))
	for _, clock := range []bool{true, false} {
		l := newLoop(New(Options{}), func(Block) error { return nil })
		defer l.close()
		l.tick = time.NewTimer(time.Hour)
		g, _, err := open(path)
		must(t, err)
		f := &follower{path: path, named: g, gens: []*generation{g}, queued: true, clock: clock}
		l.followers[path], l.queue = f, []*follower{f}
		must(t, l.serveNext(now))
		if g.offset != 4 || l.briskUntil.After(now) != clock {
			t.Errorf("clock %v: read to %d, brisk until %s", clock, g.offset, l.briskUntil)
		}
	}
}

// TestTwoNames follows a file that is written through its other name, in a folder that is
// not watched. Without the clock of the ticks it would wait in vain.
func TestTwoNames(t *testing.T) {
	path, other := filepath.Join(t.TempDir(), "full"), filepath.Join(t.TempDir(), "full")
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Link(path, other))
	r := watch(t, Options{Patterns: []string{path}, Tick: 1500 * time.Millisecond}, nil)
	f, err := os.OpenFile(other, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	defer f.Close()
	_, err = f.WriteString("through the other name\n")
	must(t, err)
	r.until("the line is there", func() bool { return r.delivered.Load() > 1 }) // the first is the position
}
