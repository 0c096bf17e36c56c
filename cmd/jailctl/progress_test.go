package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"
)

// TestProgress: what is shown on a terminal fits what was read, and is taken away.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(1_000_000, 0)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p := &progress{ctx: ctx, now: func() time.Time { return now }, out: &out, begun: now}
	p.expect(8_000_000)
	text := p.text(p.file(strings.NewReader(strings.Repeat("a line.\n", 1_000_000))))
	read := func(n int) {
		t.Helper()
		if _, err := io.ReadFull(text, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	read(800_000)
	if out.Len() > 0 {
		t.Errorf("got %q at once, want nothing for a second", &out)
	}
	now = now.Add(2 * time.Second)
	read(800_000)
	if got, want := out.String(), "\r20 %, 2 of 8 MB, 100000 lines/s, 8s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	out.Reset()
	read(8)
	if out.Len() > 0 {
		t.Errorf("got %q soon after, want nothing", &out)
	}
	p.clear()
	if got := out.String(); strings.Trim(got, " \r") != "" || !strings.HasSuffix(got, "\r") {
		t.Errorf("got %q, want blanks", got)
	}
	stop()
	if n, err := text.Read(make([]byte, 10)); n != 0 || err != io.EOF {
		t.Errorf("after ctrl-c: got %d, %v, want the end", n, err)
	}
}

// TestProgressOfUnknownSize: stdin has no size.
func TestProgressOfUnknownSize(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	p := &progress{begun: now, read: 3_000_000, lines: 30_000}
	if got, want := p.String(now.Add(3*time.Second)), "3 MB, 10000 lines/s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
