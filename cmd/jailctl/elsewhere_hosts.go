package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/remote"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// readers are the verbs that change nothing. For any other one --hosts asks first.
var readers = []string{
	"status", "list", "allowed", "protected", "why", "history", "audit-log", "export", "top", "wire", "agents", "version",
	"parse", "replay", "check", "jails", "feeds", "feeds check", "geoip", "geoip status", "geoip lookup", "rules", "doctor",
	"calls", "metrics", "notify", "notify status", "help", "completion", "import", "audit", "dialplan", "recordings", "recordings list", "recordings trail", "recordings report",
}

// changes reports whether a verb may change something.
func changes(args []string) bool {
	if slices.Contains(args, "--help") || slices.Contains(args, "-h") {
		return false
	}
	c, flags, err := newRoot(&app{}).Find(args)
	if err != nil || !c.HasParent() {
		return true // a verb of a newer release
	}
	if err := c.ParseFlags(flags); err == nil {
		if dry, err := c.Flags().GetBool("dry-run"); err == nil && dry {
			return false
		}
	}
	return !slices.Contains(readers, strings.TrimPrefix(c.CommandPath(), "jailctl "))
}

// unbroken is how wide a line of an answer may be: wrapped lines are no answers in one line.
const unbroken = 10_000

// mostKept is how much of the output of all PBXs together is kept, in bytes, and mostOfOne of
// one of them: each may print without end.
const (
	mostKept  = 256 << 20
	mostOfOne = 4 << 20
)

// hostAnswer is what came from one PBX. All text in it is foreign.
type hostAnswer struct {
	Host   string          `json:"host"`
	Exit   int             `json:"exit"`   // of the verb; 5: the PBX did not answer
	Result string          `json:"result"` // the answer in one line
	Error  string          `json:"error"`  // why there is no answer, or no whole one
	Hint   string          `json:"hint"`
	TookMS int64           `json:"took_ms"`
	Answer json.RawMessage `json:"answer"` // what the verb printed, if that is one JSON value
	Stdout string          `json:"stdout"` // what it printed, if not
	Stderr string          `json:"stderr"`
	Cut    bool            `json:"cut"` // it printed more than is kept
}

// onHosts runs the verb on each PBX of a list, some at the same time, and prints a table.
func (a *app) onHosts(ctx context.Context, e *elsewhere) error {
	if slices.Contains(e.args, "-") {
		return usage("run the verb on one PBX: jailctl --host user@pbx VERB", "with --hosts no verb can read stdin")
	}
	list, err := a.hostList(e.hosts)
	if err != nil {
		return &usageError{err}
	}
	if changes(e.args) && !e.yes {
		if err := a.askForAll(e, list); err != nil {
			return err
		}
	}
	answers := a.askAll(ctx, e, list)
	if a.json {
		err = a.emitLines(answers)
	} else {
		err = a.printAnswers(e, answers)
	}
	if err != nil {
		return err
	}
	return worstOf(ctx, e, answers)
}

func (a *app) hostList(file string) ([]remote.Target, error) {
	if file == "-" {
		return remote.Hosts(a.stdin, "stdin")
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, hint.Cannot(err)
	}
	defer f.Close()
	return remote.Hosts(f, file)
}

// askForAll asks once before something changes on many PBXs.
func (a *app) askForAll(e *elsewhere, list []remote.Target) error {
	line := "jailctl " + commandLine(e.args)
	if in, ok := a.stdin.(*os.File); !ok || a.json || e.hosts == "-" || !isTerminal(in) {
		return usage("to do it without a question, write --yes before the verb: jailctl --hosts FILE --yes VERB", "%s may change something on %s, and there is no terminal to ask on", line, show.Count(len(list), "PBX"))
	}
	a.say("%s", line)
	a.say("would run on %s:", show.Count(len(list), "PBX"))
	for _, t := range list {
		a.say("  %s", t)
	}
	if !a.confirms("Do it on all of them?") {
		return control.Refuse(0, "to do it without a question: jailctl --hosts FILE --yes VERB", "nothing was changed")
	}
	return nil
}

// isTerminal reports whether a file is a terminal.
func isTerminal(f *os.File) bool {
	_, terminal := sizeOf(f)
	return terminal
}

