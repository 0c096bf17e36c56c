package doctor

import (
	"regexp"
	"strings"

	"pbxjail/configs/asterisk"
)

// aelBlock is where a statement of extensions.ael is.
type aelBlock struct {
	context, exten string
	globals        bool
}

var (
	aelContext = regexp.MustCompile(`^(?:abstract\s+|extend\s+)*context\s+(\S+)$`)
	aelMacro   = regexp.MustCompile(`^macro\s+([^\s(]+)\s*\(([^)]*)\)$`)
	aelAssign  = regexp.MustCompile(`^(?:local\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=([^=>].*)$`)
	aelLabel   = regexp.MustCompile(`^[A-Za-z0-9_\s.-]+$`)
)

// aelReader takes the text of extensions.ael apart: blocks in braces, statements that end
// with a semicolon. asterisk:res/ael/ael.flex, ael.y.
type aelReader struct {
	d          *dialplan
	file       string
	blocks     []aelBlock
	buf        strings.Builder
	line, from int
}

// readAEL adds the steps of extensions.ael.
func (d *dialplan) readAEL(text, file string) {
	r := aelReader{d: d, file: file, line: 1}
	round, braces := 0, 0 // brackets that are open: of arguments, and of ${...}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\n' {
			r.line++
		}
		plain := round <= 0 && braces == 0
		switch {
		case plain && strings.HasPrefix(text[i:], "//"):
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
			continue
		case strings.HasPrefix(text[i:], "/*"):
			end := strings.Index(text[i:], "*/")
			if end < 0 {
				return
			}
			r.line += strings.Count(text[i:i+end], "\n")
			i += end + 1
			continue
		case c == '(':
			round++
		case c == ')':
			round--
		case c == '{' && (braces > 0 || i > 0 && text[i-1] == '$'):
			braces++
		case c == '}' && braces > 0:
			braces--
		case c == '{' && plain:
			r.open()
			continue
		case c == '}' && plain:
			r.flush()
			if len(r.blocks) > 0 {
				r.blocks = r.blocks[:len(r.blocks)-1]
			}
			continue
		case c == ';' && plain:
			r.flush()
			round = 0
			continue
		case c == ':' && plain && aelLabel.MatchString(r.buf.String()):
			r.buf.Reset()
			continue
		}
		if r.buf.Len() == 0 {
			if c == ' ' || c == '\t' || c == '\n' || c == '\r' {
				continue
			}
			r.from = r.line
		}
		r.buf.WriteByte(c)
	}
	r.flush()
}

// block is the one that is open.
func (r *aelReader) block() aelBlock {
	if len(r.blocks) == 0 {
		return aelBlock{}
	}
	return r.blocks[len(r.blocks)-1]
}

// open begins a block after its head, such as "context in", "_X. =>" or "if (...)".
func (r *aelReader) open() {
	head := strings.Join(strings.Fields(r.buf.String()), " ")
	r.buf.Reset()
	b := r.block()
	if m := aelContext.FindStringSubmatch(head); m != nil {
		b = aelBlock{context: m[1]}
	} else if m := aelMacro.FindStringSubmatch(head); m != nil {
		b = aelBlock{context: "macro-" + m[1]}
		for n, name := range strings.Split(m[2], ",") {
			r.d.set(name, "${ARG"+string(rune('1'+min(n, 8)))+"}", step{context: b.context})
		}
	} else if name, arrow := strings.CutSuffix(head, "=>"); arrow {
		b.exten = aelName(name)
	} else if head == "globals" {
		b.globals = true
	} else if head != "" {
		r.step(b, head) // a condition
	}
	r.blocks = append(r.blocks, b)
}

// aelName is an extension without what may be in front of it.
func aelName(text string) string {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return ""
	}
	name, _, _ := strings.Cut(fields[len(fields)-1], "/")
	return name
}

// flush ends a statement.
func (r *aelReader) flush() {
	text := strings.TrimSpace(r.buf.String())
	r.buf.Reset()
	if text == "" {
		return
	}
	b := r.block()
	if name, rest, arrow := strings.Cut(text, "=>"); arrow && !strings.ContainsAny(name, "(=") {
		b.exten, text = aelName(name), strings.TrimSpace(rest)
	}
	switch m := aelAssign.FindStringSubmatch(text); {
	case m != nil && b.globals:
		r.d.set(m[1], m[2], step{at: r.at()})
	case m != nil:
		r.step(b, "Set("+m[1]+"="+m[2]+")")
	case strings.HasPrefix(text, "&"):
		name, args, _ := strings.Cut(text[1:], "(")
		r.step(b, "Macro("+strings.TrimSpace(name)+","+args)
	default:
		r.step(b, text)
	}
}

func (r *aelReader) at() asterisk.Place { return asterisk.Place{File: r.file, Line: r.from} }

func (r *aelReader) step(b aelBlock, app string) {
	r.d.do(step{context: b.context, exten: b.exten, app: app, at: r.at()})
}
