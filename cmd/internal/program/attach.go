package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"

	"pbxjail/configs/hint"
)

// Attached is a program that an admin talks to, such as ssh. Wait once; Input may be used
// from another goroutine.
type Attached struct {
	Input   io.WriteCloser // its standard input
	command *exec.Cmd
}

// attachedDelay is how long such a program may take to end when it is asked to.
const attachedDelay = 2 * time.Second

// Attach starts a program with the environment of this one, which has the agent of ssh. out
// and said get its standard output and standard error; they are used from other goroutines
// until Wait returns. When ctx ends, the program is asked to end, and killed if it does not.
// apart: it is in a process group of its own, so that ctrl-c on the terminal does not reach
// it and its children end with it; it cannot read the terminal then.
func Attach(ctx context.Context, out, said io.Writer, apart bool, name string, args ...string) (*Attached, error) {
	if !There(name) {
		return nil, hint.Errorf("install the program "+name, "program %s is not installed", name)
	}
	c := exec.CommandContext(ctx, name, args...)
	c.Stdout, c.Stderr, c.WaitDelay = out, said, attachedDelay
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: apart}
	c.Cancel = func() error {
		if apart {
			return syscall.Kill(-c.Process.Pid, syscall.SIGTERM)
		}
		return c.Process.Signal(syscall.SIGTERM)
	}
	input, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	return &Attached{input, c}, nil
}

// Wait waits for the end of the program, and returns its exit status; -1: a signal ended it.
// An error says that its output could not be written, or that it is not known how it ended.
func (a *Attached) Wait() (exit int, err error) {
	err = a.command.Wait()
	state := a.command.ProcessState
	if state == nil {
		return -1, err
	}
	_, ended := errors.AsType[*exec.ExitError](err)
	asked := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if ended || asked || errors.Is(err, exec.ErrWaitDelay) { // a child of it holds the pipes
		err = nil
	}
	return state.ExitCode(), err
}
