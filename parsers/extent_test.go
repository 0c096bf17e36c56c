package parsers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// lines puts a date before each of them, and a newline behind.
func lines(texts ...string) string {
	var log strings.Builder
	for _, text := range texts {
		log.WriteString(insideStamp + text + "\n")
	}
	return log.String()
}

// repeated makes many lines of one.
func repeated(text string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = text
	}
	return all
}

const (
	provenThread = "NOTICE[5008] chan_sip.c: Registration from 'x' failed for '203.0.113.6:5060' - Wrong password"
	otherThread  = "NOTICE[5009] chan_sip.c: Registration from 'x' failed for '198.51.100.7:5060' - Wrong password"
	victimThread = "NOTICE[1] chan_sip.c: Registration from 'x' failed for '192.0.2.50:5060' - Wrong password"
	verboseDoor  = "VERBOSE[5005][C-00000001] pbx.c: Executing [1@in:1] Set(\"SIP/a-1\", \"x=1\") in new stack"
	forgedDoor   = "VERBOSE[7][C-00000001] pbx.c: Executing [1@in:1] Set(\"SIP/a-1\", \"x=1\") in new stack" // its head is a caller's
	sipEvent     = `SECURITY[5007] res_security_log.c: SecurityEvent="InvalidPassword",EventTV="2024-03-05T06:07:08.123+0000",Severity="Error",Service="SIP",EventVersion="2",AccountID="%s",SessionID="0x7f",LocalAddress="IPV4/UDP/10.0.0.1/5060",RemoteAddress="IPV4/UDP/203.0.113.5/5071",Challenge="1",ReceivedChallenge="1",ReceivedHash="2"`
)

