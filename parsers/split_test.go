package parsers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSplits: where a block ends changes nothing. Every labelled text, and logs in
// all forms, are read whole and in blocks of any number of lines.
func TestSplits(t *testing.T) {
	var texts []string
	for _, name := range []string{"positives.tsv", "negatives.tsv", "adversarial.tsv", "limits.tsv"} {
		for _, r := range loadRows(t, name) {
			texts = append(texts, r.line+"\n")
		}
	}
	rules := allRules()
	for form := range headForms {
		var log strings.Builder
		for i, l := range rules {
			w := writeRule(l, i, trueAddrs[i%2], []byte(forgeries[i%len(forgeries)]), []byte("x\ny"), []byte("z"))
			log.WriteString(w.in(form) + "\n")
		}
		texts = append(texts, log.String())
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, text := range texts {
		want := readSplit(text, func() int { return len(text) })
		for _, lines := range []func() int{func() int { return 1 }, func() int { return 1 + random.IntN(3) }} {
			if got := readSplit(text, lines); !slices.Equal(got, want) {
				t.Fatalf("got %q in blocks, want %q\n%q", got, want, text)
			}
		}
	}
}

// readSplit reads text in blocks of so many lines, and sorts the events by their row:
// one that waits comes later.
func readSplit(text string, lines func() int) []string {
	var got []string
	emit := func(e *Event) { got = append(got, fmt.Sprintf("%06d %s %s %s %d", e.Row, e.Result, e.Addr, e.Rule, e.Times)) }
	p := New(Clock{})
	p.LookAhead()
	for rest := strings.SplitAfter(text, "\n"); len(rest) > 0; {
		n := min(lines(), len(rest))
		p.Block([]byte(strings.Join(rest[:n], "")), false, time.Time{}, emit)
		rest = rest[n:]
	}
	p.Settle(time.Time{}, emit)
	slices.Sort(got)
	return got
}
