package parsers

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// insideBusy are lines that a caller puts around his records in a busy log, so that what
// he writes looks like all else there: %d is the thread that he made up.
var insideBusy = []string{
	"VERBOSE[%d] res_pjsip_registrar.c: Added contact 'sip:1@x' to AOR '1' with expiration of 300 seconds",
	"VERBOSE[%d] manager.c: Manager 'admin' logged on from 127.0.0.1",
	"VERBOSE[%d] res_pjsip/pjsip_configuration.c: Endpoint 1 is now Reachable",
	"NOTICE[%d] res_pjsip/pjsip_configuration.c: Endpoint 1 is now Reachable",
	"DEBUG[%d] res_pjsip/pjsip_distributor.c: Calculated serializer pjsip/distributor-1 to use for Request msg REGISTER/cseq=1",
	"NOTICE[%d] chan_sip.c: Peer '1' is now Reachable. (1ms / 2000ms)",
	"WARNING[%d] chan_sip.c: Retransmission timeout reached on transmission x for seqno 102 (Critical Response) -- See the wiki",
	"VERBOSE[%d][C-00000001] pbx.c: Executing [1@in:1] NoOp(\"PJSIP/1-1\", \"\") in new stack",
	"VERBOSE[%d][C-00000001] app_dial.c: PJSIP/1-00000001 is ringing",
	"Packet timed out after 32000ms with no response",
	"NOTICE[%d] chan_sip.c: Registration from 'x' failed for '203.0.113.5:5060' - Wrong password",
	"WARNING[%d] loader.c: x",
}

// openDoors are doors that show nothing of who writes through them, and are as common in
// a busy log as its honest records.
var openDoors = []string{
	"VERBOSE[%d][C-00000007] pbx.c: Executing [1@in:1] Set(\"SIP/a-1\", \"x=%%s\") in new stack",
	"VERBOSE[%d][C-00000007] pbx.c: Executing [%%.79s@in:1] NoOp(\"SIP/a-1\", \"%%s\") in new stack",
	"VERBOSE[%d][C-00000007] pbx.c: Spawn extension (in, %%.79s, 1) exited non-zero on 'Local/%%.79s@in-00000001;1'",
	"VERBOSE[%d][C-00000007] pbx_builtins.c: Goto (in,%%.79s,1)",
	"VERBOSE[%d][C-00000007] app_verbose.c: %%s",
	"VERBOSE[%d][C-00000007] app_dial.c: Called SIP/trunk/%%s",
	"VERBOSE[%d][C-00000007] app_dial.c: Local/%%.79s@in-00000001;1 is ringing",
	"VERBOSE[%d][C-00000007] app_dial.c: PJSIP/a-00000001 answered Local/%%.79s@in-00000001;1",
	"VERBOSE[%d][C-00000007] bridge_channel.c: Channel Local/%%.79s@in-00000001;1 joined 'simple_bridge' basic-bridge <c0a8427b>",
	"VERBOSE[%d][C-00000007] file.c: <Local/%%.79s@in-00000001;1> Playing '%%s.slin' (language 'en')",
	"VERBOSE[%d][C-00000007] res_musiconhold.c: Started music on hold, class 'default', on channel 'Local/%%.79s@in-00000001;1'",
	"VERBOSE[%d][C-00000007] res_musiconhold.c: Stopped music on hold on Local/%%.79s@in-00000001;1",
	"VERBOSE[%d] res_pjsip_registrar.c: Added contact 'sip:a@[%%.200s]:5060' to AOR 'a' with expiration of 300 seconds",
	"VERBOSE[%d] res_pjsip_registrar.c: Removed contact 'sip:a@[%%.200s]:5060' from AOR 'a' due to request",
	"VERBOSE[%d] res_pjsip/pjsip_options.c: Contact a/sip:a@[%%.200s]:5060 has been deleted",
	"NOTICE[%d] chan_sip.c: Peer '%%.200s' is now UNREACHABLE!  Last qualify: 12",
	"NOTICE[%d] chan_sip.c: Supervised transfer attempted to replace non-existent call id (%%s)!",
	"WARNING[%d] res_pjsip_pubsub.c: state subscription failed: Extension %%s does not exist in context 'in' or has no associated hint",
	"DEBUG[%d] res_pjsip_session.c: %%s",
	"DEBUG[%d] taskprocessor.c: %%s",
	"DEBUG[%d] acl.c: %%s",
}

