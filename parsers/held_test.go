package parsers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// heard reads blocks that arrive at given times with a parser that looks ahead, and
// tells what each event became.
func heard(blocks []string, at func(int) time.Time, settle bool) []string {
	var got []string
	emit := func(e *Event) { got = append(got, fmt.Sprintf("%d %s %s", e.Row, e.Result, e.Addr)) }
	p := New(Clock{})
	p.LookAhead()
	for i, b := range blocks {
		p.Block([]byte(b), false, at(i), emit)
	}
	if settle {
		p.Settle(time.Time{}, emit)
	}
	return got
}

// TestHeld: a record is only believed when the next line begins another one, wherever
// the block ends.
func TestHeld(t *testing.T) {
	const first = "[2024-03-05 06:07:08] NOTICE[1] chan_iax2.c: No registration for peer 'x' (from 192.0.2.50)\n"
	const rest, next = "y' (from 203.0.113.5)\n", "[2024-03-05 06:07:08] NOTICE[1] manager.c: 203.0.113.7 failed to authenticate as 'x'\n"
	const cri = "2024-03-05T06:07:08.1Z stdout F "
	console := strings.Replace(strings.Replace(first, "NOTICE[1]", "NOTICE[1]:", 1), "chan_iax2.c:", "chan_iax2.c:1 f:", 1)
	start := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	none := func(int) time.Time { return time.Time{} }
	every := func(d time.Duration) func(int) time.Time {
		return func(i int) time.Time { return start.Add(time.Duration(i) * d) }
	}
	for _, c := range []struct {
		name   string
		blocks []string
		at     func(int) time.Time
		settle bool
		want   []string
	}{
		{"in one block", []string{first + rest}, none, true, []string{"1 ambiguous invalid IP"}},
		{"the block ends between", []string{first, rest}, none, true, []string{"1 ambiguous invalid IP"}},
		{"and what follows is not believed", []string{first, rest + next}, none, true, []string{"1 ambiguous invalid IP", "3 ambiguous invalid IP"}},
		{"another record follows", []string{first, next}, none, true, []string{"1 offence 192.0.2.50", "2 offence 203.0.113.7"}},
		{"nothing follows", []string{first}, none, true, []string{"1 offence 192.0.2.50"}},
		{"nothing follows yet", []string{first}, none, false, nil},
		{"an empty block between", []string{first, "", rest}, none, true, []string{"1 ambiguous invalid IP"}},
		{"at once", []string{first, rest}, every(time.Millisecond), true, []string{"1 ambiguous invalid IP"}},
		{"much later", []string{first, rest}, every(time.Minute), true, []string{"1 offence 192.0.2.50"}},
		{"a container", []string{cri + console, cri + rest}, none, true, []string{"1 ambiguous invalid IP"}},
		{"a container, another writer between", []string{cri + console, strings.Replace(cri, "out", "err", 1) + "x\n", cri + rest}, none, true, []string{"1 ambiguous invalid IP"}},
		{"an address before all text waits for nothing", []string{next}, none, false, []string{"1 offence 203.0.113.7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := heard(c.blocks, c.at, c.settle); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestSettle: what waits is handed out when its next line would have come.
func TestSettle(t *testing.T) {
	start := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	p, events := New(Clock{}), 0
	p.LookAhead()
	count := func(*Event) { events++ }
	p.Block([]byte("[2024-03-05 06:07:08] NOTICE[1] chan_iax2.c: No registration for peer 'x' (from 192.0.2.50)\n"), false, start, count)
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{0, 0}, {100 * time.Millisecond, 0}, {300 * time.Millisecond, 1}, {time.Second, 1}} {
		p.Settle(start.Add(c.after), count)
		if events != c.want || p.Waits() != (c.want == 0) || p.FirstWaiting() != uint64(1-c.want) {
			t.Errorf("after %v: got %d events, waits %v, want %d", c.after, events, p.Waits(), c.want)
		}
	}
}

// TestHeldIsBounded: however many patterns find the line, memory is bounded.
func TestHeldIsBounded(t *testing.T) {
	var patterns []*Pattern
	for i := range 2 * maxHeld {
		pattern, err := NewPattern(fmt.Sprintf(`^NOTICE x\.c: .* from <ADDR>(%d)?$`, i))
		if err != nil {
			t.Fatal(err)
		}
		patterns = append(patterns, pattern)
	}
	p := New(Clock{}, patterns...)
	p.LookAhead()
	results := map[Result]int{}
	count := func(e *Event) { results[e.Result]++ }
	p.Block([]byte("[2024-03-05 06:07:08] NOTICE[1] x.c: a from 203.0.113.5\n"), false, time.Time{}, count)
	p.Settle(time.Time{}, count)
	if results[Offence] != maxHeld || results[Ambiguous] != maxHeld {
		t.Errorf("got %v, want %d believed and as many doubted", results, maxHeld)
	}
}

// TestCounts: a log that is read and not understood shows it.
func TestCounts(t *testing.T) {
	honest := "[2024-03-05 06:07:08] NOTICE[1] manager.c: 203.0.113.7 failed to authenticate as 'x'\n"
	for _, c := range []struct {
		name, log string
		want      Counts
	}{
		{"a record", honest, Counts{1, 1, 1, 0}},
		{"a full log", honest + "[2024-03-05 06:07:08] VERBOSE[1] pbx.c: Executing [1@a:1] NoOp() in new stack\n[2024-03-05 06:07:08] NOTICE[1] x.c: y\n", Counts{3, 3, 1, 0}},
		{"a forged date", honest + strings.NewReplacer("2024-03-05", "Mar  5", "203.0.113.7", "192.0.2.50").Replace(honest), Counts{2, 2, 2, 1}},
		{"another program's", strings.Repeat("type=AUDIT msg=audit(1.1:1): x\n", 200), Counts{200, 0, 0, 0}},
		{"an unknown wrapper", strings.Repeat("@400000005f1e [2024-03-05 06:07:08] NOTICE[1] x.c: y\n", 200), Counts{200, 0, 0, 0}},
	} {
		p := New(Clock{})
		p.Block([]byte(c.log), false, time.Time{}, func(*Event) {})
		if got := p.Counts(); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}
