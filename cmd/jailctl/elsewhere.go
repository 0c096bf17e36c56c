package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/program"
	"pbxjail/cmd/internal/remote"
	"pbxjail/configs"
)

// elsewhere is a command line for other PBXs: jailctl --host user@pbx VERB, or --hosts FILE.
type elsewhere struct {
	host, hosts string
	parallel    int
	limit       time.Duration
	sudo, yes   bool
	config      string
	args        []string // the verb and its arguments, and what is for every verb, such as --json
}

const (
	usualParallel = 8
	mostParallel  = 64
	usualLimit    = 2 * time.Minute
	hostConnect   = 20 * time.Second // for one PBX, where an admin may type a password
	hostsConnect  = 10 * time.Second
)

// elsewhereFlags shows the flags in the help. parseElsewhere reads them: they come before
// the verb, and no verb has them.
func elsewhereFlags(root *cobra.Command) {
	f := root.Flags()
	f.String("host", "", "run the verb on another PBX, over ssh: user@pbx or user@pbx:port; write it before the verb")
	f.String("hosts", "", "run the verb on each PBX of this file, one host in each line; - is stdin")
	f.Int("parallel", usualParallel, "with --hosts: on how many PBXs at the same time")
	f.String("time-limit", "2m", "with --hosts: how long each PBX may take")
	f.Bool("sudo", false, "with --host or --hosts: run the verb there with sudo -n, as root")
	f.Bool("yes", false, "with --hosts: do not ask before a verb that changes something")
	f.String("ssh-config", "", "with --host or --hosts: a configuration file of ssh, in place of ~/.ssh/config")
	_ = root.RegisterFlagCompletionFunc("host", completeHosts)
}

