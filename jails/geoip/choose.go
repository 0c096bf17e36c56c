package geoip

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// entry is what is known of a file that may be used.
type entry struct {
	path  string
	gone  bool     // from its folder
	seen  stamp    // of the file that the rest is about
	size  int64    // for the order of known files
	table *table   // the last good one; nil while it is not used
	last  Table    // of a file that was good, used or not
	says  kinds    // the same; 0 is not known
	err   *Problem // why the file as it is now cannot be read
}

func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), changed: info.ModTime().UnixNano(), mode: info.Mode()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s
}

// maxFiles is how many files of a folder are looked at.
const maxFiles = 32

// Look reads what has changed, and chooses. Run calls it when something has.
//
// The admin's files are all used. Where they leave something unsaid, stored files
// are asked, the newest first, then files in known places, the smallest first (a
// file of cities is large, and no better about countries), and at last the embedded
// one; of these each is used only if it says what none before it does.
func (t *Tables) Look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &choice{t: t, kept: map[string]*entry{}, closed: map[string]*Problem{}}
	for _, path := range t.files {
		e := t.entry(path)
		e.gone = false // these are missed
		c.take(e, all)
	}
	stored := c.folder(t.stored)
	for _, e := range stored {
		t.learn(e)
	}
	slices.SortStableFunc(stored, func(a, b *entry) int { return b.last.Built.Compare(a.last.Built) })
	c.takeMissing(stored)
	var known []*entry
	for _, dir := range t.known {
		known = append(known, c.folder(dir)...)
	}
	slices.SortStableFunc(known, func(a, b *entry) int { return cmp.Compare(a.size, b.size) })
	c.takeMissing(known)
	c.takeEmbedded()
	t.entries, t.closed = c.kept, c.closed
	t.used.Store(&c.used)
	t.version.Add(1) // after it: no answer of the old files is taken for one of the new
}

// choice is one Look.
type choice struct {
	t      *Tables
	used   []*table
	said   kinds // by those in use
	kept   map[string]*entry
	closed map[string]*Problem // folders
}

// takeMissing takes what is not said yet; what has gone is asked after what is there.
func (c *choice) takeMissing(list []*entry) {
	for _, gone := range []bool{false, true} {
		for _, e := range list {
			if e.gone == gone {
				c.take(e, all&^c.said)
			}
		}
	}
}

// take uses a file if it says something of what is wanted.
func (c *choice) take(e *entry, wanted kinds) {
	if c.kept[e.path] != nil {
		return // named twice
	}
	if e.gone && e.says&wanted == 0 {
		return // others say it
	}
	if wanted == 0 || e.says != 0 && e.says&wanted == 0 && !e.changed() {
		e.table, e.err = nil, nil // only what it says is remembered
	} else {
		c.t.refresh(e)
	}
	c.kept[e.path] = e
	if e.table == nil {
		return
	}
	if e.says&wanted == 0 {
		e.table = nil
		return
	}
	c.used = append(c.used, e.table)
	c.said |= e.says
}

func (c *choice) takeEmbedded() {
	if c.said&countries == countries {
		c.t.embedded, c.t.err = nil, nil
		return
	}
	if c.t.embedded == nil {
		c.t.embedded, c.t.err = openEmbedded()
	}
	if c.t.embedded != nil {
		c.used = append(c.used, c.t.embedded)
	}
}

func (t *Tables) entry(path string) *entry {
	if e := t.entries[path]; e != nil {
		return e
	}
	return &entry{path: path}
}

// folder are the files of a folder, and those of it in use that have gone.
func (c *choice) folder(dir string) (list []*entry) {
	t := c.t
	there, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.closed[dir] = broken(dir, err)
		if t.closed[dir] == nil {
			t.notify(dir, c.closed[dir])
		}
	}
	names := map[string]bool{}
	for _, d := range there {
		if isTable(d.Name()) && len(names) < maxFiles {
			names[filepath.Join(dir, d.Name())] = true
		}
	}
	for path, e := range t.entries {
		if filepath.Dir(path) == dir && e.table != nil {
			names[path] = true
		}
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		e := t.entry(path)
		info, err := os.Stat(path)
		e.gone = errors.Is(err, fs.ErrNotExist)
		if err == nil {
			e.size = info.Size()
		}
		list = append(list, e)
	}
	return list
}

// isTable passes over what is hidden: Update writes there before it renames.
func isTable(name string) bool {
	return strings.HasSuffix(name, ".mmdb") && !strings.HasPrefix(name, ".")
}

// changed reports whether the file is another than the one that was read.
func (e *entry) changed() bool {
	info, err := os.Stat(e.path)
	return err != nil || stampOf(info) != e.seen
}

// learn reads the file if it is not known when it was made.
func (t *Tables) learn(e *entry) {
	if !e.gone && (e.says == 0 || e.changed()) {
		t.refresh(e)
	}
}

// refresh reads the file if it changed, or is needed again. What cannot be read
// leaves the table as it was.
func (t *Tables) refresh(e *entry) {
	info, err := os.Stat(e.path)
	if err != nil {
		e.seen = stamp{}
		t.fail(e, err)
		return
	}
	now := stampOf(info)
	if now == e.seen && (e.table != nil || e.err != nil) {
		return
	}
	fresh, err := read(e.path)
	if errors.Is(err, errChanges) {
		now = stamp{} // look again
	}
	e.seen = now
	if err != nil {
		t.fail(e, err)
		return
	}
	e.table, e.last, e.says, e.err = fresh, fresh.Table, fresh.says, nil
	t.notify(e.path, nil)
}

func (t *Tables) fail(e *entry, err error) {
	p := broken(e.path, err)
	if e.table != nil {
		p.What = fmt.Sprintf("%s; the data read before, of %s, stays in use", p.What, e.last.Built.Format("2006-01-02"))
		if errors.Is(err, fs.ErrNotExist) {
			p.Fix = "put the file back; otherwise pbxjail has no data of this file after its next start"
		}
	}
	known := e.err != nil && e.err.Error() == p.Error()
	e.err = p
	if !known && !t.foreign(e) {
		t.notify(e.path, p)
	}
}

// foreign reports whether a file in a folder is about something else, and is left out.
func (t *Tables) foreign(e *entry) bool {
	return errors.Is(e.err, errSilent) && !slices.Contains(t.files, e.path)
}

// unusable are the files that were wanted and cannot be read.
func (t *Tables) unusable() (list []error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, path := range slices.Sorted(maps.Keys(t.entries)) {
		if e := t.entries[path]; e.err != nil && !t.foreign(e) {
			list = append(list, e.err)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(t.closed)) {
		list = append(list, t.closed[dir])
	}
	if t.err != nil {
		list = append(list, broken("", t.err))
	}
	return list
}