// askAll asks the PBXs, at most e.parallel at the same time. The answers are in the order of
// the list.
func (a *app) askAll(ctx context.Context, e *elsewhere, list []remote.Target) []hostAnswer {
	answers := make([]hostAnswer, len(list))
	w := &waiting{app: a, hosts: map[string]bool{}, total: len(list)}
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(e.parallel, len(list)) {
		workers.Go(func() {
			for i := range next {
				name := list[i].String()
				w.begin(name)
				answers[i] = a.askOne(ctx, e, list[i], min(mostOfOne, mostKept/len(list)))
				w.end(name)
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	workers.Wait()
	w.clear()
	return answers
}

// notAsked is what is said of a PBX whose turn did not come.
const notAsked = "not asked: stopped by ctrl-c"

// askOne asks one PBX, and waits no longer than the time limit.
func (a *app) askOne(ctx context.Context, e *elsewhere, t remote.Target, most int) hostAnswer {
	began := time.Now()
	if ctx.Err() != nil {
		return hostAnswer{Host: t.String(), Exit: exitNoPBX, Error: notAsked, Result: notAsked, Hint: "run the command again"}
	}
	limited, cancel := context.WithTimeout(ctx, e.limit)
	defer cancel()
	out, said := &remote.Head{Most: most}, &remote.Head{Most: keptSaid}
	c := call{ssh: remote.SSH{Config: e.config, Batch: true, Connect: min(hostsConnect, e.limit/2), Sudo: e.sudo}, to: t, args: e.args, columns: unbroken}
	end, err := c.run(limited, out, said)
	r := hostAnswer{Host: t.String(), Exit: end.Exit, Stdout: out.Text(), Stderr: said.Text(), Cut: out.Cut() || said.Cut()}
	switch {
	case ctx.Err() != nil:
		err = hint.Errorf("the verb may be done there or not", "%s: stopped by ctrl-c", t)
	case limited.Err() != nil:
		err = hint.Errorf("the verb may be done there or not; to wait longer: --time-limit 10m", "%s: no whole answer within %s", t, show.Duration(e.limit))
	case err == nil:
		err = end.Err(t)
	}
	if err != nil {
		r.Exit, r.Error, r.Hint = exitNoPBX, strings.TrimPrefix(err.Error(), t.String()+": "), hint.Of(err)
		r.Result = r.Error
	} else {
		r.Result = orExit(remote.Summary(r.Exit, r.Stdout, r.Stderr), r.Exit)
	}
	if a.json && !r.Cut && remote.IsJSON(r.Stdout) {
		r.Answer, r.Stdout = json.RawMessage(r.Stdout), ""
	}
	r.TookMS = time.Since(began).Milliseconds()
	return r
}

// printAnswers prints one row for each PBX, and before that with --wide all that each printed.
func (a *app) printAnswers(e *elsewhere, answers []hostAnswer) error {
	if e.has("--wide") {
		for _, r := range answers {
			a.say("%s: exit status %d", r.Host, r.Exit)
			for line := range strings.Lines(r.Stdout + r.Stderr) {
				a.say("    %s", strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    "))
			}
			if r.Cut {
				a.say("    (it printed more, which is left out)")
			}
			a.say("")
		}
	}
	t := a.newTable("HOST", "EXIT", "RESULT")
	for _, r := range answers {
		t.row(r.Host, number(r.Exit), strings.ReplaceAll(r.Result, "\t", " "))
	}
	if err := t.end(); err != nil {
		return err
	}
	a.printReasons(answers)
	return nil
}

// printReasons says once for each reason what to do.
func (a *app) printReasons(answers []hostAnswer) {
	said := map[string]bool{}
	for _, r := range answers {
		if r.Error == "" || r.Hint == "" || said[r.Error] {
			continue
		}
		said[r.Error] = true
		a.complain("%s: %s", r.Host, r.Error)
		a.complain("   hint: %s", r.Hint)
	}
}

// worstOf is the exit status of the worst PBX, with how many failed; nil: none did.
func worstOf(ctx context.Context, e *elsewhere, answers []hostAnswer) error {
	worst, silent, failed := exitDone, 0, 0
	for _, r := range answers {
		worst = remote.Worse(worst, r.Exit, exitNoPBX)
		switch {
		case r.Error != "":
			silent++
		case r.Exit != exitDone:
			failed++
		}
	}
	if worst == exitDone {
		return nil
	}
	var parts []string
	if silent > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s did not answer", silent, show.Count(len(answers), "PBX")))
	}
	if failed > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s ended with an exit status other than 0", failed, show.Count(len(answers), "PBX")))
	}
	what := strings.Join(parts, "; ")
	do := wholeAnswers(e, answers)
	if ctx.Err() != nil {
		what = "stopped by ctrl-c: " + what
	}
	return &endedError{hint.New(do, what), worst}
}

// wholeAnswers is what to type to see more than one line of an answer. It names the first PBX
// that answered, and did not end well.
func wholeAnswers(e *elsewhere, answers []hostAnswer) string {
	verb := commandLine(e.args)
	all := "to see all that each PBX printed: jailctl --hosts " + show.Word(e.hosts, 200) + " --wide " + verb
	for _, r := range answers {
		if r.Error == "" && r.Exit != exitDone {
			return "to see all that " + r.Host + " printed: jailctl --host " + r.Host + " " + verb + "; " + all
		}
	}
	return all
}

// commandLine are arguments for people.
func commandLine(args []string) string {
	var words []string
	for _, arg := range args {
		words = append(words, show.Word(arg, 200))
	}
	return strings.Join(words, " ")
}

// waiting shows on a terminal which PBXs have not answered yet. Its methods may be called
// from any goroutine.
type waiting struct {
	app   *app
	mu    sync.Mutex
	hosts map[string]bool
	done  int
	total int
	width int
}

func (w *waiting) begin(host string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[host] = true
	w.show()
}

func (w *waiting) end(host string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.hosts, host)
	w.done++
	w.show()
}

// mostWaiting is how wide the line may be.
const mostWaiting = 79

func (w *waiting) show() {
	names := []string{}
	for name := range w.hosts {
		names = append(names, name)
	}
	slices.Sort(names)
	w.line(fmt.Sprintf("%d of %d answered; waiting for %s", w.done, w.total, strings.Join(names, " ")))
}

func (w *waiting) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.line("")
	if w.width > 0 {
		_, _ = io.WriteString(w.app.stderr, "\r")
	}
}

func (w *waiting) line(text string) {
	if _, terminal := sizeOf(w.app.stderr); !terminal {
		return
	}
	text = text[:min(len(text), mostWaiting)]
	fmt.Fprint(w.app.stderr, "\r", text, strings.Repeat(" ", max(w.width-len(text), 0)))
	w.width = max(w.width, len(text))
}