// completeHosts completes a host that the user's files of ssh name.
func completeHosts(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	home, err := os.UserHomeDir()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	read := func(name string) io.Reader {
		text, _ := os.ReadFile(filepath.Join(home, ".ssh", name)) // a shell has no place for an error
		return bytes.NewReader(text)
	}
	user := begun[:strings.LastIndexByte(begun, '@')+1]
	var list []string
	for _, name := range remote.Names(read("config"), read("known_hosts")) {
		if strings.HasPrefix(user+name, begun) {
			list = append(list, user+name)
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// parseElsewhere reads the flags before the verb. nil: the verb is for this machine.
func parseElsewhere(args []string) (e *elsewhere, err error) {
	e = &elsewhere{parallel: usualParallel, limit: usualLimit}
	given, at := "", 0
	for at < len(args) && len(args[at]) > 1 && args[at][0] == '-' && args[at] != "--" {
		name, value, has := strings.Cut(args[at], "=")
		at++
		switch name {
		case "--sudo", "--yes":
			err = e.set(name, value)
		case "--host", "--hosts", "--parallel", "--time-limit", "--ssh-config":
			if !has {
				if at == len(args) {
					return nil, usage("write jailctl --host user@pbx VERB", "%s needs a value", name)
				}
				value, at = args[at], at+1
			}
			err = e.set(name, value)
		default: // of every verb
			e.args = append(e.args, args[at-1])
			if name == "--socket" && !has && at < len(args) {
				e.args, at = append(e.args, args[at]), at+1
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		given = name
	}
	if e.host == "" && e.hosts == "" {
		if given != "" && given != "--yes" {
			return nil, usage("write jailctl --host user@pbx VERB, or jailctl --hosts FILE VERB", "%s needs --host or --hosts", given)
		}
		return nil, nil
	}
	e.args = append(e.args, args[at:]...)
	return e, nil
}

func (e *elsewhere) set(name, value string) (err error) {
	if name == "--host" && e.host != "" || name == "--hosts" && e.hosts != "" {
		return usage("to run the verb on several PBXs, write them into a file, one in each line: jailctl --hosts FILE VERB", "%s is given twice", name)
	}
	switch name {
	case "--host":
		e.host = value
	case "--hosts":
		e.hosts = value
	case "--ssh-config":
		e.config = value
	case "--sudo":
		e.sudo = true
	case "--yes":
		e.yes = true
	case "--parallel":
		if e.parallel, err = strconv.Atoi(value); err != nil || e.parallel < 1 || e.parallel > mostParallel {
			return usage("write a number from 1 to "+strconv.Itoa(mostParallel), "--parallel: %q is not such a number", value)
		}
	case "--time-limit":
		if e.limit, err = configs.ParseDuration(value); err != nil || e.limit <= 0 {
			return usage("write a time such as 30s or 5m", "--time-limit: %q is not a time", value)
		}
	}
	if value == "" && (name == "--host" || name == "--hosts") {
		return usage("write jailctl --host user@pbx VERB, or jailctl --hosts FILE VERB", "%s is empty", name)
	}
	return nil
}

// has reports whether an option of every verb, such as --json, is given.
func (e *elsewhere) has(option string) bool {
	args := e.args
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, option)
}

// elsewhere runs the verb there. Ctrl-c ends both ends.
func (a *app) elsewhere(e *elsewhere) error {
	a.json, a.columns = e.has("--json"), columns(e.has("--wide"), os.Getenv("COLUMNS"))
	switch verb := firstWord(e.args); {
	case a.remote:
		return noChain("--host")
	case e.host != "" && e.hosts != "":
		return usage("write one of them", "--host and --hosts cannot be used together")
	case verb == "" && !e.has("--help") && !e.has("-h"):
		return usage("write jailctl --host user@pbx VERB; to see all verbs: jailctl --help", "no verb given for the other PBX")
	case verb == "tunnel" || verb == "remote":
		return noChain(verb)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if e.hosts != "" {
		return a.onHosts(ctx, e)
	}
	return a.onHost(ctx, e)
}

// firstWord is the verb: the first argument that is not an option.
func firstWord(args []string) string {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--socket":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return args[i]
		}
	}
	return ""
}

// onHost runs the verb on one PBX. What it prints comes as it is, but for bytes that a
// terminal obeys.
func (a *app) onHost(ctx context.Context, e *elsewhere) error {
	t, err := remote.ParseTarget(e.host)
	if err != nil {
		return &usageError{err}
	}
	var in io.Reader
	if readsStdin(e.args) {
		in = a.stdin
	}
	width, _ := strconv.Atoi(os.Getenv("COLUMNS"))
	out, said := remote.NewClean(a.stdout, a.json), remote.NewClean(a.stderr, false)
	c := call{ssh: remote.SSH{Config: e.config, Connect: hostConnect, Sudo: e.sudo}, to: t, args: e.args, in: in, columns: width}
	end, err := c.run(ctx, out, said)
	err = errors.Join(err, out.Flush(), said.Flush())
	switch {
	case err != nil:
		return &endedError{err, exitNoPBX}
	case ctx.Err() != nil:
		return stoppedByCtrlC()
	}
	if err := end.Err(t); err != nil && interrupted(ctx) {
		return stoppedByCtrlC()
	} else if err != nil {
		return &endedError{err, exitNoPBX}
	}
	return &endedError{nil, end.Exit}
}

func stoppedByCtrlC() error {
	return &endedError{control.Refuse(0, "the answer is not complete", "stopped by ctrl-c"), exitFailed}
}

// signalTime is how much later than ssh we may see the same ctrl-c.
const signalTime = 200 * time.Millisecond

// interrupted reports whether ctrl-c is why ssh ended: the terminal sends it to both at once.
func interrupted(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	case <-time.After(signalTime):
		return false
	}
}

// readsStdin reports whether a verb reads stdin: for "-", and for a question. No other verb
// gets it: a loop of a shell over a list of hosts reads the list from stdin.
func readsStdin(args []string) bool {
	asks := slices.Contains([]string{"setup", "import", "recordings"}, firstWord(args)) && !slices.Contains(args, "--yes")
	return asks || slices.Contains(args, "-")
}

// call is a verb for another PBX.
type call struct {
	ssh     remote.SSH
	to      remote.Target
	args    []string
	in      io.Reader // for the verb; nil: nothing
	columns int       // how wide a line may be; 0: not known
}

// keptSaid is how much of standard error is looked at for the reason of a failure, in bytes.
const keptSaid = 16 << 10

// run runs ssh to its end. out gets what the verb prints, said what the verb and ssh print to
// standard error. An error says that ssh did not start.
func (c call) run(ctx context.Context, out, said io.Writer) (remote.Ending, error) {
	line, err := remote.NewRequest(c.args, c.columns).Line()
	if err != nil {
		return remote.Ending{}, err
	}
	head, opened := &remote.Head{Most: keptSaid}, make(chan struct{})
	gate := remote.NewGate(out, func() { close(opened) })
	ssh, err := program.Attach(ctx, gate, io.MultiWriter(head, said), c.ssh.Batch, "ssh", c.ssh.Run(c.to)...)
	if err != nil {
		return remote.Ending{}, err
	}
	over := make(chan struct{})
	go func() { // stdin stays open: its end is the end of the connection
		_, _ = ssh.Input.Write(line) // that ssh does not read is said by its exit status
		if c.in != nil {
			select { // until then ssh may ask for a password on the same terminal
			case <-opened:
			case <-over:
				return
			}
		}
		_ = remote.SendInput(ssh.Input, c.in)
	}()
	exit, err := ssh.Wait()
	close(over)
	return remote.Ending{Exit: exit, Greeted: gate.Greeted(), Before: gate.Before(), Said: head.Text()}, err
}

// orExit is the text of an answer, or its exit status where it has none.
func orExit(text string, exit int) string {
	return cmp.Or(text, "exit status "+strconv.Itoa(exit))
}
