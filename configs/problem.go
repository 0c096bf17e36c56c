package configs

import (
	"fmt"
	"strings"

	"pbxjail/configs/show"
)

// Problem is one fault in one file, for the operator. Its text is always printable, with
// any content of the file.
type Problem struct {
	File string
	Line int    // counted from 1; 0: the file as a whole
	What string // what is wrong: the key first, lower case
	Fix  string // what to do about it; Hint returns it

	cause error // what the system said, for errors.Is; may be nil
}

func (p Problem) Error() string {
	file := show.Escaped(p.File)
	if p.Line == 0 {
		return file + ": " + p.What
	}
	return fmt.Sprintf("%s:%d: %s", file, p.Line, p.What)
}

// Hint says what to do, in one sentence.
func (p Problem) Hint() string { return p.Fix }

// Unwrap returns what the system said, such as fs.ErrNotExist, or nil.
func (p Problem) Unwrap() error { return p.cause }

// Problems are all the faults of a file, in the order they were found. An empty
// list is no error: return nil in its place.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes each Problem visible to errors.As, and so the first hint.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// quote prints a value of a file: in quotes, ASCII only, and only the beginning of a long
// value.
func quote(text string) string { return show.Quoted(text, 80) }
