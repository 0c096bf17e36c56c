package kernel

import (
	"strings"

	"pbxjail/configs/hint"
)

// remedyMark is between a note of Setup and what to do about it.
const remedyMark = "; to repair it: "

// Note is what does not work, and why, for the result of a Setup. It ends with the hint of
// err, if it has one.
func Note(what string, err error) string { return WithRemedy(what+": "+err.Error(), err) }

// WithRemedy adds the hint of err to a note, if it has one.
func WithRemedy(note string, err error) string {
	if do := hint.Of(err); do != "" {
		note += remedyMark + do
	}
	return note
}

// SplitNote takes a note apart: what does not work, and what to do, which may be "".
func SplitNote(note string) (what, do string) {
	what, do, _ = strings.Cut(note, remedyMark)
	return what, do
}
