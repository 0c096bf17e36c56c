package program

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pbxjail/configs/hint"
)

func TestRun(t *testing.T) {
	out, err := Run(t.Context(), "printf", "%s|", "a b", "$(id)", ";", "")
	if err != nil || string(out) != "a b|$(id)|;||" {
		t.Errorf("printed %q, error %v: no shell may read the arguments", out, err)
	}
	_, err = Run(t.Context(), "ls", "/a file that is not there\x1b[2J")
	if err == nil || hint.Of(err) == "" || strings.Contains(err.Error()[strings.Index(err.Error(), "exit"):], "\x1b") {
		t.Errorf("error %q, hint %q", err, hint.Of(err))
	}
	if There("there is no such program") || !There("ls") {
		t.Error("what is in PATH is not known")
	}
}

func TestLeads(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	if err := os.Symlink("/bin/ls", filepath.Join(dir, "fail2ban-client")); err != nil {
		t.Fatal(err)
	}
	if Leads("fail2ban-client", "pbxjail-fail2ban-client") || Leads("there is no such program", "ls") || !Leads("fail2ban-client", "ls") {
		t.Error("where a link leads is not known")
	}
}

func TestFollow(t *testing.T) {
	r, err := Follow(t.Context(), "tail", "-n", "1", "-f", "program_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 8)); n == 0 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("got %v of a program that we ended", err)
	}
	r, err = Follow(t.Context(), "ls", "/a file that is not there\x1b[2J")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err == nil || !strings.Contains(err.Error(), "not there") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("got %v of a program that failed", err)
	}
	if _, err := Follow(t.Context(), "there is no such program"); hint.Of(err) == "" {
		t.Errorf("got %v", err)
	}
}
