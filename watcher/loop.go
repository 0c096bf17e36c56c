package watcher

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// loop is one Run: all files are looked at and read from its goroutine, through
// its one buffer.
type loop struct {
	w       *Watcher
	deliver func(Block) error
	buf     []byte
	wake    *waker
	quiet   time.Duration
	own     []identity // what this program writes to

	patterns  []*pattern
	followers map[string]*follower
	places    places
	queue     []*follower       // have more to read, or are to be checked
	stale     bool              // what is watched for events is not what should be
	pipes     chan *pipe        // have a batch to hand out
	near      map[string]string // what nearest said since the last event or look around

	tick       *time.Timer // the next look around
	unheard    bool        // something can change without an event: see weigh
	briskUntil time.Time   // until then it may, whatever weigh says
}

// closedChan is ready whenever it is asked.
var closedChan = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func newLoop(w *Watcher, deliver func(Block) error) *loop {
	l := &loop{
		w: w, deliver: deliver, quiet: w.quiet,
		buf:       make([]byte, seamSize+chunkSize),
		followers: map[string]*follower{},
		places:    places{at: map[identity]Position{}},
		pipes:     make(chan *pipe),
		wake:      &waker{},
		near:      map[string]string{},
	}
	if !w.deaf {
		l.wake = newWaker(w.opts.Notify)
	}
	for _, out := range []*os.File{os.Stdout, os.Stderr} {
		if info, err := out.Stat(); err == nil {
			l.own = append(l.own, identityOf(info))
		}
	}
	return l
}

func (l *loop) close() {
	for _, f := range l.followers {
		l.drop(f)
	}
	l.wake.close()
}

