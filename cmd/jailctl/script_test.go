package main

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"pbxjail/cmd/internal/control"
)

// TestScripts runs testdata/script: each file is a page of the manual, with a
// daemon at $SOCKET without a ban. UPDATE_SCRIPTS=1 writes cmp files again.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			f := newFake()
			path, stop, err := serve(f.calls())
			if err != nil {
				return err
			}
			e.Defer(stop)
			e.Setenv("SOCKET", path)
			e.Values["fake"] = f
			return giveTables(e)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"jailctl":     scriptJailctl,
			"exits":       scriptExits,
			"breakreload": scriptBreakReload,
			"waits":       scriptWaits,
			"guessed":     scriptGuessed,
		},
	})
}

// giveTables sets $TABLES, and writes it and $WORK into the main file of a script.
func giveTables(e *testscript.Env) error {
	dir, err := filepath.Abs(tableFiles)
	if err != nil {
		return err
	}
	e.Setenv("TABLES", dir)
	main := filepath.Join(e.WorkDir, "main.yaml")
	text, err := os.ReadFile(main)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	filled := strings.NewReplacer("$TABLES", dir, "$WORK", e.WorkDir).Replace(string(text))
	return errors.Join(err, os.WriteFile(main, []byte(filled), 0o644))
}

// scriptJailctl is "jailctl ARGS...": it must be done.
func scriptJailctl(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("write exits N jailctl: which status is part of the manual")
	}
	scriptExits(ts, false, append([]string{"0", "jailctl"}, args...))
}

// scriptExits is "exits N jailctl ARGS...": the exit status is exactly N.
func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := run(args[2:], strings.NewReader(""), ts.Stdout(), ts.Stderr()); got != want {
		ts.Fatalf("got exit status %d, want %d", got, want)
	}
}

// scriptWaits is "waits KEY...": a reload finds keys that wait for a restart.
// scriptGuessed raises an alarm about the password of an account at an address.
func scriptGuessed(ts *testscript.TestScript, _ bool, args []string) {
	f := ts.Value("fake").(*fake)
	f.mu.Lock()
	defer f.mu.Unlock()
	a := control.Alarm{Account: args[0], Addr: netip.MustParseAddr(args[1]), Service: "pjsip", Failures: 6, At: time.Now().Add(-time.Minute)}
	a.What = "someone may have guessed the password of " + a.Account + ": " + args[1] + " logged in as " + a.Account + " after 6 failed tries"
	f.status.Alarms = append(f.status.Alarms, a)
}

func scriptWaits(ts *testscript.TestScript, _ bool, args []string) {
	f := ts.Value("fake").(*fake)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waits = args
}

// scriptBreakReload is "breakreload": the daemon's files are bad from now on.
func scriptBreakReload(ts *testscript.TestScript, _ bool, _ []string) {
	f := ts.Value("fake").(*fake)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = true
}