// TestDoubtEnds: a record is believed again as soon as no record before it can go on so
// far; and each row has one like it that a caller wrote, which stays in doubt.
func TestDoubtEnds(t *testing.T) {
	const honest, sender, victim, first = "198.51.100.7", "203.0.113.5", "192.0.2.50", "203.0.113.6"
	for _, c := range []struct {
		name, log string
		want      []string
	}{
		{"a verbose line that ends as it must", lines(provenThread, verboseDoor, otherThread), []string{first, honest}},
		{"forged: its end comes later", lines(provenThread, "VERBOSE[5005] pbx.c: Executing [1@in:1] Set(\"SIP/a-1\", \"x=1\") in new stack", victimThread, "\") in new stack"), []string{first}},
		{"one whose end a later one has, and a known thread before", lines(provenThread, verboseDoor, otherThread, provenThread, verboseDoor), []string{first, honest}},
		{"forged: a guessed thread before", lines(provenThread, verboseDoor, victimThread, strings.Replace(provenThread, "5008", "5010", 1), forgedDoor), []string{first}},
		{"a known thread in a line that no rule reads", lines(provenThread, verboseDoor, otherThread, "NOTICE[5008] chan_sip.c: x", verboseDoor), []string{first, honest}},
		{"forged: a guessed thread in such a line", lines(provenThread, verboseDoor, victimThread, "NOTICE[5010] chan_sip.c: x", forgedDoor), []string{first}},
		{"forged: a thread of another file", lines(provenThread, verboseDoor, victimThread, "NOTICE[5008] chan_iax2.c: x", forgedDoor), []string{first}},
		{"a call's own thread", lines(provenThread, verboseDoor, otherThread, verboseDoor), []string{first, honest}},
		{"a call's own thread in any of its records", lines(provenThread, verboseDoor, otherThread, "VERBOSE[5005][C-00000001] app_x.c: x", forgedDoor), []string{first, honest}},
		{"forged: a thread of a call where there is none", lines("VERBOSE[5005][C-00000001] chan_sip.c: No field 'x' present to copy", provenThread, verboseDoor, victimThread, "VERBOSE[5005] chan_sip.c: x", forgedDoor), []string{first}},
		{"a verbose line of ours", lines(provenThread, "VERBOSE[5003] manager.c: Manager 'x' logged on from 10.0.0.1", otherThread), []string{first, honest}},
		{"forged: one with a channel's name", lines(provenThread, "VERBOSE[5003] manager.c: Manager 'x' from 10.0.0.1, hanging up channel: Local/' logged on from", victimThread), []string{first}},
		{"forged: any other", lines(provenThread, "VERBOSE[5003] app_verbose.c: Manager 'x' logged on from 10.0.0.1", victimThread), []string{first}},
		{"the details of an IAX2 call", lines(provenThread, "VERBOSE[5002] chan_iax2.c: Accepting AUTHENTICATED call from 203.0.113.9:4569:") + "       > requested format = ulaw,\n       > priority = mine\n" + lines(otherThread), []string{first, honest}},
		{"forged: in a packet", lines(provenThread, "VERBOSE[5004] app_verbose.c: x") + "       > requested format = ulaw,\n" + lines(victimThread), []string{first}},
		{"a backtrace", lines(provenThread, "ERROR[5004][C-00000002] json.c: Error building JSON from '{s: s, s: s}': Invalid UTF-8 string.", "ERROR[5004][C-00000002] : Got 2 backtrace records") +
			"# 0: /usr/sbin/asterisk(ast_json_pack+0x99) [0x562810ea36e9]\n#10: /lib/libc.so.6(clone+0x3f) [0x7f1917daaacf]\n\n" + lines("ERROR[5004][C-00000002] stasis_channels.c: Error creating message", otherThread), []string{first, honest}},
		{"forged: a text like a backtrace", lines(provenThread, "VERBOSE[5004] app_verbose.c: x") + "# 0: x\n" + lines(victimThread), []string{first}},
		{"a name that is not UTF-8", lines(provenThread, "WARNING[5004] res_pjsip.c: CallerID Name 'x' for number '1' has invalid UTF-8 characters which were replaced", otherThread), []string{first, honest}},
		{"forged: the end of its number comes later", lines(provenThread, "WARNING[5004] res_pjsip.c: CallerID Name 'x' for number '1", victimThread, "' has invalid UTF-8 characters which were replaced"), []string{first}},
		{"a variable that is not UTF-8", lines(provenThread, "WARNING[5004][C-00000002] stasis_channels.c: PJSIP/a-1: The contents of variable 'X' had invalid UTF-8 sequences which were replaced", otherThread), []string{first, honest}},
		{"a header without its bracket", lines(provenThread, "WARNING[5004][C-00000002] sip/reqresp_parser.c: No closing bracket found in '<sip:x'", otherThread), []string{first, honest}},
		{"forged: the end of such a header comes later", lines(provenThread, "WARNING[5004][C-00000002] sip/reqresp_parser.c: No closing bracket found in '<sip:x", victimThread, "x'"), []string{first}},
		{"a security event of chan_sip, and the next one", lines(provenThread, fmt.Sprintf(sipEvent, "1"), otherThread, fmt.Sprintf(sipEvent, "2")), []string{first, sender, honest, sender}},
		{"forged: its end comes later", lines(provenThread, fmt.Sprintf(sipEvent, `x",SessionID="0x7f",LocalAddress="IPV4/UDP/10.0.0.1/5060",RemoteAddress="IPV4/UDP/192.0.2.50/1",Challenge="1",ReceivedChallenge="1",ReceivedHash="2"`+"\n"+insideStamp+victimThread+"\n")), []string{first}},
		{"a peer's name that ends with its line", lines(provenThread, "NOTICE[5002] chan_iax2.c: No registration for peer 'x' (from 203.0.113.5)", otherThread), []string{first, sender, honest}},
		{"forged: the end is as far away as it can be", lines(provenThread, "NOTICE[5002] chan_iax2.c: No registration for peer 'x' (from ::1)\n"+strings.Repeat(".", 255-len("x' (from ::1)\n"))+"' (from 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff)"), []string{first}},
		{"forged: and what it says is a record", lines(provenThread, "NOTICE[5002] chan_iax2.c: No registration for peer 'x' (from ::2)\n"+insideStamp+"NOTICE[1] chan_iax2.c: Host 192.0.2.50 failed to authenticate as "+strings.Repeat(".", 255-len("x' (from ::2)\n")-len(insideStamp)-66)+"' (from 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff)"), []string{first}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := charged(c.log)
			want := slices.Compact(slices.Clone(c.want))
			for _, a := range got {
				if !slices.Contains(want, a) {
					t.Errorf("got %v charged, want %v\n%s", got, c.want, c.log)
				}
			}
			for _, a := range want {
				if !slices.Contains(got, a) {
					t.Errorf("got %v charged, want %v\n%s", got, c.want, c.log)
				}
			}
			if strings.HasPrefix(c.name, "forged") && slices.Contains(got, victim) {
				t.Errorf("the forged %s is charged", victim)
			}
		})
	}
}

