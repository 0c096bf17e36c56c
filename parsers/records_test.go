package parsers

import (
	"strings"
	"testing"
	"time"
)

func TestRecordsByLevel(t *testing.T) {
	p := New(Clock{})
	text := ""
	for _, l := range strings.Fields("NOTICE NOTICE WARNING ERROR SECURITY VERBOSE DEBUG") {
		text += "[2024-03-05 06:07:08] " + l + "[1] x.c: y\n"
	}
	text += "[at noon] NOTICE[1] manager.c: 203.0.113.7 failed to authenticate as 'x'\n"
	text += "Mar  5 06:07:08 pbx sshd[7]: session opened for user root\n"
	p.Block([]byte(text), false, time.Time{}, func(*Event) {})
	if got, want := p.Records(), (Records{Notice: 3, Warning: 1, Error: 1, Security: 1, Others: 1, Undated: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestHeadBehind(t *testing.T) {
	head := "[2024-03-05 06:07:08] NOTICE[1] x.c: y"
	for line, want := range map[string]int{
		head:                              -1,
		"@400000005f1e " + head:           14,
		"pbx1 | " + head:                  7,
		"[pbx1] " + head:                  7,
		"type=AUDIT msg=audit(1.1:1): x":  -1,
		"":                                -1,
		strings.Repeat("x", 600) + head:   -1,
		"pbx1 | [Mar  5 06:07:08] NOTICE": -1,
	} {
		if got := HeadBehind([]byte(line)); got != want {
			t.Errorf("%q: got %d, want %d", line, got, want)
		}
	}
}

func FuzzHeadBehind(f *testing.F) {
	f.Add([]byte("pbx1 | [2024-03-05 06:07:08] NOTICE[1] x.c: y"))
	f.Add([]byte("{\"log\":\"[2024-03-05 06:07:08] NOTICE[1] x.c: y\"}"))
	f.Fuzz(func(t *testing.T, line []byte) {
		n := HeadBehind(line)
		if n == 0 || n < -1 || n >= len(line) && n != -1 {
			t.Fatalf("got %d of %d bytes", n, len(line))
		}
		if n > 0 && HeadBehind(line) != n {
			t.Fatal("got two answers")
		}
	})
}