func (l *loop) run(ctx context.Context) error {
	l.tick = time.NewTimer(l.w.opts.Tick)
	defer l.tick.Stop()
	if err := l.repattern(time.Now()); err != nil {
		return err
	}
	l.w.looked.Do(func() { close(l.w.ready) })
	for ctx.Err() == nil {
		if err := l.rewatch(); err != nil {
			return err
		}
		var queued <-chan struct{}
		if len(l.queue) > 0 {
			queued = closedChan
		}
		var err error
		select {
		case <-ctx.Done():
		case event := <-l.wake.events():
			err = l.event(event)
		case <-l.wake.errors():
			// The queue of the kernel overflowed (inotify(7)): anything may have happened.
			for _, f := range l.followers {
				f.placed = 0
			}
			err = l.lookAround()
		case <-l.tick.C:
			l.stale = l.stale || len(l.wake.failed) > 0
			for _, f := range l.followers {
				f.clock = !f.queued
				if time.Since(f.opened) > unheardTime { // its event does not come any more
					f.placed = max(f.placed, 0)
				}
			}
			err = l.lookAround()
			l.unheard = l.weigh()
			l.tick.Reset(l.pause(time.Now()))
		case <-l.w.changed:
			err = l.repattern(time.Now())
		case p := <-l.pipes:
			err = l.handBatch(p)
		case <-queued:
			err = l.serveNext(time.Now())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// serveNext serves the follower that has waited longest. When the clock queued it and it has
// news, no event reported them, or not yet.
func (l *loop) serveNext(now time.Time) error {
	f := l.queue[0]
	l.queue = slices.Delete(l.queue, 0, 1)
	f.queued = false
	before, clock := f.mark(), f.clock
	f.clock = false
	err := l.serve(f, f.look, now)
	if clock && f.mark() != before {
		l.briskUntil = now.Add(unheardTime)
		l.tick.Reset(l.pause(now))
	}
	return err
}

// serve gives f its turn, and another one when that is not enough.
func (l *loop) serve(f *follower, look bool, now time.Time) error {
	if l.followers[f.path] != f {
		return nil // dropped meanwhile
	}
	if look {
		f.look = false
		if err := l.check(f, now); err != nil {
			return err
		}
		if f.glob && f.named == nil && f.pipe == nil && len(f.gens) == 0 && !f.gone.IsZero() {
			l.drop(f)
			return nil
		}
	}
	more, err := l.turn(f, now)
	if more {
		l.enqueue(f, false)
	}
	l.publish(f)
	return err
}

// nearest asks once for a folder in which many files are missing.
func (l *loop) nearest(folder string) string {
	near, ok := l.near[folder]
	if !ok {
		near = nearest(folder)
		l.near[folder] = near
	}
	return near
}

func (l *loop) enqueue(f *follower, look bool) {
	f.look = f.look || look
	if !f.queued {
		f.queued = true
		l.queue = append(l.queue, f)
	}
}

// lookAround asks stat about everything. Each file has its turn from the queue,
// so that an event need not wait for all of them.
func (l *loop) lookAround() error {
	for _, f := range l.followers {
		l.enqueue(f, true)
	}
	return l.scan(time.Now())
}

// event serves the follower that it concerns, at once: this is the way of every line.
func (l *loop) event(event fsnotify.Event) error {
	clear(l.near)
	now := time.Now()
	look := event.Op != fsnotify.Write
	if look && l.wake.watched[event.Name] { // and is not any more
		l.stale = true
	}
	if named := l.wake.names[event.Name]; len(named) > 0 {
		for _, f := range named {
			if event.Has(fsnotify.Create) {
				f.placed++
			}
			if err := l.serve(f, look, now); err != nil {
				return err
			}
			l.recount(f, now)
		}
		return nil
	}
	// A name we do not follow may be a renamed log that is still written, a folder
	// we wait for, or one we watch that went away.
	for _, folder := range []string{event.Name, filepath.Dir(event.Name)} {
		for _, f := range l.wake.folders[folder] {
			if f.waiting() || folder == event.Name {
				if err := l.serve(f, look, now); err != nil {
					return err
				}
			}
		}
	}
	folder := filepath.Dir(event.Name)
	if event.Has(fsnotify.Create) && slices.ContainsFunc(l.patterns, func(p *pattern) bool { return p.near == folder }) {
		return l.scan(now)
	}
	return nil
}

// repattern takes over the patterns that are set now.
func (l *loop) repattern(now time.Time) error {
	l.w.mu.Lock()
	texts := l.w.patterns
	l.w.mu.Unlock()
	var named, globs []*pattern
	known := map[string]*pattern{}
	for _, p := range l.patterns {
		known[p.text] = p
	}
	for _, text := range texts {
		p := newPattern(text)
		if old := known[p.text]; old != nil {
			p = old
		}
		known[p.text] = p
		switch {
		case slices.Contains(named, p) || slices.Contains(globs, p):
		case p.glob:
			globs = append(globs, p)
		default:
			named = append(named, p)
		}
	}
	// Should there be too many files, those called by name come first.
	l.patterns = append(named, globs...)
	l.stale = true
	for _, f := range l.followers {
		i := slices.IndexFunc(l.patterns, func(p *pattern) bool { return p.matches(f.path) })
		if i < 0 {
			l.drop(f)
		} else {
			f.glob = l.patterns[i].glob
		}
	}
	return l.scan(now)
}

// scan looks for files that match and are not followed yet.
func (l *loop) scan(now time.Time) error {
	clear(l.near)
	var found []*follower
	for _, p := range l.patterns {
		paths, problem := []string{p.text}, error(nil)
		if p.glob {
			paths, problem = p.expand(func(path string) bool { return l.followers[path] != nil })
			l.stale = l.stale || p.near != l.nearest(p.folder())
		}
		full := false
		for _, path := range paths {
			if l.followers[path] != nil {
				continue
			}
			if info, err := os.Stat(path); p.glob && (err != nil || info.IsDir()) {
				continue
			}
			if full = len(l.followers) >= MaxFiles; full {
				problem = problemTooMany(p.text)
				break
			}
			f := &follower{path: path, glob: p.glob, begin: !p.scanned}
			l.followers[path] = f
			found = append(found, f)
		}
		p.scanned = !full
		if problem == nil && !l.follows(p) {
			problem = problemUnmatched(p.text)
		}
		p.complain(problem, l.w.opts.Notify)
	}
	return l.begin(found, now)
}

// follows reports whether a file of p is followed, be it missing now.
func (l *loop) follows(p *pattern) bool {
	for path := range l.followers {
		if p.matches(path) {
			return true
		}
	}
	return false
}

// begin looks at new files for the first time. All places are known before any
// file is opened, because a rotation may have put one's inode at another's path.
func (l *loop) begin(found []*follower, now time.Time) error {
	resumed := make([][]Position, len(found))
	for i, f := range found {
		p, ok := l.w.opts.Resume(f.path)
		if !ok {
			continue
		}
		f.known = true
		resumed[i] = append(slices.Clone(p.Older[max(0, len(p.Older)-maxOlder):]), p)
		for _, p := range resumed[i] {
			// A file that had two names may be remembered twice.
			if l.places.at[p.identity()].Offset <= p.Offset {
				l.places.keep(p)
			}
		}
	}
	for _, f := range found {
		if err := l.check(f, now); err != nil {
			return err
		}
	}
	for i, f := range found {
		var rotated *generation
		for _, p := range resumed[i] { // the one that the path named is the last
			rotated = l.recover(f, p, now)
		}
		if rotated != nil {
			l.insertSince(f, rotated, now)
		}
		l.enqueue(f, false)
		l.publish(f)
	}
	return nil
}

// drop lets go of f.
func (l *loop) drop(f *follower) {
	l.stopPipe(f)
	for _, g := range f.gens {
		l.places.keep(g.place(f.path))
		g.file.Close()
	}
	f.gens, f.named = nil, nil
	delete(l.followers, f.path)
	l.queue = slices.DeleteFunc(l.queue, func(o *follower) bool { return o == f })
	l.stale = true
	l.w.mu.Lock()
	delete(l.w.states, f.path)
	l.w.mu.Unlock()
}

// holder is who reads an inode.
func (l *loop) holder(id identity) *follower {
	for _, f := range l.followers {
		if slices.ContainsFunc(f.gens, func(g *generation) bool { return g.id == id }) {
			return f
		}
	}
	return nil
}

// publish shows in Files how far f is.
func (l *loop) publish(f *follower) {
	s := FileState{File: f.path, Pipe: f.pipe != nil, LastLine: f.lastLine, Problem: f.problem, Older: len(f.gens), Missed: f.missed}
	if g := f.named; g != nil {
		s.Offset, s.Size, s.Older = g.offset, max(f.size, g.end), s.Older-1
	}
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if known := l.w.states[f.path]; known != nil {
		*known = s
	} else {
		l.w.states[f.path] = &s
	}
}
