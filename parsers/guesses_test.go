package parsers

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// TestGuesses: a caller who guesses numbers of threads, in each call another one, has only
// those few guesses that are allowed, however many true records come meanwhile. One of them
// may hit: a busy log holds many right numbers, as each call has a thread of its own.
func TestGuesses(t *testing.T) {
	victim := netip.MustParseAddr("192.0.2.50")
	logs := 0
	for _, first := range []string{
		"VERBOSE[%d][C-00000001] pbx.c: Executing [1@in:1] NoOp(\"PJSIP/1-1\", \"\") in new stack",
		"VERBOSE[%d] res_pjsip_registrar.c: Added contact 'sip:1@192.0.2.9' to AOR '1' with expiration of 300 seconds",
	} {
		for seed := range uint64(6) {
			log := guessingLog(rand.New(rand.NewPCG(seed, 9)), first, 1100, 32000)
			hit := 0
			New(Clock{}).Block([]byte(log), false, time.Time{}, func(e *Event) {
				if e.Addr == victim && e.Result == Offence && e.Evidence > Claimed {
					hit++
				}
			})
			if hit > 0 {
				logs++
			}
		}
	}
	if logs > 1 {
		t.Errorf("got %d of 12 logs with a caller's record of %s believed, want at most 1", logs, victim)
	}
}

// guessingLog is a busy log. Callers write a record of the victim into it, behind a line
// that begins with first.
func guessingLog(r *rand.Rand, first string, low, high int) string {
	var log strings.Builder
	start := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	pool, calls, newest := low+(high-low)/3, []int{}, low+(high-low)/2
	for i := range 60000 {
		stamp := start.Add(time.Duration(i) * 25 * time.Millisecond).Format("[2006-01-02 15:04:05] ")
		write := func(form string, v ...any) { fmt.Fprintf(&log, stamp+form+"\n", v...) }
		if len(calls) < 10 || r.IntN(50) == 0 {
			newest += 1 + r.IntN(4)
			calls = append(calls, newest)
			calls = calls[max(len(calls)-30, 0):]
		}
		call := calls[r.IntN(len(calls))]
		switch what := r.IntN(1000); {
		case what < 750:
			write("VERBOSE[%d][C-%08x] pbx.c: Executing [%d@in:1] NoOp(\"PJSIP/%d-1\", \"x\") in new stack", call, call, 1000+r.IntN(300), 1000+r.IntN(300))
		case what < 880:
			write("VERBOSE[%d] res_pjsip_registrar.c: Added contact 'sip:1@192.0.2.9:5060' to AOR '1' with expiration of 3600 seconds", pool+r.IntN(24))
		case what < 930:
			write("NOTICE[%d] chan_sip.c: Peer '%d' is now Reachable. (12ms / 2000ms)", pool+40, 1000+r.IntN(300))
		case what < 940 && i > 2000:
			guess := low + r.IntN(high-low)
			write("VERBOSE[%d][C-%08x] app_verbose.c: x", call, call)
			write(first, guess)
			write("NOTICE[%d] chan_sip.c: Registration from 'x' failed for '192.0.2.50:5060' - Wrong password", guess)
		}
	}
	return log.String()
}
