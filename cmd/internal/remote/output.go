package remote

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"

	"pbxjail/configs/show"
)

// Clean is a writer that lets no byte through that a terminal obeys: a PBX that somebody
// took over may send anything. Text is printed as show.Terminal does, but for tabs and the
// ends of lines, which lose a carriage return. JSON stays the same JSON: all beyond printable ASCII is escaped as JSON
// does. Call Flush at the end. For one goroutine.
type Clean struct {
	to   io.Writer
	json bool
	part []byte // the beginning of a character or of an end of a line
}

// NewClean writes to to. asJSON: the text is JSON.
func NewClean(to io.Writer, asJSON bool) *Clean { return &Clean{to: to, json: asJSON} }

func (c *Clean) Write(p []byte) (int, error) {
	text := append(c.part, p...)
	whole := len(text)
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if utf8.RuneStart(text[len(text)-back]) {
			if !utf8.FullRune(text[len(text)-back:]) {
				whole -= back
			}
			break
		}
	}
	if !c.json && whole == len(text) && bytes.HasSuffix(text, []byte("\r")) {
		whole-- // it may be of the end of a line
	}
	err := c.print(text[:whole])
	c.part = append([]byte(nil), text[whole:]...)
	return len(p), err
}

// Flush prints what waits for the rest of a character.
func (c *Clean) Flush() error {
	text := c.part
	c.part = nil
	return c.print(text)
}

func (c *Clean) print(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	_, err := c.to.Write(cleaned(text, c.json))
	return err
}

func cleaned(text []byte, asJSON bool) []byte {
	if !asJSON { // ssh ends its lines as a terminal wants them
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	}
	foreign := func(r rune) bool { return (r < ' ' || r > '~') && r != '\n' && r != '\t' }
	if !bytes.ContainsFunc(text, foreign) {
		return text
	}
	out := make([]byte, 0, len(text)+len(text)/2)
	for _, r := range string(text) {
		switch {
		case !foreign(r):
			out = append(out, byte(r))
		case !asJSON:
			out = append(out, show.Terminal(string(r))...)
		case r == '\r': // JSON may have it between its parts alone, as a blank
			out = append(out, ' ')
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// mostBefore is how much may come before the greeting, in bytes.
const mostBefore = 64 << 10

// Gate is a writer that lets the output of jailctl remote through, and keeps what comes
// before its greeting. For one goroutine, until the program that writes has ended.
type Gate struct {
	to     io.Writer
	opened func()
	before []byte // until the greeting
	open   bool
}

// NewGate writes to to what comes after the greeting, and calls opened when that comes.
func NewGate(to io.Writer, opened func()) *Gate { return &Gate{to: to, opened: opened} }

func (g *Gate) Write(p []byte) (int, error) {
	if g.open {
		return g.to.Write(p)
	}
	if len(g.before) > mostBefore { // no jailctl prints so much before it says who it is
		return len(p), nil
	}
	from := bytes.LastIndexByte(g.before, '\n') + 1
	g.before = append(g.before, p...)
	for {
		n := bytes.IndexByte(g.before[from:], '\n')
		if n < 0 {
			return len(p), nil
		}
		line := string(g.before[from : from+n])
		if isGreeting(line) {
			rest := g.before[from+n+1:]
			g.before, g.open = g.before[:from], true
			g.opened()
			if len(rest) == 0 {
				return len(p), nil
			}
			_, err := g.to.Write(rest)
			return len(p), err
		}
		from += n + 1
	}
}

// Greeted reports whether jailctl is there.
func (g *Gate) Greeted() bool { return g.open }

// Before is what came before the greeting; foreign text.
func (g *Gate) Before() string { return string(g.before) }

// Head keeps the first bytes that are written to it, and drops the others. Its methods may
// be called from any goroutine.
type Head struct {
	Most int // how many, in bytes
	mu   sync.Mutex
	text []byte
	cut  bool
}

func (h *Head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(len(p), h.Most-len(h.text))
	h.text = append(h.text, p[:n]...)
	h.cut = h.cut || n < len(p)
	return len(p), nil
}

// Text is what was kept.
func (h *Head) Text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return string(h.text)
}

// Cut reports whether something was dropped.
func (h *Head) Cut() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cut
}
