// Command jailctl is the operator's side of pbxjail. It asks the daemon over its
// socket, and reads log files by itself for parse and replay. It must never touch
// the host's firewall, or follow a log: that is the daemon's. doctor --probe makes
// rules too, but only in network namespaces that it has made for them.
//
// The rules of the terminal:
//
//   - what was asked for goes to stdout, everything else to stderr;
//   - an error is one line, "jailctl: what happened", and one line, "hint: what
//     to do"; no capitals, no full stop;
//   - each line and each cell of a table passes through safe: a log may hold
//     anything, and a terminal obeys what it is sent;
//   - only top sends a terminal something to obey, home and clear, and only when
//     stdout is one; parse and replay write over their progress on stderr;
//   - --json prints the API's own types, and nothing but ASCII.
//
// Exit status: 0 done; 1 what was asked did not happen, or a problem was found; 2 wrong
// usage; 3 there is no jail of the name; 4 only risks were found (doctor, audit); 5 another PBX did
// not answer (--host, --hosts, tunnel). Lifting a ban that is not there is done: afterwards
// the address is not banned. So is a list of bans that is empty.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
)

const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitNoJail = 3
	exitRisky  = 4
	exitNoPBX  = 5 // another PBX did not answer
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program: args in, exit status out.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := &sink{w: stdout}
	a := &app{stdin: stdin, stdout: out, stderr: stderr, now: time.Now}
	err := a.execute(args)
	if _, elsewhere := errors.AsType[*endedError](err); out.err != nil && (err == nil || elsewhere) {
		err = out.err
	}
	return a.exit(err)
}

// execute does what a command line says, here or on another PBX.
func (a *app) execute(args []string) error {
	if len(args) > 1 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		if e, err := parseElsewhere(args[1:]); err == nil && e != nil && len(e.args) > 0 {
			a.away, args = true, append(args[:1:1], e.args...)
		}
	}
	e, err := parseElsewhere(args)
	if err != nil {
		return err
	}
	if e != nil {
		return a.elsewhere(e)
	}
	root := newRoot(a)
	root.SetArgs(append([]string{}, args...)) // cobra takes nil for os.Args
	return root.Execute()
}

// endedError is an exit status that was decided elsewhere. Without an error nothing more is
// printed.
type endedError struct {
	error
	exit int
}

func (e *endedError) Unwrap() error { return e.error }

// exit prints an error, and returns its exit status.
func (a *app) exit(err error) int {
	ended, elsewhere := errors.AsType[*endedError](err)
	if err == nil || elsewhere && ended.error == nil {
		if elsewhere {
			return ended.exit
		}
		return exitDone
	}
	a.complain("jailctl: %v", err)
	if do := cmp.Or(hint.Of(err), usualHint(err)); do != "" {
		a.complain("hint: %s", do)
	}
	if elsewhere {
		return ended.exit
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*noJailError](err); ok {
		return exitNoJail
	}
	if _, ok := errors.AsType[*riskyError](err); ok {
		return exitRisky
	}
	return exitFailed
}

// usualHint is for an error of the system that has no hint of its own.
func usualHint(err error) string {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "give the command as root (sudo). In a container, root may also need CAP_NET_ADMIN"
	case errors.Is(err, fs.ErrNotExist):
		return "check the path, and give the command again"
	}
	return ""
}

// usageError is a command line that makes no sense.
type usageError struct{ error }

func (u *usageError) Unwrap() error { return u.error }

func usage(hint, format string, args ...any) error {
	return &usageError{control.Refuse(0, hint, format, args...)}
}

// sink remembers the first write that went wrong, so that a full disk behind a
// redirection is not exit status 0.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	if err != nil && s.err == nil {
		s.err = fmt.Errorf("the output could not be written: %w", err)
		if errors.Is(err, syscall.ENOSPC) {
			s.err = hint.Add("make free space on the disk of the output; to see all disks: df -h", s.err)
		}
	}
	return n, err
}