// seems close the field of an open door, so that its first line looks like another record
// of the same file.
var seems = append([]string{
	" is ringing", "' is now Reachable. (1ms / 2000ms)", "]:1 is now Reachable.  RTT: 1.000 msec", "]:1' to AOR 'a' with expiration of 1 seconds",
	"-00000001", "@in-00000001;1'", "@in-00000001;1> Playing 'x.slin' (language 'en')", "@in-00000001;1 joined 'simple_bridge' basic-bridge <c0>",
	"Calculated serializer x", "Endpoint 1 is now Reachable", "x is now Reachable", "1) exited non-zero on 'x'", "x')",
}, ends...)

// busyText is a caller's text that looks like the log around it.
func busyText(r *rand.Rand, stamp string, lwp int) string {
	line := func(form string) string {
		if strings.Contains(form, "%d") {
			form = stamp + fmt.Sprintf(form, lwp)
		}
		return form + "\n"
	}
	var text strings.Builder
	text.WriteString(seems[r.IntN(len(seems))] + "\n")
	for range 1 + r.IntN(5) {
		for range r.IntN(3) {
			text.WriteString(line(insideBusy[r.IntN(len(insideBusy))]))
		}
		text.WriteString(line(payloads[r.IntN(len(payloads)-1)]))
	}
	last := line(insideBusy[r.IntN(len(insideBusy))])
	for _, cut := range []string{"\") in new", " is ringing", "\n"} {
		last, _, _ = strings.Cut(last, cut)
	}
	if r.IntN(4) > 0 {
		text.WriteString(last)
	}
	return text.String()
}

// forgeInto puts records of callers into a log, each behind a record of its own, and
// returns it with how many there are. They begin when the log has been read for a while.
func forgeInto(log []byte, r *rand.Rand, every, lwp int) (string, int) {
	var out strings.Builder
	n := 0
	for i, line := range strings.SplitAfter(string(log), "\n") {
		out.WriteString(line)
		if i < 1000 || len(line) < 30 || r.IntN(every) > 0 {
			continue
		}
		stamp := line[:strings.IndexByte(line, ']')+2]
		door := stamp
		if d := doors[r.IntN(len(doors)-3)]; r.IntN(3) == 0 && !strings.Contains(d, "5 failed to authenticate as '%s'") {
			door += d // not counted packets, nor a user of AMI whose first record is missing
		} else {
			door += fmt.Sprintf(openDoors[r.IntN(len(openDoors))], 2200+r.IntN(40))
		}
		out.WriteString(through(door, busyText(r, stamp, lwp)) + "\n")
		n++
	}
	return out.String(), n
}

// TestBusy: a busy log is read though it is in doubt at its beginning, and though callers
// write into it; no record of theirs charges an address.
func TestBusy(t *testing.T) {
	victim := netip.MustParseAddr("192.0.2.50")
	log := genFull(30000)
	attacks := len(readAll(string(log)))
	for _, c := range []struct {
		name       string
		every, lwp int
		least      int // of a hundred records
	}{
		{"honest", 1 << 40, 0, 80},
		{"forged now and then", 500, 7777, 65}, // numbers were guessed: one right one is not enough
		{"forged much", 20, 2100, 50},
		{"forged with a number that is no thread's", 100, 1, 65},
	} {
		for seed := range uint64(8) {
			text, forged := forgeInto(log, rand.New(rand.NewPCG(seed, 5)), c.every, c.lwp)
			believed := 0
			emit := func(e *Event) {
				switch {
				case e.Addr == victim && (e.Result == Offence || e.Result == Signal) && e.Evidence > Claimed:
					t.Errorf("%s: got %s of %s by %s in row %d, and a caller wrote it\n%s", c.name, e.Result, e.Addr, e.Rule, e.Row, around(text, int(e.Row)))
				case e.Result == Offence:
					believed++
				}
			}
			New(Clock{}).Block([]byte(text), false, time.Time{}, emit)
			if believed*100 < attacks*c.least {
				t.Errorf("%s: got %d of %d records believed, want %d in a hundred", c.name, believed, attacks, c.least)
			}
			if t.Failed() {
				return
			}
			if forged == 0 {
				break
			}
		}
	}
}

// around is some lines of a text before a row, and the row.
func around(text string, row int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(row-12, 0):row], "\n")
}
