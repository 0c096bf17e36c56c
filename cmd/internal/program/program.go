// Package program starts programs of this machine: for an admin's own verbs, such as
// "systemctl restart pbxjail" for jailctl setup, and journalctl, which the daemon reads as
// it reads a log. It is the one place of the shipped programs that starts one. It must never
// be given text of a log or of a packet, never use a shell, and never be called on the way
// from a line to a ban.
package program

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// There reports whether a program of this name is in PATH.
func There(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// Leads reports whether a program of this name in PATH is a link to a file of another name.
func Leads(name, to string) bool {
	path, err := exec.LookPath(name)
	if err != nil {
		return false
	}
	target, err := filepath.EvalSymlinks(path)
	return err == nil && filepath.Base(target) == to
}

// shownOutput is how much of a failed program's output an error repeats, in bytes.
const shownOutput = 300

// Run starts the program, waits for its end, and returns what it printed to its standard
// output. The error of a program that fails repeats what it printed to its standard error.
func Run(ctx context.Context, name string, args ...string) ([]byte, error) {
	var out, said bytes.Buffer
	c := exec.CommandContext(ctx, name, args...)
	c.Stdout, c.Stderr = &out, &said
	err := c.Run()
	if err == nil {
		return out.Bytes(), nil
	}
	line := strings.Join(append([]string{name}, args...), " ")
	if text := strings.TrimSpace(said.String()); text != "" {
		err = fmt.Errorf("%w: %s", err, show.Quoted(text, shownOutput))
	}
	return out.Bytes(), hint.Add("run it by hand to see more: "+line, fmt.Errorf("run %s: %w", line, err))
}
