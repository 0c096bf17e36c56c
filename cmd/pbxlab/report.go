package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// report is the output of the bench, with the number of failed checks. It serves one
// goroutine.
type report struct {
	out   io.Writer
	wrong int
}

// title begins a chapter.
func (r *report) title(format string, args ...any) {
	fmt.Fprintf(r.out, "\n== %s\n\n", fmt.Sprintf(format, args...))
}

// quote prints what a program said, long lines cut for the reader's sake.
func (r *report) quote(text string) {
	const most = 180
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if len(line) > most {
			line = line[:most] + "..."
		}
		fmt.Fprintf(r.out, "  | %s\n", line)
	}
}

func (r *report) table(head ...string) *tabwriter.Writer {
	t := tabwriter.NewWriter(r.out, 2, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\n", strings.Join(head, "\t"))
	return t
}

// mark counts something that is wrong, and marks its text.
func (r *report) mark(what string) string {
	r.wrong++
	return "WRONG: " + what
}

func (r *report) fault(format string, args ...any) {
	fmt.Fprintln(r.out, r.mark(fmt.Sprintf(format, args...)))
}
