package watcher

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	maxOlder      = 4 // inodes rotated away from one path that are kept open
	chunksPerTurn = 4 // read from one file before the others have their turn
)

// follower is one path and everything it named that may still hold lines.
type follower struct {
	path   string
	folder string // the nearest that exists, watched for events
	glob   bool   // found by a glob: dropped when it is gone
	begin  bool   // not looked at yet: what is there may be skipped or resumed
	known  bool   // a position is remembered, so nothing is skipped

	// gens are the open inodes, oldest first. named is the last of them while the
	// path names it, nil while the path names nothing that can be read.
	gens  []*generation
	named *generation
	pipe  *pipe

	beside map[rotation]bool // the rotations that were there at the last look at them; nil: none yet
	placed int               // files put at the path, by events, less those that were opened; below 0: the events are to come
	opened time.Time         // when the last file was opened
	stamp  time.Time         // when a look saw that the named file was changed last
	missed int               // files that could not be read

	gone     time.Time // since when the path names nothing; zero: it does
	lastLine time.Time
	size     int64
	problem  error

	queued, look bool // waits for a turn; stat is to be asked before
	clock        bool // and no event was the reason
}

// position is how far the newest inode is read, and the older ones.
func (f *follower) position() Position {
	last := len(f.gens) - 1
	p := f.gens[last].place(f.path)
	for _, g := range f.gens[:last] {
		p.Older = append(p.Older, g.place(f.path))
	}
	return p
}

// waiting reports whether what happens beside the path concerns it.
func (f *follower) waiting() bool {
	return f.pipe == nil && (f.named == nil || len(f.gens) > 1)
}

// check asks what the path names now. Events only bring us here sooner.
func (l *loop) check(f *follower, now time.Time) error {
	if f.beside == nil {
		f.remember(besides(f.path))
	}
	info, err := os.Stat(f.path)
	if !missing(err) {
		f.gone = time.Time{}
	}
	switch {
	case missing(err):
		l.leave(f, now)
		l.checkMissing(f, now)
		err = nil
	case err != nil:
		l.leave(f, now)
		l.complain(f, problemOf(err))
		err = nil
	case slices.Contains(l.own, identityOf(info)):
		l.leave(f, now)
		l.complain(f, problemOwn(f.path))
	case info.Mode().IsRegular():
		err = l.checkFile(f, info, now)
	case info.Mode()&fs.ModeNamedPipe != 0:
		l.leave(f, now)
		l.checkPipe(f, identityOf(info))
	default:
		l.leave(f, now)
		l.complain(f, problemKind(f.path, info.Mode()))
	}
	if f.begin { // no event of it comes
		f.begin, f.placed = false, 0
	}
	if err != nil {
		return err
	}
	return l.retire(f, now)
}

// leave notes that the path no longer names the inode it named.
func (l *loop) leave(f *follower, now time.Time) {
	if f.named != nil {
		f.named.since = now
		f.named = nil
		l.stale = true
	}
}

// checkMissing is check for a path that names nothing.
func (l *loop) checkMissing(f *follower, now time.Time) {
	if f.gone.IsZero() {
		f.gone = now
		l.stale = true
	}
	if l.wake.fs != nil && l.nearest(filepath.Dir(f.path)) != f.folder {
		l.stale = true
	}
	// A rotation leaves the path empty for a moment. That is no problem yet.
	if f.begin || now.Sub(f.gone) > 10*time.Second {
		l.complain(f, problemMissing(f.path))
	}
}

// checkFile is check for a path that names a regular file.
func (l *loop) checkFile(f *follower, info fs.FileInfo, now time.Time) error {
	id := identityOf(info)
	f.size = info.Size()
	if f.named != nil && f.named.id == id {
		f.stamp = info.ModTime()
		return nil
	}
	l.leave(f, now)
	l.stopPipe(f)
	if other := l.holder(id); other != nil && other != f {
		// A glob or a second pattern found what another follower is still reading.
		if other.named != nil && other.named.id == id {
			l.complain(f, problemSame(f.path, other.path))
		}
		f.placed = min(f.placed, 0)
		return nil
	}
	if i := slices.IndexFunc(f.gens, func(g *generation) bool { return g.id == id }); i >= 0 { // moved away and back
		f.named, f.stamp = f.gens[i], info.ModTime()
		f.gens = append(slices.Delete(f.gens, i, i+1), f.named)
		f.placed--
	} else {
		if last := len(f.gens) - 1; last >= 0 {
			if _, _, err := l.drain(f, f.gens[last], now); err != nil {
				return err
			}
		}
		if err := l.openNamed(f, now); err != nil {
			l.complain(f, problemOf(err))
			return nil
		}
	}
	for _, g := range f.gens {
		g.since = now
	}
	l.stale = true
	l.complain(f, nil)
	if f.begin && !f.known {
		// So that the place is remembered though no line comes before a restart.
		return l.hand(f, nil, false, false, now)
	}
	return nil
}

