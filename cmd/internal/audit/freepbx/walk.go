package freepbx

import (
	"errors"
	"io"
	"io/fs"
	"path"

	"pbxjail/cmd/internal/audit"
)

// Bounds of one search through folders. A web folder of FreePBX has some 40,000 files.
const (
	mostEntries = 300_000 // files and folders
	mostDepth   = 32
	mostBytes   = 1 << 30 // of all files that are read
	batch       = 512
)

var errTooMany = errors.New("it has too many files")

// walker goes through folders. It follows no symbolic link, so it neither leaves them nor
// goes in a circle.
type walker struct {
	m       *audit.Machine
	entries int
	bytes   int64
	unread  []string // what could not be looked at
	failed  error    // why the first of them could not
}

func (w *walker) miss(name string, err error) {
	if w.failed == nil {
		w.failed = err
	}
	if w.unread = append(w.unread, name); len(w.unread) > mostUnread {
		w.unread = w.unread[:mostUnread]
	}
}

// mostUnread bounds the names that are kept for the evidence.
const mostUnread = 64

// walk calls visit for each regular file below a folder. Folders come one after another, so
// that what is not deep is seen before the bounds are reached.
func (w *walker) walk(folder string, depth int, visit func(name string, entry fs.DirEntry)) {
	type place struct {
		name  string
		depth int
	}
	next := []place{{folder, 0}}
	for len(next) > 0 {
		at := next[0]
		next = next[1:]
		err := w.entriesOf(at.name, func(entry fs.DirEntry) {
			name := path.Join(at.name, entry.Name())
			switch {
			case entry.IsDir() && at.depth < depth:
				next = append(next, place{name, at.depth + 1})
			case entry.Type().IsRegular():
				visit(name, entry)
			}
		})
		switch {
		case missing(err):
		case errors.Is(err, errTooMany), w.m.Context().Err() != nil:
			w.miss(folder, err)
			return
		case err != nil:
			w.miss(at.name, err)
		}
	}
}

// entriesOf reads a folder in parts: an attacker can put millions of files into one.
func (w *walker) entriesOf(folder string, visit func(fs.DirEntry)) error {
	f, err := w.m.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		list, err := f.ReadDir(batch)
		for _, entry := range list {
			if w.entries++; w.entries > mostEntries {
				return errTooMany
			}
			visit(entry)
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case w.m.Context().Err() != nil:
			return w.m.Context().Err()
		}
	}
}

// read reads a file that is not too large, and remembers one that is.
func (w *walker) read(name string, most int64) (text []byte, ok bool) {
	if w.bytes > mostBytes {
		w.miss(name, errors.New("the files together are too large"))
		return nil, false
	}
	text, err := w.m.Read(name, most)
	w.bytes += int64(len(text))
	if err != nil && !missing(err) {
		w.miss(name, err)
	}
	return text, len(text) > 0
}
