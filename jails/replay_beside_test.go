package jails

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestReplayBeside: on two processors the verdicts are those of one, in the same order. The logs
// have many blocks, and blocks without any event.
func TestReplayBeside(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	texts := make([]string, 3)
	for i := range texts {
		var log strings.Builder
		at := start
		for range 9_000 {
			if at = at.Add(time.Duration(r.IntN(900)) * time.Millisecond); r.IntN(40) == 0 && i == 1 {
				log.WriteString(strings.Repeat("nothing\n", 60_000/(1+r.IntN(50))))
			}
			a := fmt.Sprintf("203.0.113.%d", r.IntN(200))
			write := []func(string, string) string{sipLine, iaxLine}[r.IntN(2)]
			log.WriteString(write(at.Format(stamp), a))
		}
		texts[i] = log.String()
	}
	run := func(processors int) (*Replay, []string) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		jails := []*Jail{jailOf(t, "x", "maxretry: 4\nfindtime: 1m\nlogs: [/full, /messages]"), jailOf(t, "y", "maxretry: 9\nfindtime: 10m\nlogs: [/security]")}
		return replay(t, jails, logOf("full", texts[0]), logOf("messages", texts[1]), logOf("security", texts[2]))
	}
	one, want := run(1)
	two, got := run(2)
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("got %d verdicts, want %d and the same", len(got), len(want))
	}
	if one.Counts != two.Counts || one.Dates != two.Dates {
		t.Errorf("got %+v, %+v, want %+v, %+v", two.Counts, two.Dates, one.Counts, one.Dates)
	}
}
