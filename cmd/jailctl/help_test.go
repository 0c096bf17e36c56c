package main

import (
	"strings"
	"testing"
)

// TestTopics keeps the pages readable on any terminal.
func TestTopics(t *testing.T) {
	verbs := map[string]bool{}
	for _, c := range newRoot(&app{}).Commands() {
		verbs[c.Name()] = true
	}
	if len(topics()) < 10 {
		t.Fatalf("got %d pages, want all", len(topics()))
	}
	for _, page := range topics() {
		name, about := page[0], page[1]
		if verbs[name] {
			t.Errorf("page %s hides the help of the verb of that name", name)
		}
		if about == "" || len(about) > 60 || strings.HasSuffix(about, ".") {
			t.Errorf("page %s: its first line is %q, want a title of at most 60 bytes", name, about)
		}
		text, _ := topic(name)
		for i, line := range strings.Split(text, "\n") {
			if len(line) > 105 {
				t.Errorf("page %s, line %d has %d bytes, want at most 105", name, i+1, len(line))
			}
			for _, b := range []byte(line) {
				if b < ' ' || b > '~' {
					t.Errorf("page %s, line %d has the byte %#x", name, i+1, b)
				}
			}
		}
	}
}
