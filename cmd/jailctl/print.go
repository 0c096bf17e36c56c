package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf16"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// say prints one line for people on stdout. One that is wider than the answer may be goes on
// in the next lines, further in; see wrap.
func (a *app) say(format string, args ...any) {
	text := show.Terminal(a.named(fmt.Sprintf(format, args...)))
	if a.columns == 0 {
		fmt.Fprintln(a.stdout, text)
		return
	}
	first := len(text) - len(strings.TrimLeft(text, " "))
	more := strings.Repeat(" ", min(first+4, a.columns/2))
	for i, line := range wrap(text, a.columns, a.columns-len(more)) {
		if i > 0 {
			line = more + line
		}
		fmt.Fprintln(a.stdout, line)
	}
}

// complain prints one line for people on stderr.
func (a *app) complain(format string, args ...any) {
	fmt.Fprintln(a.stderr, show.Terminal(a.named(fmt.Sprintf(format, args...))))
}

// named puts the path of the main file into a text that needs it.
func (a *app) named(text string) string {
	if !strings.Contains(text, hint.MainFile) {
		return text
	}
	return hint.Named(text, a.mainFile())
}

// askTime is how long the daemon may take to say which main file it has.
const askTime = 2 * time.Second

// mainFile is the path of the main file: that of --config, or that of the daemon.
func (a *app) mainFile() string {
	if a.main != "" {
		return a.main
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	if s, err := control.NewClient(a.socket).Status(ctx); err == nil {
		a.main = s.MainFile
	}
	a.main = cmp.Or(a.main, configs.DefaultMain)
	return a.main
}

// emit prints v as JSON. encoding/json leaves C1, bidi and the like as they are;
// here everything beyond ASCII, which can be in strings only, is escaped.
func (a *app) emit(v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("JSON could not be printed: %w", err)
	}
	_, err := a.stdout.Write(asciiJSON(buf.Bytes()))
	return err
}

// emitLines prints an array with each answer in one line. Foreign JSON that is nested would
// become very long if its parts were indented.
func (a *app) emitLines(answers []hostAnswer) error {
	if _, err := io.WriteString(a.stdout, "["); err != nil {
		return err
	}
	before := "\n"
	for _, r := range answers {
		buf := bytes.NewBufferString(before)
		enc := json.NewEncoder(buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("JSON could not be printed: %w", err)
		}
		if _, err := a.stdout.Write(asciiJSON(bytes.TrimSuffix(buf.Bytes(), []byte("\n")))); err != nil {
			return err
		}
		before = ",\n"
	}
	_, err := io.WriteString(a.stdout, "\n]\n")
	return err
}

func asciiJSON(text []byte) []byte {
	if !bytes.ContainsFunc(text, func(r rune) bool { return r >= 0x7f }) {
		return text
	}
	out := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r < 0x7f {
			out = append(out, byte(r))
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out
}
