package journal

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

const (
	// MaxLine is where a line is cut, in bytes: where the watcher cuts those of files.
	MaxLine = 8192
	// maxEntry bounds one JSON object, in bytes: MaxLine as an array of numbers, and its
	// fields. Longer ones are passed over.
	maxEntry = 64 << 10
)

// objects hands out JSON objects, one a line.
type objects struct {
	in     *bufio.Reader
	passed uint64 // objects that were too long
}

func newObjects(r io.Reader) *objects { return &objects{in: bufio.NewReaderSize(r, maxEntry)} }

// next is the next object, valid until the call after it. It reports io.EOF at the end.
func (o *objects) next() ([]byte, error) {
	for {
		line, err := o.in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			o.passed++
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = o.in.ReadSlice('\n')
			}
			if err != nil {
				return nil, err
			}
			continue
		case err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)):
			return nil, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

// more reports whether a whole object is there without waiting.
func (o *objects) more() bool {
	ahead, _ := o.in.Peek(o.in.Buffered())
	return bytes.IndexByte(ahead, '\n') >= 0
}

// IsSaved reports whether a file that begins so holds entries as "journalctl -o json"
// writes them.
func IsSaved(beginning []byte) bool {
	line, _, _ := bytes.Cut(beginning, []byte("\n"))
	return bytes.HasPrefix(line, []byte("{")) && (bytes.Contains(line, []byte(`"__REALTIME_TIMESTAMP"`)) || bytes.Contains(line, []byte(`"__CURSOR"`)))
}

// Saved reads saved entries as lines of a syslog. What is no entry is left out. It reads
// what it is asked for and no more, and does not close r.
func Saved(r io.Reader) io.Reader { return &saved{objects: newObjects(r)} }

type saved struct {
	objects *objects
	decode  Decoder
	rest    []byte // of the line at hand
}

func (s *saved) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		raw, err := s.objects.next()
		if err != nil {
			return 0, err
		}
		if e, err := s.decode.Decode(raw); err == nil {
			s.rest = append(e.Line, '\n')
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
