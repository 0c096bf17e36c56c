package watcher

import (
	"bytes"
	"os"
	"syscall"
	"time"
)

const (
	seamSize  = 256       // bytes before the offset that are read again each time
	chunkSize = 256 << 10 // one pread(2)
)

// generation is one inode that a path names, or named before a rotation.
type generation struct {
	file *os.File
	id   identity

	offset int64 // the first byte not handed out: the begin of a line, or inside one while skip
	skip   bool  // inside a line that was cut: everything up to its newline is dropped
	// seam holds the bytes just before offset. Each read begins with them: where
	// they are not found again the file was truncated or rewritten under us, even
	// if it has grown past offset since, and that costs no system call to learn.
	seam []byte
	head []byte // see fingerprint

	end   int64     // how far the file has been seen to reach
	since time.Time // when it last grew, or was superseded: quiet counts from here
	old   int64     // what lies before was not read as it was written
	copy  bool      // a copy made before a truncation: no program writes to it

	changed time.Time // what a look saw as its last change while the path named it, if all was read after that

	drained bool // the last read reached the end
	unheard bool // it may be written without an event
}

// outcome is how a read ended.
type outcome int

const (
	atEnd     outcome = iota // nothing more now
	hasMore                  // the chunk was full
	rewritten                // not the file that was read before; nothing was handed out
)

// piece is what can be handed out next.
type piece struct {
	used int  // bytes of the text dealt with; 0: more must be read first
	give int  // of these, handed out
	long bool // give bytes are the begin of one line, without its newline
	skip bool // what follows is the rest of a line that was cut
}

// nextPiece takes the longest run of whole lines off the front of text, or the
// begin of a line longer than MaxLine.
func nextPiece(text []byte, skip bool) piece {
	if skip {
		if end := bytes.IndexByte(text, '\n'); end >= 0 {
			return piece{used: end + 1}
		}
		return piece{used: len(text), skip: true}
	}
	// Searching each window from its end looks at about one line in MaxLine bytes
	// and still proves that none is longer.
	run := 0
	for {
		window := text[run:min(run+MaxLine+1, len(text))]
		end := bytes.LastIndexByte(window, '\n')
		if end < 0 {
			break
		}
		run += end + 1
	}
	if run > 0 {
		return piece{used: run, give: run}
	}
	if len(text) <= MaxLine {
		return piece{}
	}
	// A writer without O_APPEND leaves a hole of NULs before its next line when
	// the file is truncated. The line must not be cut for them.
	if nuls := len(text) - len(bytes.TrimLeft(text, "\x00")); nuls > 0 {
		return piece{used: nuls}
	}
	return piece{used: MaxLine, give: MaxLine, long: true, skip: true}
}

// read hands out what one chunk of g holds. The error is deliver's; problem is
// the file's.
func (l *loop) read(f *follower, g *generation, now time.Time) (end outcome, problem, err error) {
	back := len(g.seam)
	n, problem := pread(g.file, l.buf, g.offset-int64(back))
	if problem != nil {
		return atEnd, problem, nil
	}
	if n < back || !bytes.Equal(l.buf[:back], g.seam) {
		return rewritten, nil, nil
	}
	if reach := g.offset + int64(n-back); reach > g.end {
		g.end, g.since = reach, now
	}
	text := l.buf[back:n]
	for {
		p := nextPiece(text, g.skip)
		if p.used == 0 {
			break
		}
		old := g.offset < g.old
		g.offset += int64(p.used)
		g.skip = p.skip
		if p.give > 0 {
			if err := l.hand(f, text[:p.give], p.long, old, now); err != nil {
				return atEnd, nil, err
			}
		}
		text = text[p.used:]
	}
	done := n - len(text)
	g.seam = append(g.seam[:0], l.buf[max(0, done-seamSize):done]...)
	if n == len(l.buf) {
		return hasMore, nil, nil
	}
	return atEnd, nil, nil
}

// hand delivers text, to which a newline is added when it is cut: the byte
// behind it in the buffer is lent for that.
func (l *loop) hand(f *follower, text []byte, cut, old bool, now time.Time) error {
	if len(text) > 0 {
		f.lastLine = now
	}
	block := Block{File: f.path, Data: text, Cut: cut, Old: old, Arrived: now, Next: f.position()}
	if !cut {
		return l.deliver(block)
	}
	behind := &text[:len(text)+1][len(text)]
	saved := *behind
	*behind = '\n'
	block.Data = text[:len(text)+1]
	err := l.deliver(block)
	*behind = saved
	return err
}

// handRest hands out a last line without a newline, once it will not be ended.
func (l *loop) handRest(f *follower, g *generation, now time.Time) error {
	n, err := pread(g.file, l.buf[:MaxLine], g.offset)
	if err != nil || n == 0 || bytes.IndexByte(l.buf[:n], '\n') >= 0 {
		return nil
	}
	g.offset += int64(n)
	return l.hand(f, l.buf[:n], true, g.offset <= g.old, now)
}

// seek makes g begin at offset, which must not lie behind its end.
func (g *generation) seek(offset int64) error {
	g.seam = make([]byte, min(offset, seamSize), seamSize)
	n, err := pread(g.file, g.seam, offset-int64(len(g.seam)))
	if err != nil {
		return err
	}
	g.seam = g.seam[:n]
	g.offset, g.end = offset, offset
	// Only after a cut does an offset lie inside a line (or behind NULs).
	g.skip = n > 0 && g.seam[n-1] != '\n' && g.seam[n-1] != 0
	return nil
}

// seekEnd makes g begin at its end: at the line that is being written there, so
// that it is handed out whole.
func (g *generation) seekEnd(size int64) error {
	tail := make([]byte, min(size, MaxLine+1))
	n, err := pread(g.file, tail, size-int64(len(tail)))
	if err != nil {
		return err
	}
	tail = tail[:n]
	begin := bytes.LastIndexByte(tail, '\n') + 1
	if begin == 0 && int64(n) < size {
		begin = n // in the midst of an over-long line
	}
	return g.seek(size - int64(len(tail)-begin))
}

// continues reports whether g holds what last held up to where it was read, and
// makes it go on there.
func (g *generation) continues(last *generation) bool {
	return last.offset > 0 && last.offset <= g.old && sameHead(g.file, last.head) &&
		g.seek(last.offset) == nil && bytes.Equal(g.seam, last.seam)
}

// restart makes g begin at its first byte: it was truncated.
func (g *generation) restart() {
	*g = generation{file: g.file, id: g.id, seam: g.seam[:0], since: g.since, unheard: g.unheard}
	if info, err := g.file.Stat(); err == nil {
		g.old, g.changed = info.Size(), info.ModTime()
	}
}

// pread reads once. os.File.ReadAt would ask a second time to learn of the end;
// a short read of a regular file says as much.
func pread(file *os.File, buf []byte, offset int64) (int, error) {
	for {
		n, err := syscall.Pread(int(file.Fd()), buf, offset)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return 0, &os.PathError{Op: "read", Path: file.Name(), Err: err}
		}
		return n, nil
	}
}
