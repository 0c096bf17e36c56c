package parsers

import (
	"bytes"
	"errors"
	"io"
)

// Blocks cuts a reader's text into runs of whole lines, for logs that are read
// from beginning to end. Memory is bounded whatever the text is: of a line longer
// than the buffer only the beginning is handed out. Not safe for concurrent use.
type Blocks struct {
	text io.Reader
	buf  []byte
	held []byte // text that is not returned yet, at the end of buf
	skip bool   // the rest of a long line comes next
	done bool
}

// blockSize is how much is read at once.
const blockSize = 256 << 10

// NewBlocks reads from text, which it does not close.
func NewBlocks(text io.Reader) *Blocks {
	return &Blocks{text: text}
}

// Next returns the next block, which holds until the call after it. cut says that
// it is the beginning of one long line. The last line need not end with a newline.
// The error is io.EOF at the end.
func (b *Blocks) Next() (data []byte, cut bool, err error) {
	if b.buf == nil {
		b.buf = make([]byte, blockSize)
	}
	for !b.done {
		n := copy(b.buf, b.held)
		b.held = nil
		more, err := io.ReadFull(b.text, b.buf[n:])
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			b.done = true
		} else if err != nil {
			return nil, false, err
		}
		if data, cut = b.split(b.buf[:n+more]); len(data) > 0 {
			return data, cut, nil
		}
	}
	return nil, false, io.EOF
}

// BlockSize is the length of the memory that Use takes.
const BlockSize = blockSize

// Use gives memory of BlockSize bytes for the blocks that come next. The block that Next gave
// last then holds until the caller uses its memory again, after the next call of Next.
func (b *Blocks) Use(memory []byte) { b.buf = memory }

// Ahead is how many bytes of the log stand right behind the block that Next gave
// last, in the same memory: 0 when it is the last one.
func (b *Blocks) Ahead() int {
	if b.done {
		return 0
	}
	return len(b.held)
}

// lookAhead is how much of the log is kept behind a block: the end of a record
// shows in the lines after it, up to the greatest length of a record.
const lookAhead = dumpReach + MaxLine

// split keeps an unfinished line, and what is looked ahead at, for the next block
// and drops the rest of a long one.
func (b *Blocks) split(data []byte) (lines []byte, cut bool) {
	if b.skip {
		n := bytes.IndexByte(data, '\n')
		if n < 0 {
			return nil, false
		}
		data, b.skip = data[n+1:], false
	}
	if b.done {
		return data, false
	}
	end := bytes.LastIndexByte(data[:max(len(data)-lookAhead, 0)], '\n') + 1
	if end == 0 {
		end = bytes.LastIndexByte(data, '\n') + 1
	}
	if end == 0 && len(data) == len(b.buf) {
		b.skip = true
		return data[:MaxLine], true
	}
	b.held = data[end:]
	return data[:end], false
}
