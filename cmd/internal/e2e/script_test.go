package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs testdata/script, where $WORK and $SOCKET are also replaced in YAML
// files. Each script has its own daemon that only observes, with the main file
// pbxjail.yaml, jail files in jails, a new country.mmdb, and nothing but what the script
// puts there: the shipped jails and the wire are switched off. Beside the commands of
// testscript there are
//
//	pbxjail [ARG]...           start the daemon; go on when it answers
//	sigterm, sigkill, sighup   send it that signal; it must end, on the first with exit status 0
//	jailctl ARG...             run jailctl; its exit status must be 0
//	exits N PROGRAM ARG...     run either program; its exit status must be N
//	[!] until RE ARG...        run jailctl ARG... until it prints RE (no longer)
//	logged RE                  wait until the daemon has said RE
//	append LINES LOG           write lines to a log, one by one, with the time in place of NOW and \xNN for bytes
//	pack FILE                  compress FILE to FILE.gz
//	json FILE                  a file, or stdout, holds JSON values and nothing else
//	remember N FILE            fill the history FILE with N bans of accounts first to last; no daemon runs
//	fits N FILE...             the databases have no more than N bytes together
//	old FOLDER                 the files below it whose name has a date were written 100 days ago
//	evil FOLDER                put a recording there whose name a terminal would obey
//	plain FILE...              a file, or stdout, has no byte that a terminal obeys
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/script",
		Setup: prepare,
		Condition: func(word string) (bool, error) {
			if word != "root" {
				return false, errors.New("there is no such condition: root")
			}
			return os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"pbxjail":  scriptStart,
			"sigterm":  scriptEnd(syscall.SIGTERM),
			"sigkill":  scriptEnd(os.Kill),
			"sighup":   scriptHup,
			"jailctl":  scriptJailctl,
			"exits":    scriptExits,
			"until":    scriptUntil,
			"logged":   scriptLogged,
			"written":  scriptWritten,
			"append":   scriptAppend,
			"pack":     scriptPack,
			"json":     scriptJSON,
			"plain":    scriptPlain,
			"old":      scriptOld,
			"evil":     scriptEvil,
			"remember": scriptRemember,
			"fits":     scriptFits,
		},
	})
}

// scene is what the commands of one script share.
type scene struct {
	daemon *instance
	clean  []func() error
}

// prepare completes the configuration of a script.
func prepare(e *testscript.Env) error {
	// Its path is short, because a socket's may have 107 bytes.
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		return err
	}
	e.Defer(func() { os.RemoveAll(dir) })
	s := &scene{}
	e.Values["scene"] = s
	e.Defer(func() {
		for _, clean := range s.clean {
			if err := clean(); err != nil {
				e.T().Fatal(err)
			}
		}
	})
	e.Setenv("SOCKET", filepath.Join(dir, "s"))
	e.Setenv("TZ", "UTC")
	e.Setenv("COLUMNS", "1000") // what a script looks for is in one line
	e.Setenv("PATH", programs+string(filepath.ListSeparator)+os.Getenv("PATH"))

	jails, main := filepath.Join(e.WorkDir, "jails"), filepath.Join(e.WorkDir, "pbxjail.yaml")
	text, err := os.ReadFile(main)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	known, err := exec.Command(filepath.Join(programs, "jailctl"), "check", "--reference").Output()
	if err != nil {
		return err
	}
	for _, line := range []string{"jails: $WORK/jails", "database: $WORK/pbxjail.db", "socket: $SOCKET", "geoip: {files: [$WORK/country.mmdb]}", "wire: {enabled: false}", "heard: {enabled: false}", "chain: e2e", "day_one: false"} {
		if key, _, _ := strings.Cut(line, " "); !bytes.Contains(append([]byte("\n"), text...), []byte("\n"+key)) && bytes.Contains(known, []byte("\n"+key)) {
			text = append(text, line+"\n"...)
		}
	}
	if err := os.WriteFile(main, text, 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(jails, 0o755); err != nil {
		return err
	}
	if err := writePlaces(filepath.Join(e.WorkDir, "country.mmdb")); err != nil {
		return err
	}
	for _, name := range []string{"guessing", "manager", "scanning", "silent", "sipsec", "toll-fraud"} {
		path := filepath.Join(jails, name+".yaml")
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := os.WriteFile(path, []byte("enabled: false\n"), 0o644); err != nil {
			return err
		}
	}
	return fillIn(e.WorkDir, strings.NewReplacer("$WORK", e.WorkDir, "$SOCKET", e.Getenv("SOCKET")))
}

// fillIn writes what only the run knows into the YAML files of a script.
func fillIn(dir string, places *strings.Replacer) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !slices.Contains([]string{".yaml", ""}, filepath.Ext(path)) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(places.Replace(string(text))), 0o644)
	})
}

func sceneOf(ts *testscript.TestScript) *scene { return ts.Value("scene").(*scene) }

