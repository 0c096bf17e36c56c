package parsers

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestSplits: wherever a block ends, nothing is believed that is not believed when
// the text is read whole. Every labelled text, and logs in all forms, are read in
// blocks of any number of lines.
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
	believed := 0
	for _, text := range texts {
		whole := readSplit(text, func() int { return len(text) })
		for _, lines := range []func() int{func() int { return 1 }, func() int { return 1 + random.IntN(3) }} {
			for event := range readSplit(text, lines) {
				if believed++; !whole[event] {
					t.Errorf("got %q believed in blocks, and not in one\n%.600q", event, text)
				}
			}
		}
	}
	if believed == 0 {
		t.Error("got nothing believed at all")
	}
}

// readSplit reads text in blocks of so many lines that arrive at once, and returns
// the events that are believed.
func readSplit(text string, lines func() int) map[string]bool {
	got := map[string]bool{}
	emit := func(e *Event) {
		if e.Result == Offence || e.Result == Signal {
			got[fmt.Sprintf("%d %s %s %s %d", e.Row, e.Result, e.Addr, e.Rule, e.Times)] = true
		}
	}
	p := New(Clock{})
	p.LookAhead()
	arrived := time.Date(2026, 3, 5, 6, 7, 8, 0, time.UTC)
	for rest := strings.SplitAfter(text, "\n"); len(rest) > 0; {
		n := min(lines(), len(rest))
		p.Block([]byte(strings.Join(rest[:n], "")), false, arrived, emit)
		rest = rest[n:]
	}
	p.Settle(time.Time{}, emit)
	return got
}
