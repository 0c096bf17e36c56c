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
// those few guesses that are allowed, however many true records come meanwhile, and one
// right guess is not enough. The numbers of a machine that has just started are few.
func TestGuesses(t *testing.T) {
	victim := netip.MustParseAddr("192.0.2.50")
	firsts := []string{
		"",
		"VERBOSE[%d][C-00000001] pbx.c: Executing [1@in:1] NoOp(\"PJSIP/1-1\", \"\") in new stack",
		"VERBOSE[%d] res_pjsip_registrar.c: Added contact 'sip:1@192.0.2.9' to AOR '1' with expiration of 300 seconds",
	}
	forged := []string{
		"NOTICE[%d] chan_sip.c: Registration from 'x' failed for '192.0.2.50:5060' - Wrong password",
		"NOTICE[%d] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:x@y>' failed for '192.0.2.50:5060' (callid: z) - Failed to authenticate",
	}
	logs := 0
	for seed := range uint64(24) {
		first, last, high := firsts[seed%3], forged[seed/3%2], []int{4000, 32000}[seed/6%2]
		log := guessingLog(rand.New(rand.NewPCG(seed, 9)), first, last, 1100, high)
		hits := 0
		New(Clock{}).Block([]byte(log), false, time.Time{}, func(e *Event) {
			if e.Addr == victim && e.Result == Offence && e.Evidence > Claimed {
				hits++
			}
		})
		if hits > 0 {
			logs++
			t.Logf("numbers up to %d, %q, then %q: got a caller's record of %s believed", high, first, last, victim)
		}
	}
	if logs > 1 {
		t.Errorf("got %d of 24 logs with a record of %s believed, want at most 1", logs, victim)
	}
}

// guessingLog is a busy log. Callers write a record of the victim into it, behind a line
// that begins with first.
func guessingLog(r *rand.Rand, first, forged string, low, high int) string {
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
			if first != "" {
				write(first, guess)
			}
			write(forged, guess)
		}
	}
	return log.String()
}
