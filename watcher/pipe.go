package watcher

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/nxadm/tail"
)

// maxBatch is how much of a pipe is handed out at once, in bytes.
const maxBatch = 64 << 10

// pipe reads a named pipe through nxadm/tail and hands its lines to the loop.
//
// The pipe is also held open for writing, because of three things in nxadm/tail
// v1.4.11: opening it blocks until there is a writer; at the end of file, which
// a reader sees when the last writer goes, it asks for the offset and ends on
// ESPIPE (tail.go, waitForChanges); and a blocked read ends for a byte only.
// With our own writer the first two never happen, and the third can be handled.
//
// It has no bound for a line that does not end (MaxLineSize splits only once
// the line is whole), so a writer that never sends a newline can fill the
// memory. The mode of the pipe says who may write; Asterisk ends each record
// within 8 KiB.
type pipe struct {
	f      *follower
	id     identity
	keeper int // our own descriptor of the pipe
	tail   *tail.Tail

	batch []byte // whole lines; the loop's between a send and handed
	long  []byte // one line longer than MaxLine that came after batch, cut
	out   chan<- *pipe
	// handed is sent to when the loop has dealt with the batch.
	handed chan struct{}
	stop   chan struct{}
	done   sync.WaitGroup
}

// openPipe begins to read the pipe at f's path. Batches are sent to out.
func openPipe(f *follower, out chan<- *pipe) (*pipe, error) {
	// A bare descriptor: os.File would wait when the pipe is full.
	keeper, err := syscall.Open(f.path, syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "cannot open pipe", Path: f.path, Err: err}
	}
	var st syscall.Stat_t
	err = syscall.Fstat(keeper, &st)
	if err == nil && st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		err = errors.New("another file is at this path now, and it is not a pipe")
	}
	if err != nil {
		syscall.Close(keeper)
		return nil, &os.PathError{Op: "cannot open pipe", Path: f.path, Err: err}
	}
	// By descriptor: should the path name another pipe by now, opening that one
	// could block without end. Poll keeps it from starting the inotify tracker, which
	// is one for the process, never ends, and ends the process when it cannot start.
	t, err := tail.TailFile(fmt.Sprintf("/proc/self/fd/%d", keeper), tail.Config{
		Pipe: true, Follow: true, CompleteLines: true, MustExist: true, Poll: true,
		Logger: tail.DiscardingLogger,
	})
	if err != nil {
		syscall.Close(keeper)
		return nil, fmt.Errorf("cannot read pipe %s: %w", f.path, err)
	}
	p := &pipe{
		f: f, id: identity{uint64(st.Dev), st.Ino}, keeper: keeper, tail: t, out: out,
		handed: make(chan struct{}), stop: make(chan struct{}),
	}
	p.done.Go(p.run)
	return p, nil
}

// run gathers what is there into batches until the pipe is stopped.
func (p *pipe) run() {
	for {
		select {
		case line, ok := <-p.tail.Lines:
			if !ok {
				return
			}
			p.gather(line)
		case <-p.stop:
			return
		}
		select {
		case p.out <- p:
		case <-p.stop:
			return
		}
		select {
		case <-p.handed:
		case <-p.stop:
			return
		}
	}
}

// gather takes first and what else is ready, up to a line that must be cut.
func (p *pipe) gather(first *tail.Line) {
	p.batch, p.long = p.batch[:0], p.long[:0]
	for line := first; ; {
		if len(line.Text) > MaxLine {
			p.long = append(append(p.long, line.Text[:MaxLine]...), '\n')
			return
		}
		p.batch = append(append(p.batch, line.Text...), '\n')
		if len(p.batch) > maxBatch {
			return
		}
		runtime.Gosched() // lets the tail offer its next line: 40 lines in a batch instead of 2
		var ok bool
		select {
		case line, ok = <-p.tail.Lines:
		default:
		}
		if !ok {
			return
		}
	}
}

// close ends the goroutines of p and of the tail. The tail may be blocked in a
// read until a byte comes, which is sent until it has noticed: another reader of
// the pipe may take it away.
func (p *pipe) close() {
	close(p.stop)
	p.done.Wait()
	p.tail.Kill(nil)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		_, _ = syscall.Write(p.keeper, []byte("\n")) // full: then it is not blocked
		select {
		case <-p.tail.Dead():
			syscall.Close(p.keeper)
			return
		case <-again.C:
		}
	}
}

// alive reports whether the tail still reads: it ends for good on any error.
func (p *pipe) alive() bool {
	select {
	case <-p.tail.Dead():
		return false
	default:
		return true
	}
}

// checkPipe begins to read the pipe that f's path names, unless it is read.
func (l *loop) checkPipe(f *follower, id identity) {
	if f.pipe != nil && f.pipe.id == id && f.pipe.alive() {
		return
	}
	l.stopPipe(f)
	p, err := openPipe(f, l.pipes)
	if err == nil {
		f.pipe = p
	}
	l.complain(f, problemOf(err))
}

func (l *loop) stopPipe(f *follower) {
	if f.pipe != nil {
		f.pipe.close()
		f.pipe = nil
	}
}

// handBatch delivers what p has gathered.
func (l *loop) handBatch(p *pipe) error {
	now := time.Now()
	p.f.lastLine = now
	if len(p.batch) > 0 {
		if err := l.deliver(Block{File: p.f.path, Data: p.batch, Arrived: now}); err != nil {
			return err
		}
	}
	if len(p.long) > 0 {
		if err := l.deliver(Block{File: p.f.path, Data: p.long, Cut: true, Arrived: now}); err != nil {
			return err
		}
	}
	l.publish(p.f)
	p.handed <- struct{}{}
	return nil
}
