package program

import (
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
