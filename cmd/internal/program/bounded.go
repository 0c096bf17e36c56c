package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
)

// Command is a program that Do runs, with all that it gets. Nothing is added.
type Command struct {
	Name  string   // a path, or the name of a program of the system
	Args  []string // without the name
	Env   []string // "KEY=VALUE"; nil: the environment is empty
	Dir   string   // where it runs; "": "/"
	Input []byte   // its standard input

	As     *Owner // the user that it runs as, which only root can choose; nil: our own
	Memory uint64 // bytes of address space that it may have; 0: as much as it wants
}

// Owner is a user and a group, by their numbers.
type Owner struct{ User, Group uint32 }

// Result is what a program did.
type Result struct {
	Out, Said []byte         // its standard output and standard error, at most MaxOutput bytes of each
	Cut       bool           // one of them was longer
	Status    int            // its exit status; -1: a signal ended it
	Signal    syscall.Signal // that signal; 0: none
}

// MaxOutput bounds each output of a program that Do runs, in bytes.
const MaxOutput = 4 << 20

// ErrNotInstalled says that there is no program of a name.
var ErrNotInstalled = errors.New("this program is not installed")

// folders are where programs of the system are. The PATH of an admin who is not root may
// lack some of them, and may have others first.
var folders = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// Find is the path of a program of the system; ErrNotInstalled where there is none. A path
// stays as it is.
func Find(name string) (string, error) {
	if filepath.IsAbs(name) {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s: %w", name, ErrNotInstalled)
		}
		return name, nil
	}
	for _, folder := range folders {
		path := filepath.Join(folder, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", hint.Add("install the program "+name, fmt.Errorf("%s: %w", name, ErrNotInstalled))
}

// Do runs a program that may be faulty, and waits for its end: with exactly the environment,
// the folder and the input of the command, no more output kept than MaxOutput, no capability
// given on, and no core file when it crashes. When ctx ends, the program and its children
// are killed, and that is an error. Another exit status than 0, or a crash, is no error: it
// is in the result.
func Do(ctx context.Context, c Command) (Result, error) {
	path, err := Find(c.Name)
	if err != nil {
		return Result{}, err
	}
	cmd := exec.CommandContext(ctx, path, c.Args...)
	var out, said bounded
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = bytes.NewReader(c.Input), &out, &said, killDelay
	cmd.Env, cmd.Dir = append([]string{}, c.Env...), c.Dir // nil would be our own environment
	if cmd.Dir == "" {
		cmd.Dir = "/"
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c.As != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: c.As.User, Gid: c.As.Group}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := startWithoutCore(cmd); err != nil {
		return Result{}, fmt.Errorf("cannot start %s: %w", path, err)
	}
	if c.Memory > 0 { // one that has ended by now needs no limit
		_ = unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: c.Memory, Max: c.Memory}, nil)
	}
	err = cmd.Wait()
	// What it left behind in the background has its number as the number of their group.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	r := Result{Out: out.text(), Said: said.text(), Cut: out.cut() || said.cut(), Status: cmd.ProcessState.ExitCode()}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		r.Signal = status.Signal()
	}
	if ctx.Err() != nil {
		return r, fmt.Errorf("%s was killed, because it took too long: %w", path, ctx.Err())
	}
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited && !errors.Is(err, exec.ErrWaitDelay) {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// startWithoutCore starts a program that leaves no core file: linux:fs/coredump.c writes no
// file below one page, and gives nothing to a program of core_pattern at a limit of 1. The
// limit belongs to the process and is inherited, so we ourselves leave no core file either
// from then on.
func startWithoutCore(c *exec.Cmd) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		return fmt.Errorf("cannot read the limit of core files: %w", err)
	}
	limit.Cur = min(1, limit.Max)
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &limit); err != nil {
		return fmt.Errorf("cannot set the limit of core files: %w", err)
	}
	return startPlain(c)
}

// bounded keeps the first MaxOutput bytes that are written to it. The zero value is empty.
type bounded struct {
	mu   sync.Mutex
	kept bytes.Buffer
	more bool
}

func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	room := min(len(p), MaxOutput-b.kept.Len())
	b.kept.Write(p[:room])
	b.more = b.more || room < len(p)
	return len(p), nil
}

func (b *bounded) text() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.kept.Bytes())
}

func (b *bounded) cut() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.more
}
