package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

// progress is how far files are read. It is shown on stderr, if that is a terminal and reading
// takes longer than a second. The first ctrl-c ends the text where it is read, so that all before
// it is printed; the second one ends jailctl. A nil *progress shows nothing and ends nothing.
type progress struct {
	ctx   context.Context
	now   func() time.Time
	out   io.Writer // nil: it is not shown
	mu    sync.Mutex
	begun time.Time
	last  time.Time // when it was shown
	width int       // of what is shown now
	size  int64     // of all files, in bytes; 0: not known
	read  int64     // of these
	lines int64
}

const (
	showAfter = time.Second
	showEvery = 200 * time.Millisecond
)

// startProgress is for a verb that reads files. The verb calls end before its last output.
func (a *app) startProgress(ctx context.Context) (end func() error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	context.AfterFunc(ctx, stop) // the next ctrl-c is not caught
	p := &progress{ctx: ctx, now: a.now, begun: a.now()}
	if _, terminal := sizeOf(a.stderr); terminal {
		p.out = a.stderr
		a.stdout, a.stderr = &beforeOutput{a.stdout, p}, &beforeOutput{a.stderr, p}
	}
	a.progress = p
	return func() error {
		p.clear()
		stopped := ctx.Err() != nil
		stop()
		if !stopped {
			return nil
		}
		return control.Refuse(0, "the answer is not complete: it is about the lines before that", "stopped by ctrl-c after %d lines", p.lines)
	}
}

// expect adds a file to what will be read. size is in bytes.
func (p *progress) expect(size int64) {
	if p != nil {
		p.size += size
	}
}

// file counts the bytes of a file, as they are on the disk.
func (p *progress) file(r io.Reader) io.Reader {
	if p == nil {
		return r
	}
	return readerFunc(func(b []byte) (int, error) {
		n, err := r.Read(b)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.read += int64(n)
		return n, err
	})
}

// text counts the lines of a file that is unpacked, shows the progress, and ends at ctrl-c.
func (p *progress) text(r io.Reader) io.Reader {
	if p == nil {
		return r
	}
	return readerFunc(func(b []byte) (int, error) {
		if p.ctx.Err() != nil {
			return 0, io.EOF
		}
		n, err := r.Read(b)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lines += int64(bytes.Count(b[:n], []byte("\n")))
		if now := p.now(); p.out != nil && now.Sub(p.begun) >= showAfter && now.Sub(p.last) >= showEvery {
			p.last = now
			p.show(p.String(now))
		}
		return n, err
	})
}

// show puts a text in place of the one before.
func (p *progress) show(text string) {
	fmt.Fprint(p.out, "\r", text, strings.Repeat(" ", max(p.width-len(text), 0)))
	p.width = len(text)
}

// clear takes the text away, so that other output can come in its place.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.width > 0 {
		p.show("")
		fmt.Fprint(p.out, "\r")
	}
}

// String is "45 %, 120 of 260 MB, 1200000 lines/s, 12s left".
func (p *progress) String(now time.Time) string {
	const mega = 1e6
	took := now.Sub(p.begun)
	speed := int64(float64(p.lines) / took.Seconds())
	if p.size == 0 || p.read > p.size { // stdin, or a file that grows
		return fmt.Sprintf("%.0f MB, %d lines/s", float64(p.read)/mega, speed)
	}
	left := time.Duration(float64(took) / float64(p.read) * float64(p.size-p.read))
	return fmt.Sprintf("%d %%, %.0f of %.0f MB, %d lines/s, %s left", 100*p.read/p.size, float64(p.read)/mega, float64(p.size)/mega, speed, show.Brief(left.Round(time.Second)))
}

// beforeOutput clears the progress before each output.
type beforeOutput struct {
	io.Writer
	progress *progress
}

func (b *beforeOutput) Write(text []byte) (int, error) {
	b.progress.clear()
	return b.Writer.Write(text)
}

// readerFunc is a reader of one function.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
