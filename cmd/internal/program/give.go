package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/configs/show"
)

// killDelay is how long the pipes of a program that was killed stay open: a child of it may
// hold them.
const killDelay = 200 * time.Millisecond

// Give starts a program with fixed arguments, gives it input on its standard input, and
// waits for its end. What it prints is dropped; of its standard error the error has the
// beginning. When ctx ends, the program and its children are killed.
//
// The program has none of our capabilities, and of our environment only PATH, HOME and TZ: a
// service of systemd has secrets there.
func Give(ctx context.Context, input []byte, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	var said beginning
	c.Stdin, c.Stderr, c.WaitDelay = bytes.NewReader(input), &said, killDelay
	c.Env = environment("PATH", "HOME", "TZ")
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	if err := startPlain(c); err != nil {
		return fmt.Errorf("cannot start %s: %w", name, err)
	}
	err := c.Wait()
	if ctx.Err() != nil {
		return fmt.Errorf("%s took too long, so pbxjail ended this program: %w", name, ctx.Err())
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) { // a child of it goes on, and that is its own affair
		return nil
	}
	if text := strings.TrimSpace(said.String()); text != "" {
		err = fmt.Errorf("%w: %s", err, show.Quoted(text, shownOutput))
	}
	return fmt.Errorf("%s failed: %w", name, err)
}

// startPlain starts a program without the ambient capabilities of this process, which it
// would inherit (capabilities(7)), but for those to keep. They belong to the thread, so the
// thread ends afterwards.
func startPlain(c *exec.Cmd, keep ...uintptr) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		for one := uintptr(0); one <= unix.CAP_LAST_CAP; one++ {
			if slices.Contains(keep, one) {
				continue
			}
			err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_LOWER, one, 0, 0)
			if err == unix.EINVAL { // the kernel has no ambient capabilities, or not this one
				continue
			} else if err != nil {
				started <- fmt.Errorf("cannot give up capabilities: %w", err)
				return
			}
		}
		started <- c.Start()
	}()
	return <-started
}

func environment(names ...string) (list []string) {
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			list = append(list, name+"="+value)
		}
	}
	return list
}
