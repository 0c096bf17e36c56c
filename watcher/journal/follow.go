package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"pbxjail/configs/hint"
)

// Scheme is what the name of a log begins with that is a unit in the journal.
const Scheme = "journal:"

// unitForm is the name of a unit, as an argument of a program: no option, and no match of
// another field.
var unitForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9:_.@-]{0,254}$`)

// Is reports whether a log is a unit in the journal.
func Is(log string) bool { return strings.HasPrefix(log, Scheme) }

// match is what journalctl(1) is to look for. Only journald sets these fields: another
// program cannot write entries of the unit. A slice holds all instances of a template,
// such as system-sshd.slice.
func match(log string) (string, error) {
	unit := strings.TrimPrefix(log, Scheme)
	switch {
	case !unitForm.MatchString(unit):
		return "", hint.Errorf("under logs, write a unit of systemd, such as journal:asterisk.service; then: jailctl reload", "%q is not the name of a unit of systemd", unit)
	case strings.HasSuffix(unit, ".slice"):
		return "_SYSTEMD_SLICE=" + unit, nil
	case !strings.Contains(unit, "."):
		unit += ".service"
	}
	return "_SYSTEMD_UNIT=" + unit, nil
}

// Process is a journalctl that runs. Close ends it, waits for its end, and says why it
// ended where it ended by itself. Said is what it printed to its standard error so far.
type Process interface {
	io.ReadCloser
	Said() string
}

// Block is a run of whole lines, each ended by a newline. Data holds until the callback
// returns.
type Block struct {
	Data    []byte
	Cut     bool      // Data is the first MaxLine bytes of one longer line, and a newline
	Old     bool      // journald received it before Run began
	Arrived time.Time // when it was read
	Cursor  string    // what to remember once the block is dealt with; "" where not known
}

// Options of a Journal.
type Options struct {
	Log    string                                                     // journal:UNIT
	Cursor string                                                     // what was remembered; "": begin at the end
	Start  func(ctx context.Context, args ...string) (Process, error) // starts journalctl
	Notify func(problem error)                                        // it fails, with a hint; called with nil when it works again; may be nil
}

// Journal follows one unit. Its methods may be called from any goroutine; Run once only.
type Journal struct {
	opts Options

	mu       sync.Mutex // guards the following
	process  Process    // nil: none runs
	since    time.Time  // when it started
	problem  error      // why the last one ended, or could not start
	lastLine time.Time
	passed   uint64 // entries that could not be read
}

// New starts nothing.
func New(opts Options) *Journal {
	if opts.Notify == nil {
		opts.Notify = func(error) {}
	}
	return &Journal{opts: opts}
}

// State says how far a unit is read.
type State struct {
	LastLine time.Time // when the last entry was read; zero: none yet
	Passed   uint64    // entries that could not be read
	Problem  error     // why it is not read now, with a hint; nil: it is
}

// steady is how long a journalctl must run to be one that works.
const steady = 5 * time.Second

// State is how it is now.
func (j *Journal) State(now time.Time) State {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := State{LastLine: j.lastLine, Passed: j.passed, Problem: j.problem}
	if j.process != nil && now.Sub(j.since) >= steady {
		s.Problem = nil
		if strings.Contains(j.process.Said(), "insufficient permissions") || strings.Contains(j.process.Said(), "not seeing messages") {
			s.Problem = hint.Errorf(hint.InGroup("systemd-journal"), "%s: pbxjail may not read the journal of systemd", j.opts.Log)
		}
	}
	return s
}

const (
	firstWait = time.Second
	mostWait  = time.Minute
	// badCursor is how often in a row a journalctl ends before it has written anything, until
	// the cursor is taken for the reason: the journal may have been deleted.
	badCursor = 3
)

// Run follows until ctx ends, and calls deliver from one goroutine: a slow deliver holds
// reading back. A journalctl that ends is started again behind the last entry that was
// read, after a second, and later after up to a minute. Run returns nil when ctx ends,
// otherwise what deliver returned.
func (j *Journal) Run(ctx context.Context, deliver func(Block) error) error {
	began := time.Now()
	cursor, wait, failures := j.opts.Cursor, firstWait, 0
	for ctx.Err() == nil {
		read, err := j.once(ctx, &cursor, began, deliver)
		var stop delivery
		if errors.As(err, &stop) {
			return stop.error
		}
		if ctx.Err() != nil {
			return nil
		}
		j.fail(err)
		if failures++; read {
			wait, failures = firstWait, 0
		}
		if failures >= badCursor && cursor != "" {
			cursor = ""
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, mostWait)
	}
	return nil
}

// delivery is an error of deliver.
type delivery struct{ error }

// once runs one journalctl to its end. read says that it wrote an entry.
func (j *Journal) once(ctx context.Context, cursor *string, began time.Time, deliver func(Block) error) (read bool, err error) {
	args, err := arguments(j.opts.Log, *cursor, began)
	if err != nil {
		return false, err
	}
	p, err := j.opts.Start(ctx, args...)
	if err != nil {
		return false, err
	}
	j.started(p)
	defer func() {
		j.started(nil)
		if ended := p.Close(); err == nil || errors.Is(err, io.EOF) {
			err = ended
		}
	}()
	in, b := newObjects(p), batch{began: began}
	for {
		raw, err := in.next()
		if err != nil {
			return read, err
		}
		e, err := b.decode.Decode(raw)
		read = read || e.Cursor != ""
		now := time.Now()
		j.seen(now, err != nil, in.passed)
		if err == nil && b.breaks(e) {
			if err := b.flush(now, deliver); err != nil {
				return read, err
			}
		}
		if e.Cursor != "" {
			*cursor = e.Cursor
		}
		b.add(e)
		if in.more() && len(b.data) < maxBatch {
			continue
		}
		if err := b.flush(now, deliver); err != nil {
			return read, err
		}
	}
}

// arguments are those of journalctl(1). --all: without it a long text is null.
func arguments(log, cursor string, began time.Time) ([]string, error) {
	unit, err := match(log)
	if err != nil {
		return nil, err
	}
	args := []string{"--output=json", "--all", "--follow", "--no-tail", "--no-pager",
		"--output-fields=MESSAGE,_COMM,_PID,_HOSTNAME,_TRANSPORT,SYSLOG_IDENTIFIER"}
	if cursorForm.MatchString(cursor) {
		args = append(args, "--after-cursor="+cursor)
	} else {
		args = append(args, fmt.Sprintf("--since=@%d.%06d", began.Unix(), began.Nanosecond()/1000))
	}
	return append(args, unit), nil
}

// started notes which process runs; nil: none.
func (j *Journal) started(p Process) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.process, j.since = p, time.Now()
}

// seen notes an entry.
func (j *Journal) seen(now time.Time, bad bool, passed uint64) {
	j.mu.Lock()
	j.lastLine = now
	if bad {
		j.passed++
	}
	failed := j.problem != nil
	j.problem = nil
	j.mu.Unlock()
	if failed {
		j.opts.Notify(nil)
	}
}

// fail notes why no journalctl runs.
func (j *Journal) fail(err error) {
	if err == nil {
		err = errors.New("journalctl ended by itself")
	}
	do := hint.Of(err)
	if do != "" {
		do += "; or remove " + j.opts.Log + " from logs in the jail files"
	} else {
		do = "pbxjail starts journalctl again by itself. To see if the journal can be read: journalctl -n 5 " + strings.Replace(j.opts.Log, Scheme, "-u ", 1)
	}
	err = hint.Add(do, fmt.Errorf("pbxjail cannot read %s: %w", j.opts.Log, err))
	j.mu.Lock()
	first := j.problem == nil
	j.problem = err
	j.mu.Unlock()
	if first {
		j.opts.Notify(err)
	}
}

// maxBatch is how much is handed out at once, in bytes.
const maxBatch = 64 << 10

// batch gathers lines for one block.
type batch struct {
	began  time.Time
	decode Decoder
	data   []byte
	cut    bool
	old    bool
	cursor string
}

// breaks reports whether an entry needs a block of its own, or another one than those
// before it.
func (b *batch) breaks(e Entry) bool {
	return len(b.data) > 0 && (b.cut || len(e.Line) > MaxLine || b.old != e.Time.Before(b.began))
}

// add takes an entry. One without a text only moves the cursor.
func (b *batch) add(e Entry) {
	if e.Cursor != "" {
		b.cursor = e.Cursor
	}
	if len(e.Line) == 0 {
		return
	}
	b.old, b.cut = e.Time.Before(b.began), len(e.Line) > MaxLine
	b.data = append(append(b.data, e.Line[:min(len(e.Line), MaxLine)]...), '\n')
}

// flush hands out what was gathered.
func (b *batch) flush(now time.Time, deliver func(Block) error) error {
	if len(b.data) == 0 && b.cursor == "" {
		return nil
	}
	err := deliver(Block{Data: b.data, Cut: b.cut, Old: b.old, Arrived: now, Cursor: b.cursor})
	b.data, b.cut, b.cursor = b.data[:0], false, ""
	if err != nil {
		return delivery{err}
	}
	return nil
}
