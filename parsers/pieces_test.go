package parsers

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pieces are what forged records are made of: a fuzzer that changes bytes does
// not come by them, so TestForgedPieces puts them together at random.
var pieces = []string{
	"x", " ", "'", `"`, `\`, "(", ")", "<", ">", "\x1b", "m", "]", "\r", "\xff", "1001", "sip:a@b", "192.0.2.50", "192.0.2.50:5060", "[2001:db8:dead::1]:5060",
	"' failed for '", "' from '", "' from ", "(callid: ", ") - ", "' - ", "No matching endpoint found", "Failed to authenticate", "Wrong password", "<sip:a@b>",
	"' (", ") to extension '", "' rejected because extension not found in context '", "'.", "' (from ", "' is not dynamic (from ", " failed to authenticate as ", "' received from ",
	"' not found for endpoint '", " from ", ", but there is no hint for that extension.", "' does not exist", ", request '", ": ", " != ", "UDP:", "TLS:", "Call from '", "Host ",
	"[2024-03-05 06:07:08] ", "NOTICE[1] ", "SECURITY[1] ", "chan_sip.c: ", "res_security_log.c: ", "SecurityEvent=",
	`",SessionID="`, `",LocalAddress="`, `",RemoteAddress="`, `",Challenge="`, `",Response="`, `",ExpectedResponse="`, `",Module="`, `",SessionTV="`, `",ACLName="`, `",RequestType="`, `",UsingPassword="`,
	"0x7f", "IPV4/UDP/10.0.0.1/5060", "IPV4/UDP/192.0.2.50/5060", "IPV4/TCP/0.0.0.0/5038", "IPV4/TCP/192.0.2.50/5060", "oteAddress=",
	`",LocalAddress="IPV4/TCP/10.0.0.1/5060",RemoteAddress="IPV4/TCP/192.0.2.50/5060`,
}

func somePieces(r *rand.Rand) []byte {
	var text strings.Builder
	for range r.IntN(9) {
		text.WriteString(pieces[r.IntN(len(pieces))])
	}
	return []byte(text.String())
}

// TestForgedPieces is FuzzRecord and FuzzSecurityEvent with a grammar. Set
// PBXJAIL_PIECES to a number for a longer run.
func TestForgedPieces(t *testing.T) {
	rounds := 10000
	if n, err := strconv.Atoi(os.Getenv("PBXJAIL_PIECES")); err == nil {
		rounds = n
	}
	r := rand.New(rand.NewPCG(5, 6))
	rules := allRules()
	for range rounds {
		a, b, c := somePieces(r), somePieces(r), somePieces(r)
		w := writeRule(rules[r.IntN(len(rules))], r.IntN(8), trueAddrs[r.IntN(2)], a, b, c)
		line := w.in(r.IntN(headForms))
		New(Clock{}).Line([]byte(line), false, time.Time{}, func(e *Event) { checkAddr(t, e, w.addr, line) })

		spec := &events[r.IntN(len(events))]
		by := raisedBy(spec.name)
		w = writeEvent(spec, by[r.IntN(len(by))], r.IntN(2) == 0, a, b, c)
		line = w.in(r.IntN(headForms))
		if r.IntN(2) == 0 {
			line = termStrip(line)
		}
		New(Clock{}).Line([]byte(line), false, time.Time{}, func(e *Event) { checkAddr(t, e, w.addr, line) })
	}
}
