package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Line is one recorded line and the log it stood in.
type Line struct {
	File string // the name in the log folder, such as "security"
	Text []byte // without the newline
}

// Player writes recorded lines into the log files of a folder, as Asterisk
// does: files kept open for appending, one write per line. One goroutine may
// use it at a time.
type Player struct {
	dir   string
	files map[string]*os.File
	buf   []byte
}

// NewPlayer makes a Player for a folder that exists. It opens nothing yet.
func NewPlayer(dir string) *Player {
	return &Player{dir: dir, files: map[string]*os.File{}}
}

// Pace is how fast lines are played. The zero value is as fast as possible.
type Pace struct {
	Lines float64 // per second, evenly; 0: see Speed
	Speed float64 // times the recorded pace, as the stamps of the lines tell it; 0: without a pause
}

// Play writes the lines, each with its clocks set to the moment it is written.
// It returns early when ctx ends.
func (p *Player) Play(ctx context.Context, lines []Line, pace Pace) error {
	begin := time.Now()
	var due time.Duration // from begin
	var last time.Time    // the newest recorded stamp so far
	for _, line := range lines {
		if stamp, ok := stampOf(line.Text); ok {
			if pace.Speed > 0 && pace.Lines == 0 && stamp.After(last) && !last.IsZero() {
				due += time.Duration(float64(stamp.Sub(last)) / pace.Speed)
			}
			last = stamp
		}
		if pace.Lines > 0 {
			due += time.Duration(float64(time.Second) / pace.Lines)
		}
		if err := pause(ctx, time.Until(begin.Add(due))); err != nil {
			return err
		}
		if err := p.write(line, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Player) write(line Line, now time.Time) error {
	f, err := p.open(line.File)
	if err != nil {
		return err
	}
	p.buf = append(append(p.buf[:0], line.Text...), '\n')
	restamp(p.buf, now)
	_, err = f.Write(p.buf)
	return err
}

func (p *Player) open(name string) (*os.File, error) {
	if f := p.files[name]; f != nil {
		return f, nil
	}
	f, err := os.OpenFile(filepath.Join(p.dir, name), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err == nil {
		p.files[name] = f
	}
	return f, err
}

// Rotate moves every log aside to the first free number and begins new ones, as
// `logger rotate` does (asterisk:main/logger.c, rotate_file, sequential).
func (p *Player) Rotate() error {
	for name, f := range p.files {
		f.Close()
		delete(p.files, name)
		path := filepath.Join(p.dir, name)
		if err := os.Rename(path, free(path)); err != nil {
			return fmt.Errorf("rotate %s: %w", name, err)
		}
		if _, err := p.open(name); err != nil {
			return fmt.Errorf("rotate %s: %w", name, err)
		}
	}
	return nil
}

func free(path string) string {
	for i := 0; ; i++ {
		numbered := fmt.Sprintf("%s.%d", path, i)
		if _, err := os.Lstat(numbered); err != nil {
			return numbered
		}
	}
}

// Close closes the logs.
func (p *Player) Close() error {
	for name, f := range p.files {
		f.Close()
		delete(p.files, name)
	}
	return nil
}

// Asterisk's clocks. The head has no year and no zone.
const (
	headStamp  = "[Jan _2 15:04:05]"
	eventStamp = "2006-01-02T15:04:05.000-0700"
	nonceEpoch = "1795332242" // seconds since 1970: a PJSIP nonce begins so
)

func stampOf(line []byte) (time.Time, bool) {
	if len(line) < len(headStamp) {
		return time.Time{}, false
	}
	stamp, err := time.Parse(headStamp, string(line[:len(headStamp)]))
	return stamp, err == nil
}

// restamp sets the clocks in a line to now, in place: its head, the time in a
// security event, the epoch in the nonce of a PJSIP challenge. A record that
// bore different times would be one that no Asterisk writes.
func restamp(line []byte, now time.Time) {
	if _, ok := stampOf(line); !ok {
		return
	}
	copy(line, now.Format(headStamp))
	replace(line, `,EventTV="`, now.Format(eventStamp), '"')
	replace(line, `,Challenge="`, fmt.Sprintf("%0*d", len(nonceEpoch), now.Unix()), '/')
}

// replace writes value behind the first key if the old value has the same length and end.
func replace(line []byte, key, value string, end byte) {
	if _, rest, ok := bytes.Cut(line, []byte(key)); ok && len(rest) > len(value) && rest[len(value)] == end {
		copy(rest, value)
	}
}
