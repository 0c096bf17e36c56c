package watcher

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

const (
	headSize    = 1024 // bytes a fingerprint covers, once there are as many
	maxSiblings = 4096 // entries of a folder that are looked at for a rotated file
	maxCopies   = 32   // of these, files compared by content
)

// identity is what a file is, whatever it is called.
type identity struct{ dev, ino uint64 }

func identityOf(info fs.FileInfo) identity {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}
	}
	return identity{uint64(st.Dev), st.Ino}
}

func (p Position) identity() identity { return identity{p.Dev, p.Inode} }

// fingerprint is the length of the first bytes of file, at most n of them, and
// a hash: it tells a reused inode or a rewritten file from the one remembered,
// and keeps no log text in the store. It is nil when there are not n bytes.
func fingerprint(file *os.File, n int64) []byte {
	head := make([]byte, min(n, headSize))
	if got, err := pread(file, head, 0); err != nil || got < len(head) || got == 0 {
		return nil
	}
	sum := sha256.Sum256(head)
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(head))), sum[:16]...)
}

// sameHead reports whether file begins with the bytes that made head.
func sameHead(file *os.File, head []byte) bool {
	return len(head) > 2 && bytes.Equal(fingerprint(file, int64(binary.BigEndian.Uint16(head))), head)
}

// fits reports whether p is a place in file, which has its inode.
func (p Position) fits(file *os.File, size int64) bool {
	return p.Offset == 0 || p.Offset <= size && sameHead(file, p.Head)
}

// resume makes g begin at p, which fits it.
func (g *generation) resume(p Position) error {
	if p.Offset > 0 { // otherwise its fingerprint was not asked for
		g.head = p.Head
	}
	return g.seek(p.Offset)
}

// place is the position of g.
func (g *generation) place(path string) Position {
	if covered := min(g.offset, headSize); len(g.head) < 2 || int64(binary.BigEndian.Uint16(g.head)) < covered {
		if head := fingerprint(g.file, covered); head != nil {
			g.head = head
		}
	}
	return Position{File: path, Dev: g.id.dev, Inode: g.id.ino, Offset: g.offset, Head: g.head}
}

// places keeps the positions of files that are not open now: the remembered positions of
// the last run and inodes that became quiet. A file that comes back under any followed name
// continues where reading stopped.
type places struct {
	at    map[identity]Position
	order []identity // oldest first, for the bound
}

// maxPlaces is room for every file and the inodes it may have left behind.
const maxPlaces = 4 * MaxFiles

func (k *places) keep(p Position) {
	p.Older = nil
	id := p.identity()
	if p.Inode == 0 || p.Offset < 0 {
		return
	}
	if _, ok := k.at[id]; !ok {
		k.order = append(k.order, id)
	}
	k.at[id] = p
	if len(k.order) > maxPlaces {
		delete(k.at, k.order[0])
		k.order = slices.Delete(k.order, 0, 1)
	}
}

// take forgets the place of an inode: another file has it now.
func (k *places) take(id identity) {
	delete(k.at, id)
	k.order = slices.DeleteFunc(k.order, func(o identity) bool { return o == id })
}

// siblings lists the regular files beside path whose names are wanted, newest first.
func siblings(path string, wanted func(name string) bool) []sibling {
	folder := filepath.Dir(linkTarget(realName(path)))
	dir, err := os.Open(folder)
	if err != nil {
		return nil
	}
	defer dir.Close()
	entries, _ := dir.ReadDir(maxSiblings)
	var found []sibling
	for _, entry := range entries {
		if !wanted(entry.Name()) {
			continue
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			found = append(found, sibling{filepath.Join(folder, entry.Name()), info})
		}
	}
	slices.SortStableFunc(found, func(a, b sibling) int { return b.info.ModTime().Compare(a.info.ModTime()) })
	return found
}

type sibling struct {
	path string
	info fs.FileInfo
}

// findRotated opens the file beside path that holds what followed p: the same
// inode under another name, or else a copy (logrotate(8) copytruncate, or a copy
// to another file system). nil when there is none.
func findRotated(path string, p Position) *generation {
	all := siblings(path, func(string) bool { return true })
	copies := copiesOf(path, all)
	same := slices.DeleteFunc(all, func(s sibling) bool { return identityOf(s.info) != p.identity() })
	for _, s := range append(same, copies...) {
		g, size, err := open(s.path)
		if err != nil {
			continue
		}
		g.copy, g.old = g.id != p.identity(), size
		if (!g.copy || p.Offset > 0) && p.fits(g.file, size) && g.resume(p) == nil {
			return g
		}
		g.file.Close()
	}
	return nil
}

// findCopy opens the copy that was made of lost, the file at path, before it was
// truncated, when it holds more than was read. It ends copytruncate's race: what
// we had not read when the bytes went is read from there.
func findCopy(path string, lost *generation) *generation {
	for _, s := range copiesOf(path, siblings(path, func(name string) bool { return len(rotatedFrom(name)) > 0 })) {
		if s.info.Size() <= lost.offset {
			continue
		}
		g, size, err := open(s.path)
		if err != nil {
			continue
		}
		g.old = size
		if g.continues(lost) {
			g.old, g.copy, g.skip = 0, true, lost.skip
			return g
		}
		g.file.Close()
	}
	return nil
}

// copiesOf are the siblings that are called like a rotation of path, newest
// first. Logs of one Asterisk may begin with the same records, so a file is
// never taken for a copy by its content alone.
func copiesOf(path string, all []sibling) []sibling {
	base := filepath.Base(linkTarget(realName(path)))
	var copies []sibling
	for _, s := range all {
		if slices.Contains(rotatedFrom(filepath.Base(s.path)), base) {
			copies = append(copies, s)
		}
	}
	return copies[:min(len(copies), maxCopies)]
}

// open opens the regular file at path, to be read from its first byte.
func open(path string) (g *generation, size int64, err error) {
	// O_NONBLOCK: should it have become a pipe since it was looked at.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = problemKind(path, info.Mode())
	}
	if err != nil {
		file.Close()
		return nil, 0, err
	}
	return &generation{file: file, id: identityOf(info), changed: info.ModTime(), unheard: writtenElsewhere(file)}, info.Size(), nil
}