// TestDoubtOfCutRecords: the logger cuts a record at its buffer, and what it writes last
// is then not there. The text before the cut stays in doubt.
func TestDoubtOfCutRecords(t *testing.T) {
	begin := insideStamp + "VERBOSE[5005][C-00000001] pbx.c: Executing [1@in:1] Set(\"SIP/a-1\", \"x=1\") in new stack"
	text := begin + "\n" + lines(repeated(victimThread, 3)...)
	for name, filler := range map[string]string{"in a line": "", "behind a newline": "\n", "in a line of its own": "\nx"} {
		record := text + strings.Repeat("."+"\n", 60)
		record += strings.Repeat(".", loggerBuffer-1-len(record)-len(filler)) + filler
		if len(record) != loggerBuffer-1 {
			t.Fatalf("got a record of %d bytes", len(record))
		}
		if got := charged(lines(provenThread) + record + lines(otherThread, provenThread)); slices.Contains(got, "192.0.2.50") {
			t.Errorf("%s: got %v charged, and a caller wrote 192.0.2.50", name, got)
		}
	}
	long := lines(provenThread) + text + lines(repeated(otherThread, 90)...)
	if got := charged(long); !slices.Contains(got, "198.51.100.7") {
		t.Errorf("not cut: got %v charged, want the honest records behind", got)
	}
}

// TestGuessesAhead: who writes many numbers of threads, the right one among them, is not
// believed when too many are wrong; and numbers of sessions are forgotten soon.
func TestGuessesAhead(t *testing.T) {
	guesses := func(from, n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprintf("NOTICE[%d] chan_sip.c: Registration from 'x' failed for '192.0.2.50:5060' - Wrong password", from+i))
		}
		return all
	}
	log := lines(provenThread, verboseDoor) + lines(guesses(5008-maxGuesses-1, maxGuesses+5)...) + lines(forgedDoor)
	if got := charged(log); slices.Contains(got, "192.0.2.50") {
		t.Errorf("got %v charged, and the right thread came after %d wrong guesses", got, maxGuesses)
	}
	var sessions strings.Builder
	for i := range 200 {
		sessions.WriteString(lines(fmt.Sprintf("NOTICE[%d] manager.c: 203.0.113.5 failed to pass IP ACL as 'x'", 6000+i)))
	}
	forged := lines("VERBOSE[5005] app_verbose.c: x", "NOTICE[6100] manager.c: 192.0.2.50 failed to pass IP ACL as 'x'")
	if got := charged(sessions.String() + forged); slices.Contains(got, "192.0.2.50") {
		t.Errorf("got %v charged, and the thread was one of many sessions", got)
	}
	if got := charged(sessions.String() + strings.Replace(forged, "6100", "6199", 1)); !slices.Contains(got, "192.0.2.50") {
		t.Errorf("got %v charged, want the latest session believed", got)
	}
}
