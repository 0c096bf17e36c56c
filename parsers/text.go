package parsers

import (
	"fmt"
	"io"

	"pbxjail/configs/show"
)

// Text is log text that an attacker may have written. It can be quoted,
// compared and stored; it has no String method on purpose, and fmt prints it
// quoted (Format), so it never reaches a shell, a format or a terminal as it is.
// The zero value is the empty text.
type Text struct{ b []byte }

// TextOf takes b as log text without copying it.
func TextOf(b []byte) Text { return Text{b} }

// Clone returns a copy that holds after the block it came from is gone.
func (t Text) Clone() Text { return Text{append([]byte(nil), t.b...)} }

// Len is the length in bytes.
func (t Text) Len() int { return len(t.b) }

// Empty reports whether there is no text.
func (t Text) Empty() bool { return len(t.b) == 0 }

// Is compares with a text of our own.
func (t Text) Is(s string) bool { return string(t.b) == s }

// Equal compares two texts.
func (t Text) Equal(o Text) bool { return string(t.b) == string(o.b) }

// Raw returns the bytes for storing and hashing. Printing them is the defect
// this type is there to prevent: print Quoted.
func (t Text) Raw() []byte { return t.b }

// Quoted returns printable ASCII: everything else is escaped as Go escapes it,
// with no quotes around it. No control byte survives.
func (t Text) Quoted() string { return show.Escaped(string(t.b)) }

// AppendJSON appends the quoted text as encoding/json writes a string.
func (t Text) AppendJSON(b []byte) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(t.b); i++ {
		escape := escapes[t.b[i]]
		if escape == "" {
			continue
		}
		b = append(b, t.b[from:i]...)
		if from = i + 1; escape != foreignByte {
			b = append(b, escape...)
			continue
		}
		for from < len(t.b) && escapes[t.b[from]] == foreignByte {
			from++
		}
		for _, c := range []byte(show.Escaped(string(t.b[i:from]))) { // backslashes and letters
			if b = append(b, c); c == '\\' {
				b = append(b, c)
			}
		}
		i = from - 1
	}
	return append(append(b, t.b[from:]...), '"')
}

// foreignByte marks a byte that is not printable ASCII.
const foreignByte = "?"

// escapes are what AppendJSON writes in place of a byte; "": the byte itself.
var escapes = func() (t [256]string) {
	for c := range t {
		if c < ' ' || c > '~' {
			t[c] = foreignByte
		}
	}
	t['"'], t['\\'] = `\\\"`, `\\\\`
	t['<'], t['>'], t['&'] = `\u003c`, `\u003e`, `\u0026`
	return t
}()

// Format prints the quoted text, whatever the verb.
func (t Text) Format(s fmt.State, _ rune) { io.WriteString(s, t.Quoted()) }

// CopyInto returns a copy of at most max bytes that reuses the memory of old,
// which must not be used after.
func (t Text) CopyInto(old Text, max int) Text {
	return Text{append(old.b[:0], t.b[:min(len(t.b), max)]...)}
}
