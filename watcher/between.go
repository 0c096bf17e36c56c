package watcher

import (
	"cmp"
	"encoding/binary"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// When a log is rotated twice before we look once, the path names a file that we never saw
// before, and the file that it named between is beside it under the name of a rotation. It
// is found by what is new beside the path since the last look.

// rotation is what a file beside a log is, whatever it is called. An inode is used again
// after its file is deleted: the time of birth tells the two apart, where the file system
// keeps it.
type rotation struct {
	identity
	born int64 // in nanoseconds since 1970; 0: unknown
}

// besides lists the files beside path that are called like a rotation of it, compressed
// ones too, oldest first.
func besides(path string) []sibling {
	base := filepath.Base(linkTarget(realName(path)))
	all := siblings(path, func(name string) bool {
		return slices.Contains(rotatedFrom(compressedName.ReplaceAllString(name, "")), base)
	})
	slices.SortStableFunc(all, func(a, b sibling) int {
		return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), cmp.Compare(bornAt(a.path), bornAt(b.path)))
	})
	return all
}

// bornAt is when the file at path was made, in nanoseconds since 1970; 0: unknown.
func bornAt(path string) int64 {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME, &st) != nil || st.Mask&unix.STATX_BTIME == 0 {
		return 0
	}
	return st.Btime.Sec*int64(time.Second) + int64(st.Btime.Nsec)
}

func (s sibling) rotation() rotation { return rotation{identityOf(s.info), bornAt(s.path)} }

// remember notes which rotations are there now: they are no news later.
func (f *follower) remember(all []sibling) {
	f.beside = make(map[rotation]bool, len(all))
	for _, s := range all {
		f.beside[s.rotation()] = true
	}
}

// between opens the files that the path named since the last look, and that are rotated
// away already, oldest first. Where truncated is not nil, they are copies that were made of
// that file by copytruncate of logrotate(8), the first of what was read of it. lost is how
// many cannot be read, because they are compressed.
func (l *loop) between(f *follower, truncated *generation, now time.Time) (found []*generation, lost int) {
	all, known, copied := besides(f.path), f.beside, false
	f.remember(all)
	after := truncated
	if after == nil && len(f.gens) > 0 {
		after = f.gens[0]
	}
	for _, s := range all {
		if known[s.rotation()] || after != nil && s.info.ModTime().Before(after.changed) || l.holder(identityOf(s.info)) != nil {
			continue
		}
		if compressedName.MatchString(s.path) {
			if truncated != nil || !f.compressed(s.info) {
				lost++
			}
			continue
		}
		g, size, err := open(s.path)
		switch {
		case err != nil:
			lost++
		case truncated == nil && l.wasRead(g, size), truncated != nil && truncated.copied(g, size):
			g.file.Close()
			copied = true
		default:
			g.old, g.since, g.copy = size, now, truncated != nil
			found = append(found, g)
		}
	}
	if truncated != nil && !copied { // the first is the copy of what was read
		switch {
		case lost > 0: // compressed already; how much of it was not read is unknown
			lost--
		case len(found) > 0 && len(truncated.head) > 2 && found[0].old < int64(binary.BigEndian.Uint16(truncated.head)): // made before that was read
			found[0].file.Close()
			found = found[1:]
		}
	}
	return found, lost
}

// wasRead reports whether g was read, and closed, before.
func (l *loop) wasRead(g *generation, size int64) bool {
	p, ok := l.places.at[g.id]
	return ok && p.Offset > 0 && p.fits(g.file, size)
}

// compressed reports whether a compressed file was made of one that is open: gzip(1) and
// its like keep the time of the last change, some only the second.
func (f *follower) compressed(of fs.FileInfo) bool {
	return slices.ContainsFunc(f.gens, func(g *generation) bool {
		info, err := g.file.Stat()
		return err == nil && info.ModTime().Unix() == of.ModTime().Unix()
	})
}

// copied reports whether file is a copy of g: it begins as what was read of that.
func (g *generation) copied(file *generation, size int64) bool {
	return len(g.head) > 2 && size >= int64(binary.BigEndian.Uint16(g.head)) && sameHead(file.file, g.head)
}

// insertBetween adds what the path named since the last look, and counts what is lost.
func (l *loop) insertBetween(f *follower, now time.Time) {
	found, lost := l.between(f, nil, now)
	f.insert(found...)
	f.placed -= len(found) + lost
	l.miss(f, lost)
}

// insertSince is insertBetween for the time in which pbxjail did not run. A
// rotation that was changed later than last, the file that the run before read, is new.
func (l *loop) insertSince(f *follower, last *generation, now time.Time) {
	var found []*generation
	lost := 0
	for _, s := range besides(f.path) {
		if !s.info.ModTime().After(last.changed) || l.holder(identityOf(s.info)) != nil {
			continue
		}
		if compressedName.MatchString(s.path) {
			lost++
			continue
		}
		g, size, err := open(s.path)
		switch {
		case err != nil:
			lost++
		case l.wasRead(g, size):
			g.file.Close()
		default:
			g.old, g.since, g.copy = size, now, last.copy
			found = append(found, g)
		}
	}
	f.insert(found...)
	l.miss(f, lost)
}

// recount compares how many files were put at the path, by the events of the kernel, with
// how many were read. It follows the look that the event asked for.
func (l *loop) recount(f *follower, now time.Time) {
	if f.placed <= 0 || l.followers[f.path] != f {
		return
	}
	if f.problem == nil && f.pipe == nil { // else it is there, and cannot be read yet
		if l.insertBetween(f, now); f.placed > 0 {
			l.miss(f, f.placed)
		}
		l.enqueue(f, false)
	}
	f.placed = 0
}

// miss counts and reports files whose lines are lost.
func (l *loop) miss(f *follower, files int) {
	if files > 0 {
		f.missed += files
		l.w.opts.Missed(f.path, files)
	}
}
