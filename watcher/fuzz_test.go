package watcher

import (
	"bytes"
	"os"
	"testing"
	"time"
)

// FuzzLines writes arbitrary bytes in arbitrary portions, reads after some of
// them, and holds what is handed out against the simplest way to say it.
func FuzzLines(f *testing.F) {
	f.Add([]byte("\x00\x03abc\x00\x04\x03de\x00\x04"))
	f.Add([]byte("\x01\x01\x80\x04\x01\x01\x00\x04"))     // a line of just over MaxLine
	f.Add([]byte("\x01\x01\xff\x01\xff\x01\xff\x04\x00")) // a long line over several reads
	f.Add([]byte("\x02\x02\xff\x04\x03ab\x00\x04"))       // a hole of NULs before a line
	f.Add([]byte("\x00\x03abc\x04\x05\x03d\x00\x04"))     // truncated inside a line
	f.Add([]byte("\xff\x01\x80\x00\x04\x01\x7f\x02\x05\x00"))
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 400 {
			return
		}
		file, err := os.CreateTemp(t.TempDir(), "")
		must(t, err)
		defer file.Close()
		p := &lineProgram{t: t, file: file, g: &generation{file: file}}
		spare := 0
		if len(program) > 0 {
			spare, program = int(program[0])*97, program[1:]
		}
		w := New(Options{})
		w.deaf = true
		p.l = newLoop(w, p.take)
		p.l.buf = make([]byte, seamSize+MaxLine+1+spare) // the least there must be, and some
		p.f = &follower{path: file.Name(), gens: []*generation{p.g}}
		for len(program) > 0 {
			program = p.step(program)
		}
		p.flush()
	})
}

type lineProgram struct {
	t    *testing.T
	file *os.File
	l    *loop
	f    *follower
	g    *generation

	content []byte  // what the file holds
	past    []given // of what was truncated away
	got     []given
}

type given struct {
	text  string // without its newline
	cut   bool
	loose bool // NULs at its begin may be missing
}

func (p *lineProgram) step(program []byte) []byte {
	arg := func(i int) int {
		if i < len(program) {
			return int(program[i])
		}
		return 0
	}
	used := 1
	switch program[0] {
	case 0:
		p.append([]byte("\n"))
	case 1:
		p.append(bytes.Repeat([]byte("x"), arg(1)*64))
		used = 2
	case 2:
		p.append(make([]byte, arg(1)*64))
		used = 2
	case 4:
		p.flush()
	case 5:
		p.flush() // what is not read is lost with a truncation
		must(p.t, p.file.Truncate(0))
		p.past = p.expected()
		p.content = nil
		p.flush() // before it grows: then even its size tells
	default:
		used = min(len(program), 1+arg(0)%16)
		p.append(program[:used])
	}
	return program[min(used, len(program)):]
}

func (p *lineProgram) append(text []byte) {
	_, err := p.file.WriteAt(text, int64(len(p.content)))
	must(p.t, err)
	p.content = append(p.content, text...)
}

func (p *lineProgram) take(b Block) error {
	if len(b.Data) == 0 || b.Data[len(b.Data)-1] != '\n' {
		p.t.Fatalf("block %.80q does not end with a newline", b.Data)
	}
	if b.Next.Offset > int64(len(p.content)) {
		p.t.Fatalf("next offset: got %d, behind the end at %d", b.Next.Offset, len(p.content))
	}
	for line := range bytes.Lines(b.Data) {
		p.got = append(p.got, given{text: string(line[:len(line)-1]), cut: b.Cut})
	}
	return nil
}

// expected is what all bytes so far must have given: each line whole, except that
// one longer than MaxLine gives its begin, and NULs before it do not count then.
func (p *lineProgram) expected() []given {
	want := p.past[:len(p.past):len(p.past)]
	for line := range bytes.Lines(p.content) {
		text, ended := bytes.CutSuffix(line, []byte("\n"))
		loose := len(text) > MaxLine
		if loose {
			text = bytes.TrimLeft(text, "\x00")
		}
		switch {
		case len(text) > MaxLine:
			want = append(want, given{text: string(text[:MaxLine]), cut: true})
		case ended:
			want = append(want, given{text: string(text), loose: loose})
		}
	}
	return want
}

func (p *lineProgram) flush() {
	for end := hasMore; end != atEnd; {
		var problem, err error
		if end, problem, err = p.l.read(p.f, p.g, time.Time{}); problem != nil || err != nil {
			p.t.Fatal(problem, err)
		}
		if end == rewritten {
			p.g.restart()
		}
	}
	want := p.expected()
	if len(p.got) != len(want) {
		p.t.Fatalf("got %d lines, want %d", len(p.got), len(want))
	}
	for i, w := range want {
		g := p.got[i].text
		if w.loose {
			g = string(bytes.TrimLeft([]byte(g), "\x00"))
		}
		if g != w.text || p.got[i].cut != w.cut {
			p.t.Fatalf("line %d: got %d bytes %.40q, cut %v; want %d bytes %.40q, cut %v", i, len(g), g, p.got[i].cut, len(w.text), w.text, w.cut)
		}
	}
}
