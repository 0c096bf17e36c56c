package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/dialplan"
	"pbxjail/parsers"
)

// printedLog is a call of Log() in what jailctl dialplan prints.
var printedLog = regexp.MustCompile(`Log\(WARNING,(.*)\);?\n`)

// TestDialplanIsParsed: what the printed lines write is what the parser reads, with the
// address of the packet and what the caller wrote.
func TestDialplanIsParsed(t *testing.T) {
	values := strings.NewReplacer(
		"${CHANNEL(pjsip,remote_addr)}", "203.0.113.9:5060", "${CHANNEL(recvip)}", "203.0.113.9", "${CHANNEL(peerip)}", "203.0.113.9",
		"${PBXJAIL_TO:0:40}", "900123", "${PBXJAIL_NUMBER:0:40}", "101", "${PBXJAIL_NAME:0:40}", "Bob", "${PBXJAIL_AGENT:0:60}", "sipcli/v1.8")
	for driver, service := range map[dialplan.Driver]parsers.Service{dialplan.PJSIP: parsers.PJSIP, dialplan.ChanSIP: parsers.SIP, dialplan.IAX2: parsers.IAX2} {
		for _, format := range dialplan.Formats {
			text := dialplan.Unknown([]dialplan.Driver{driver}, dialplan.Format(format))
			logs := printedLog.FindAllStringSubmatch(text, -1)
			if len(logs) != 1 {
				t.Fatalf("%s, %s: got %d calls of Log, want 1", driver, format, len(logs))
			}
			line := "[2026-01-02 03:04:05] WARNING[1638][C-00000001] Ext. s: " + values.Replace(logs[0][1]) + "\n"
			var got []string
			parsers.New(parsers.Clock{}).Block([]byte(line), false, time.Time{}, func(e *parsers.Event) {
				got = append(got, fmt.Sprintln(e.Result, e.Kind, e.Addr, e.Evidence, e.Service == service, e.Number.Is("900123"), e.Account.Is("101"), e.Agent.Is("sipcli/v1.8")))
			})
			want := fmt.Sprintln(parsers.Offence, parsers.GuestCall, "203.0.113.9", parsers.Seen, true, true, true, true)
			if len(got) != 1 || got[0] != want {
				t.Errorf("%s, %s: got %q of %q, want %q", driver, format, got, line, want)
			}
		}
	}
}
