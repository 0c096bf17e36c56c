package program

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// Running is a program whose output is read while it runs. Read from one goroutine; Said may
// be called from any.
type Running struct {
	out     io.Reader
	ended   bool // out is read to its end
	command *exec.Cmd
	cancel  context.CancelFunc
	said    beginning
}

// packageOf is the Debian package of a program.
func packageOf(name string) string {
	if name == "journalctl" {
		return "systemd"
	}
	return name
}

// Follow starts a program that writes to its standard output until it is ended: by Close, or
// by the end of ctx. A program that is not installed is an error with a hint.
//
// Of our capabilities it has only the one to read files of others: the user pbxjail may read
// the journal by nothing else. Of our environment it has only PATH, HOME and TZ.
func Follow(ctx context.Context, name string, args ...string) (*Running, error) {
	if !There(name) {
		return nil, hint.Errorf("install the program: apt-get install "+packageOf(name)+"; then: systemctl restart pbxjail", "program %s is not installed", name)
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &Running{command: exec.CommandContext(ctx, name, args...), cancel: cancel}
	r.command.WaitDelay = time.Second
	r.command.Env = environment("PATH", "HOME", "TZ")
	r.command.Stderr = &r.said
	out, err := r.command.StdoutPipe()
	if err == nil {
		err = startPlain(r.command, unix.CAP_DAC_READ_SEARCH)
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	r.out = out
	return r, nil
}

// Read reads the standard output of the program. io.EOF says that the program ends.
func (r *Running) Read(p []byte) (int, error) {
	n, err := r.out.Read(p)
	r.ended = r.ended || err != nil
	return n, err
}

// lastWords is how long a program that has closed its output may take to end.
const lastWords = time.Second

// Close ends the program, waits for its end, and says why it ended if it ended by itself.
// Call it when no Read is under way.
func (r *Running) Close() error {
	defer r.cancel()
	if !r.ended {
		r.cancel()
		r.command.Wait() // killed
		return nil
	}
	defer time.AfterFunc(lastWords, r.cancel).Stop()
	err := r.command.Wait()
	if err == nil {
		return nil
	}
	if text := strings.TrimSpace(r.Said()); text != "" {
		err = fmt.Errorf("%w: %s", err, show.Quoted(text, shownOutput))
	}
	return fmt.Errorf("%s failed: %w", r.command.Args[0], err)
}

// Said is the beginning of what the program wrote to its standard error so far.
func (r *Running) Said() string { return r.said.String() }

// maxSaid is how much of the standard error is kept, in bytes.
const maxSaid = 4 << 10

// beginning keeps the first bytes that are written to it. The zero value is empty.
type beginning struct {
	mu   sync.Mutex
	text []byte
}

func (b *beginning) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p[:min(len(p), maxSaid-len(b.text))]...)
	return len(p), nil
}

func (b *beginning) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.text)
}