// openNamed opens what the path names as its newest generation. What is in it
// already was not written under our eyes, unless it is resumed at its end.
func (l *loop) openNamed(f *follower, now time.Time) error {
	g, size, err := open(f.path)
	if err != nil {
		return err
	}
	g.old, g.since = size, now
	p, ok := l.places.at[g.id]
	continued := false
	switch {
	case ok && p.fits(g.file, size):
		l.places.take(g.id)
		err = g.resume(p)
	case f.begin && !f.known:
		g.old = 0
		err = g.seekEnd(size)
	case len(f.gens) > 0:
		// An editor, or `sed -i`, writes a new copy of a log and puts it in its place:
		// reading continues where the old one ended.
		last := f.gens[len(f.gens)-1]
		if continued = last.drained && g.continues(last); !continued {
			err = g.seek(0)
		}
	}
	if err != nil {
		g.file.Close()
		return err
	}
	f.named, f.stamp = g, g.changed
	f.gens = append(f.gens, g)
	f.placed--
	f.opened = now
	if continued { // what was at the path between held no other lines
		f.placed = min(f.placed, 0)
	} else if !f.begin {
		l.insertBetween(f, now)
	}
	return nil
}

// recover opens the file of a remembered position that no follower has: it was rotated
// while pbxjail did not run. It is nil where nothing was rotated, or the file is gone.
func (l *loop) recover(f *follower, p Position, now time.Time) *generation {
	p, ok := l.places.at[p.identity()]
	if !ok {
		return nil
	}
	g := findRotated(f.path, p)
	if g == nil {
		return nil
	}
	l.places.take(p.identity())
	g.since = now
	f.insert(g)
	return g
}

// insert adds rotated files, oldest first, before what the path names now.
func (f *follower) insert(rotated ...*generation) {
	at := len(f.gens)
	if f.named != nil {
		at--
	}
	f.gens = slices.Insert(f.gens, at, rotated...)
}

// turn reads what f holds, the oldest inode first, and reports whether there is
// more than its share.
func (l *loop) turn(f *follower, now time.Time) (more bool, err error) {
	var trouble error
	for i := 0; i < len(f.gens); {
		end, problem, err := l.drain(f, f.gens[i], now)
		switch {
		case err != nil:
			return false, err
		case end == hasMore:
			return true, nil
		case end == rewritten:
			l.rewind(f, i, now)
			continue
		case problem != nil:
			trouble = problem
		case f.gens[i] == f.named && f.stamp.After(f.named.changed):
			f.named.changed = f.stamp // and it was not truncated meanwhile
		}
		i++
	}
	if f.named != nil { // otherwise the path itself is the problem
		l.complain(f, problemOf(trouble))
	}
	return false, nil
}

// drain reads g to its end, or its share of a turn.
func (l *loop) drain(f *follower, g *generation, now time.Time) (end outcome, problem, err error) {
	for range chunksPerTurn {
		end, problem, err = l.read(f, g, now)
		if end != hasMore {
			break
		}
	}
	g.drained = end == atEnd && problem == nil
	return end, problem, err
}

// rewind makes the ith inode start again after a truncation, behind the copy
// that was made of it, and those of other truncations since.
func (l *loop) rewind(f *follower, i int, now time.Time) {
	g := f.gens[i]
	if g.copy { // the rotation has gone on, and it with it
		f.gens = slices.Delete(f.gens, i, i+1)
		g.file.Close()
		return
	}
	copies, lost := l.between(f, g, now)
	if unread := findCopy(f.path, g); unread != nil {
		copies = slices.Insert(copies, 0, unread)
	}
	g.restart()
	f.gens = slices.Insert(f.gens, i, copies...)
	l.miss(f, lost)
}

// retire closes inodes that the path no longer names and that no program writes to.
func (l *loop) retire(f *follower, now time.Time) error {
	for i := 0; i < len(f.gens); {
		g := f.gens[i]
		quiet := now.Sub(g.since) > l.quiet
		switch {
		case g == f.named:
			return nil
		case g.copy && g.drained, len(f.gens) > maxOlder+1:
		// While nothing took its place the writer may still hold it, however long
		// it says nothing: a file that was deleted is the log until it is reopened.
		case f.named == nil && (!f.glob || !quiet), !quiet:
			i++
			continue
		}
		if err := l.finish(f, i, now); err != nil {
			return err
		}
	}
	return nil
}

// finish reads the ith inode to its end and closes it.
func (l *loop) finish(f *follower, i int, now time.Time) error {
	g := f.gens[i]
	for {
		end, problem, err := l.read(f, g, now)
		if err != nil {
			return err
		}
		if problem != nil || end != hasMore {
			break
		}
	}
	if err := l.handRest(f, g, now); err != nil {
		return err
	}
	if !g.copy {
		l.places.keep(g.place(f.path))
	}
	f.gens = slices.Delete(f.gens, i, i+1)
	g.file.Close()
	return nil
}

// complain tells of a problem, or of its end, once.
func (l *loop) complain(f *follower, problem error) {
	if same(f.problem, problem) {
		return
	}
	f.problem = problem
	l.w.opts.Notify(f.path, problem)
}

func same(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Error() == b.Error()
}
