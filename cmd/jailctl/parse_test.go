package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestParseJSON: each line of a long log has its own line of JSON, in order, whatever
// the blocks are it was read in.
func TestParseJSON(t *testing.T) {
	const lines = 12_000 // several blocks
	var log strings.Builder
	for i := range lines {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&log, "[2026-03-02 10:00:00] NOTICE[4001] chan_iax2.c: No registration for peer '%d' (from 203.0.113.9)\n", i)
		case 1:
			fmt.Fprintf(&log, "[2026-03-02 10:00:00] NOTICE[4002] manager.c: 203.0.113.7 failed to authenticate as '%d'\n", i)
		default:
			fmt.Fprintf(&log, "[2026-03-02 10:00:00] NOTICE[4003] loader.c: %s\n", strings.Repeat("x", 40))
		}
	}
	var out, complaints bytes.Buffer
	if status := run([]string{"parse", "--json", "--jails", t.TempDir()}, strings.NewReader(log.String()), &out, &complaints); status != 0 {
		t.Fatalf("got status %d: %s", status, &complaints)
	}
	n := 0
	for text := range strings.Lines(out.String()) {
		n++
		var got record
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("line %d is no JSON: %v: %s", n, err, text)
		}
		want := map[int]string{0: "offence", 1: "offence", 2: "none", 3: "none"}[(n-1)%4]
		if got.Line != n || got.Result != want || got.Times < 1 && want == "offence" {
			t.Fatalf("got line %d, %s, want line %d, %s", got.Line, got.Result, n, want)
		}
	}
	if n != lines {
		t.Errorf("got %d lines of JSON, want %d", n, lines)
	}
}
