package main

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/remote"
)

// remoteVerb is the other end of --host and --hosts. Its command line is always the same, so
// that no shell reads an argument.
func (a *app) remoteVerb() *cobra.Command {
	return &cobra.Command{
		Use:    "remote",
		Short:  "run a verb for a jailctl on another machine, which sends it over ssh",
		Hidden: true,
		Long: `remote is what jailctl --host runs on the other PBX. It reads the verb and its arguments as one
line of JSON from stdin, and runs the verb with the rights of the user who logged in. When the
connection ends, the verb ends. It needs no settings. Through sudo it takes no path of a file,
and does not run setup: jailctl help hosts. To allow an ssh key this verb alone, write
in front of the key in ~/.ssh/authorized_keys: restrict,command="jailctl remote"`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			if a.remote {
				return noChain("remote")
			}
			return a.serveRemote()
		},
	}
}

// noChain refuses to go on from the other PBX to a third one: a PBX that somebody took over
// must not be a way to all others.
func noChain(what string) error {
	return usage("to reach a PBX through another one, write ProxyJump for it into ~/.ssh/config", "%s does not work through --host", what)
}

// serveRemote runs the verb that stdin names.
func (a *app) serveRemote() error {
	if _, err := io.WriteString(a.stdout, remote.Greeting()); err != nil {
		return err
	}
	in := bufio.NewReader(a.stdin)
	q, err := remote.ReadRequest(in)
	if err != nil {
		return &usageError{err}
	}
	verb, feed := io.Pipe()
	defer verb.Close()
	go func() {
		_ = remote.Input(in, feed) // after its end no one waits for the answer
		interrupt()
	}()
	out := &sink{w: a.stdout}
	inner := &app{stdin: verb, stdout: out, stderr: a.stderr, now: a.now, remote: true, limited: throughSudo(os.Geteuid(), os.Getenv)}
	if q.Columns > 0 {
		inner.terminal = strconv.Itoa(q.Columns)
	}
	if err = inner.execute(q.Arguments()); err == nil {
		err = out.err
	}
	return &endedError{nil, inner.exit(err)}
}

// endingWait is how long a verb may take to end after an interrupt.
const endingWait = 5 * time.Second

// interrupt ends this program as ctrl-c does.
func interrupt() {
	time.AfterFunc(endingWait, func() { os.Exit(exitFailed) })
	_ = syscall.Kill(os.Getpid(), syscall.SIGINT)
}
