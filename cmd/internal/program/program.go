// Package program starts programs of this machine: for an admin's own verbs, such as
// "systemctl restart pbxjail" for jailctl setup, journalctl, which the daemon reads as
// it reads a log, and the programs that messages go to. It is the one place of the shipped
// programs that starts one. Its arguments must never have text of a log or of a packet; the
// standard input may (Give). It must never use a shell, and never be called on the way from
// a line to a ban.
package program

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
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
	line := commandLine(name, args)
	if text := strings.TrimSpace(said.String()); text != "" {
		err = fmt.Errorf("%w: %s", err, show.Quoted(text, shownOutput))
	}
	return out.Bytes(), hint.Add("to see why, give this command: "+line, fmt.Errorf("%s failed: %w", line, err))
}

// commandLine is the command as an operator can paste it into a shell.
func commandLine(name string, args []string) string {
	words := []string{name}
	for _, arg := range args {
		words = append(words, Word(arg))
	}
	return strings.Join(words, " ")
}

// Word is one word of a command that an admin pastes into a shell. Names of files may be
// written by an attacker, so all that is no plain word is quoted: sh(1) "single quotes".
func Word(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// plainWord needs no quotes in a shell.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@,+-]+$`)