// command is one of the programs, steered to the script's daemon.
func command(ctx context.Context, ts *testscript.TestScript, name string, args ...string) *exec.Cmd {
	switch {
	case name == "jailctl" && !slices.Contains(args, "--socket"):
		args = append(args, "--socket", ts.Getenv("SOCKET"))
	case name == "pbxjail" && !slices.Contains(args, "--config"):
		args = append(args, "--config", ts.MkAbs("pbxjail.yaml"))
	}
	for i := range args {
		args[i] = bytesOf(args[i])
	}
	cmd := exec.CommandContext(ctx, program(name), args...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "TZ="+ts.Getenv("TZ"), "COLUMNS="+ts.Getenv("COLUMNS"), "HOME=/none", "SSH_CONNECTION="+ts.Getenv("SSH_CONNECTION"))
	return cmd
}

func scriptStart(ts *testscript.TestScript, _ bool, args []string) {
	s := sceneOf(ts)
	cmd := command(context.Background(), ts, "pbxjail", append(args, "--observe")...)
	d, err := launch(cmd, ts.MkAbs("daemon.log"), start)
	ts.Check(err)
	s.daemon, s.clean = d, append(s.clean, d.clean)
	answers := poll(func() bool {
		return d.gone() || command(context.Background(), ts, "jailctl", "status").Run() == nil
	})
	if !answers || d.gone() {
		ts.Fatalf("the daemon does not come up:\n%s", ts.ReadFile("daemon.log"))
	}
}

func scriptEnd(sig os.Signal) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		if err := sceneOf(ts).daemon.end(sig); err != nil {
			ts.Fatalf("%v; it said:\n%s", err, ts.ReadFile("daemon.log"))
		}
	}
}

func scriptHup(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(sceneOf(ts).daemon.cmd.Process.Signal(syscall.SIGHUP))
}

func scriptJailctl(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("write exits N jailctl: which status is part of the manual")
	}
	scriptExits(ts, false, append([]string{"0", "jailctl"}, args...))
}

func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	cmd := command(ctx, ts, args[1], args[2:]...)
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	if err := cmd.Run(); cmd.ProcessState == nil {
		ts.Fatalf("%v", err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("got exit status %d, want %d", got, want)
	}
}

// scriptUntil is "until RE ARG..."; "! until" goes on when RE is no longer printed.
func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	var out, complaint bytes.Buffer
	came := poll(func() bool {
		out.Reset()
		complaint.Reset()
		cmd := command(context.Background(), ts, "jailctl", args[1:]...)
		cmd.Stdout, cmd.Stderr = &out, &complaint
		return cmd.Run() == nil && re.Match(out.Bytes()) != neg
	})
	ts.Stdout().Write(out.Bytes())
	ts.Stderr().Write(complaint.Bytes())
	if !came {
		ts.Fatalf("%q: not within %s; the daemon said:\n%s", args[0], waitLimit, ts.ReadFile("daemon.log"))
	}
}

func scriptLogged(ts *testscript.TestScript, neg bool, args []string) {
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	said := func() bool { return re.MatchString(ts.ReadFile("daemon.log")) }
	if neg == said() && (neg || !poll(said)) {
		ts.Fatalf("the daemon said:\n%s", ts.ReadFile("daemon.log"))
	}
}

// scriptWritten waits until a file has a text.
func scriptWritten(ts *testscript.TestScript, _ bool, args []string) {
	re, err := regexp.Compile(args[0])
	ts.Check(err)
	if !poll(func() bool { text, err := os.ReadFile(ts.MkAbs(args[1])); return err == nil && re.Match(text) }) {
		ts.Fatalf("%s does not have %q", args[1], args[0])
	}
}

func scriptAppend(ts *testscript.TestScript, _ bool, args []string) {
	log, err := os.OpenFile(ts.MkAbs(bytesOf(args[1])), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	ts.Check(err)
	defer log.Close()
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		_, err := log.WriteString(strings.ReplaceAll(bytesOf(line), "NOW", time.Now().UTC().Format(time.DateTime)))
		ts.Check(err)
	}
}

var escaped = regexp.MustCompile(`\\x[0-9a-f]{2}`)

// bytesOf puts bytes in place of their escapes, such as \x1b.
func bytesOf(text string) string {
	return escaped.ReplaceAllStringFunc(text, func(e string) string {
		b, _ := strconv.ParseUint(e[2:], 16, 8) // the expression lets nothing else through
		return string([]byte{byte(b)})
	})
}

func scriptPack(ts *testscript.TestScript, _ bool, args []string) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write([]byte(ts.ReadFile(args[0])))
	ts.Check(errors.Join(err, z.Close(), os.WriteFile(ts.MkAbs(args[0]+".gz"), packed.Bytes(), 0o644)))
}

func scriptJSON(ts *testscript.TestScript, _ bool, args []string) {
	values := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	for n := 0; ; n++ {
		var value any
		err := values.Decode(&value)
		if errors.Is(err, io.EOF) && n > 0 {
			return
		}
		ts.Check(err)
	}
}

func scriptPlain(ts *testscript.TestScript, _ bool, args []string) {
	for _, file := range args {
		out := ts.ReadFile(file)
		if out == "" {
			ts.Fatalf("%s is empty", file)
		}
		for i, b := range []byte(out) {
			if b != '\n' && (b < ' ' || b > '~') {
				ts.Fatalf("byte %#x in %s: %q", b, file, out[max(0, i-40):i+1])
			}
		}
	}
}
