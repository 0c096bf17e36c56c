package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pbxjail/cmd/internal/lab"
)

func TestExitStatus(t *testing.T) {
	pbxlab := filepath.Join(programs(t), "pbxlab")
	for _, c := range []struct {
		args    string
		want    int
		printed string
	}{
		{"--help", 0, "Exit status:"},
		{"nonsense", 2, "unknown command"},
		{"demo --nonsense", 2, "unknown flag"},
		{"demo more", 2, "unknown command"},
		{"net", 2, "give the addresses"},
		{"net example.net", 2, `"example.net" is not an address`},
		{"demo --pbxjail /nonexistent", 1, "build it"},
		{"bench more", 2, "unknown command"},
		{"bench --rounds 0", 1, "at least one of each"},
		{"bench --pbxjail /nonexistent", 1, "build it"},
		{"bench-peers --pbxjail /nonexistent", 1, "build it"},
		{"bench-peers --rounds 0", 1, "at least one of each"},
		{"bench-peers --parts speed", 1, `part "speed" is unknown`},
	} {
		t.Run(c.args, func(t *testing.T) {
			cmd := exec.Command(pbxlab, strings.Fields(c.args)...)
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != c.want {
				t.Errorf("got status %d, want %d", got, c.want)
			}
			if !strings.Contains(string(out), c.printed) {
				t.Errorf("got %q, want something of %q", out, c.printed)
			}
		})
	}
}

func TestNetRunsUntilInterrupted(t *testing.T) {
	lab.ForTest(t)
	cmd := exec.Command(filepath.Join(programs(t), "pbxlab"), "net", "198.51.100.7", "2001:db8:a1::7")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var printed string
	for lines := bufio.NewScanner(out); strings.Count(printed, ": answered\n") < 2 && lines.Scan(); {
		printed += lines.Text() + "\n"
	}
	name := regexp.MustCompile(`in namespace (\S+):`).FindStringSubmatch(printed)
	if name == nil {
		t.Fatalf("no namespace is named in %q", printed)
	}
	if _, err := os.Stat("/run/netns/" + name[1]); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v after %q", err, printed)
	}
	if _, err := os.Stat("/run/netns/" + name[1]); err == nil {
		t.Errorf("%s was left behind", name[1])
	}
}
