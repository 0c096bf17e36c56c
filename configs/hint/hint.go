// Package hint adds a second sentence to an error: what the operator can do. All packages
// use it to make errors; code that prints an error calls Of. It must never print, log or
// decide anything itself.
package hint

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MainFile is how an error or a hint names the main file. A package that makes texts does
// not know its path; the program that prints them does, and calls Named.
const MainFile = "the main file"

// Second is what to do where two daemons would use one socket or one database.
const Second = "the other pbxjail goes on, and its bans stay. To run this one in its place: systemctl stop pbxjail. To run both: copy " + MainFile + " to COPY; write new paths into COPY: database: PATH and socket: PATH; then: pbxjail --observe --config COPY. With --observe, only the first pbxjail bans"

// Named is a text with the path of the main file in place of MainFile.
func Named(text, path string) string { return strings.ReplaceAll(text, MainFile, path) }

// hinted is an error with what to do about it.
type hinted struct {
	error
	do string
}

func (h hinted) Unwrap() error { return h.error }

// Hint says what to do.
func (h hinted) Hint() string { return h.do }

// New is an error with the text what, and the hint do.
func New(do, what string) error { return hinted{errors.New(what), do} }

// Errorf is fmt.Errorf with the hint do.
func Errorf(do, format string, args ...any) error { return hinted{fmt.Errorf(format, args...), do} }

// Add gives err the hint do, in front of one that it may have. nil stays nil.
func Add(do string, err error) error {
	if err == nil {
		return nil
	}
	return hinted{err, do}
}

// Of is the first hint in err, or "" when there is none. It knows every error that
// has a method Hint() string, of this package or not.
func Of(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// Line is the text of an error in one line. Errors that are joined begin lines of their
// own: they get a semicolon between them, and what an earlier one says already is left out.
func Line(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !slices.ContainsFunc(kept, func(before string) bool { return strings.HasSuffix(before, line) }) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "; ")
}
