// Package e2e runs the two programs as an operator would: real binaries, real log files,
// and where packets matter a real kernel in network namespaces. The scripts in
// testdata/script read like pages of the manual. It must never touch the host's firewall or
// a log outside its own folders, and it looks at the programs from outside only: what they
// print, what the kernel holds, which packets pass.
package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"testing"
	"time"
)

// programs is the folder of the binaries under test. TestMain sets it.
var programs string

func TestMain(m *testing.M) {
	if procs := os.Getenv(inCgroup); procs != "" {
		enterCgroup(procs)
	}
	os.Exit(run(m))
}

// run builds the programs. BIN names a folder of others, to see what another release does
// in a script: BIN=DIR go test ./cmd/internal/e2e -run TestScripts/logs_found
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pbxjail-e2e")
	if err == nil {
		defer os.RemoveAll(dir)
		if err = os.Chmod(dir, 0o755); err == nil && os.Getenv("BIN") == "" { // a test runs them as an ordinary user
			err = build(dir)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	programs = cmp.Or(os.Getenv("BIN"), dir)
	if os.Getenv("GORACE") == "" { // else a program with the race detector sleeps a second before it exits
		os.Setenv("GORACE", noSleep)
	}
	go func() {
		runtime.LockOSThread()
		for job := range starts {
			job()
		}
	}()
	return m.Run()
}

// noSleep has the race detector add nothing to the time that an end takes.
const noSleep = "atexit_sleep_ms=0"

// starts is served by a thread that lives as long as the test.
var starts = make(chan func())

// start starts a program that the kernel ends with this one, however that ends:
// prctl(2) PR_SET_PDEATHSIG looks at the thread that started it.
func start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	done := make(chan error)
	starts <- func() { done <- cmd.Start() }
	return <-done
}

// build makes the programs. jailctl starts too often for the race detector, and
// has nothing that could race.
func build(dir string) error {
	pbxjail := []string{"build", "-o", dir + "/", "pbxjail/cmd/pbxjail"}
	if raceDetector() {
		pbxjail = slices.Insert(pbxjail, 1, "-race")
	}
	for _, args := range [][]string{pbxjail, {"build", "-o", dir + "/", "pbxjail/cmd/jailctl"}} {
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("build the programs: %w\n%s", err, out)
		}
	}
	return nil
}

func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func program(name string) string { return filepath.Join(programs, name) }

// TestProgramsAreOfTheseSources looks at every source, so that the go command
// never gives a cached result for programs that have changed since.
func TestProgramsAreOfTheseSources(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(filepath.Join("..", "..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == ".git" {
			return cmp.Or(err, fs.SkipDir)
		}
		if slices.Contains([]string{".go", ".yaml", ".mod"}, filepath.Ext(path)) {
			seen++
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil || seen < 40 {
		t.Errorf("saw %d sources, %v", seen, err)
	}
}

// waitLimit is only for what never comes: everybody waits on a condition.
const waitLimit = 90 * time.Second

// poll asks until it is so, and reports whether that came.
func poll(so func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(waitLimit); !so(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// instance is a daemon that was started.
type instance struct {
	cmd   *exec.Cmd
	said  string        // the file its log goes to
	ended chan struct{} // closed when it has ended
	exit  error         // how; to be read after that
}

// launch starts a daemon by means of start, with its log appended to the file said.
func launch(cmd *exec.Cmd, said string, start func(*exec.Cmd) error) (*instance, error) {
	file, err := os.OpenFile(said, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	if err := start(cmd); err != nil {
		return nil, err
	}
	d := &instance{cmd: cmd, said: said, ended: make(chan struct{})}
	go func() {
		defer close(d.ended)
		d.exit = cmd.Wait()
	}()
	return d, nil
}

func (d *instance) gone() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// end sends a signal that ends the daemon, and says how it ended.
func (d *instance) end(sig os.Signal) error {
	if err := d.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("send %s: %w", sig, err)
	}
	select {
	case <-d.ended:
	case <-time.After(waitLimit):
		return fmt.Errorf("still there %s after %s", waitLimit, sig)
	}
	if sig == os.Kill {
		return nil
	}
	return d.exit
}

// clean ends a daemon that is left, and reports a data race that it printed.
func (d *instance) clean() error {
	if !d.gone() {
		d.cmd.Process.Kill()
		<-d.ended
	}
	log, err := os.ReadFile(d.said)
	if bytes.Contains(log, []byte("DATA RACE")) || bytes.Contains(log, []byte("panic:")) {
		return fmt.Errorf("the daemon said:\n%s", log)
	}
	return err
}
