package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLogWithoutReader: the standard error is a full pipe without a reader. Attackers are
// still banned, jailctl gets an answer that shows the problem, and SIGTERM ends the daemon.
func TestLogWithoutReader(t *testing.T) {
	t.Parallel()
	logWithoutReader(t)
}

func logWithoutReader(t *testing.T) {
	dir, err := os.MkdirTemp("", "e2e") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(path("jails"), 0o755); err != nil {
		t.Fatal(err)
	}
	write("jails/phones.yaml", fmt.Sprintf("logs: [%s]\nmatch: [{event: bad-password}]\nmaxretry: 3\n", path("security")))
	write("security", "")
	write("pbxjail.yaml", known(fmt.Sprintf("jails: %s\nasterisk: %s\ndatabase: %s\nsocket: %s\nenforcer: observe\nwire: {enabled: false}\nlog_level: debug\n", path("jails"), dir, path("db"), path("sock"))))

	_, full := fullPipe(t)
	cmd := exec.Command(program("pbxjail"), "--config", path("pbxjail.yaml"))
	cmd.Stderr = full
	races := path("race") // the race detector writes to standard error too, and would wait for a reader
	cmd.Env = append(os.Environ(), "GORACE="+noSleep+" log_path="+races)
	if err := start(cmd); err != nil {
		t.Fatal(err)
	}
	full.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() })

	jailctl := func(args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
		defer cancel()
		out, _ := exec.CommandContext(ctx, program("jailctl"), append(args, "--socket", path("sock"))...).CombinedOutput()
		return string(out)
	}
	if !poll(func() bool { return strings.Contains(jailctl("status"), "phones") }) {
		t.Fatalf("no answer of the daemon; jailctl status said:\n%s", jailctl("status"))
	}
	const attackers = 1200 // each ban is a line: more than wait for a reader
	var records strings.Builder
	for i := range attackers {
		for range 3 {
			fmt.Fprintf(&records, "[%s] NOTICE[101] chan_sip.c: Registration from '\"1\" <sip:1@192.0.2.10>' failed for '198.18.%d.%d:5060' - Wrong password\n",
				time.Now().Format("2006-01-02 15:04:05"), i/250, i%250+1)
		}
	}
	write("security", records.String())
	if !poll(func() bool { return strings.Count(jailctl("list"), "198.18.") == attackers }) {
		t.Errorf("got %d bans, want %d", strings.Count(jailctl("list"), "198.18."), attackers)
	}
	if got := jailctl("status"); !strings.Contains(got, "lines of pbxjail's own log are lost") {
		t.Errorf("status does not say that the log is not read:\n%s", got)
	}
	begin := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		figure(t, "SIGTERM ends it in %s", time.Since(begin).Round(time.Millisecond))
		if err != nil {
			t.Errorf("got %v, want a clean end", err)
		}
	case <-time.After(waitLimit):
		t.Error("SIGTERM is not obeyed")
	}
	found, _ := filepath.Glob(races + ".*")
	for _, name := range found {
		text, _ := os.ReadFile(name)
		t.Errorf("%s", text)
	}
}

// fullPipe is a pipe that takes no byte more. Its reading end stays open with the test.
func fullPipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	fd := int(w.Fd()) // blocking from here on, as a program's standard error is
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	for junk := make([]byte, 4096); ; {
		if _, err := unix.Write(fd, junk); err != nil {
			break
		}
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		t.Fatal(err)
	}
	return r, w
}
