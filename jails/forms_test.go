package jails

import (
	"fmt"
	"pbxjail/jails/book"
	"slices"
	"strings"
	"testing"
	"time"
)

// lines repeats a line n times, a second apart: %02d is the second, %d its number.
func lines(n int, form string) string {
	var log strings.Builder
	for i := range n {
		fmt.Fprintf(&log, form+"\n", i)
	}
	return log.String()
}

// TestRealForms replays logs as syslog, containers and restarts leave them, through
// the shipped jails: who is banned, and who is not.
func TestRealForms(t *testing.T) {
	const console = "NOTICE[70]: res_pjsip/pjsip_distributor.c:688 log_failed_request: Request 'REGISTER' from '<sip:100@192.0.2.10>' failed for '198.51.100.51:5071' (callid: k) - Failed to authenticate"
	const dated = "[Mar  2 10:00:00] " + console
	message := strings.Replace(console, ":688 log", ":688 in log", 1)
	refused := func(why string) string {
		return lines(8, "[2026-03-02 10:00:%02d] WARNING[77] res_http_websocket.c: WebSocket connection from '198.51.100.51:50000' could not be accepted"+why)
	}
	call := "[Mar  2 10:00:%02d] NOTICE[2371][C-0000000a] chan_sip.c: Call from '' (198.51.100.51:5060) to extension '0097210' rejected because extension not found in context 'default'."
	attacker := []string{"198.51.100.51"}
	for _, c := range []struct {
		name, log string
		want      []string
	}{
		{"container in syslog", lines(6, "Mar  2 10:00:%02d srv oml-asterisk-server[1234]: "+dated), attacker},
		{"docker in syslog", lines(6, "Mar  2 10:00:%02d srv docker/pbx[881]: "+dated), attacker},
		{"container by its id", lines(6, "Mar  2 10:00:%02d srv 4f0c1e9a77b2[881]: "+dated), attacker},
		{"RFC 5424", lines(6, "<133>1 2026-03-02T10:00:%02d.123456+00:00 pbx asterisk 812 - - "+message), attacker},
		{"RFC 5424 without priority", lines(6, "2026-03-02T10:00:%02d.123456+00:00 pbx asterisk 812 - - "+message), attacker},
		{"Kubernetes", lines(6, "2026-03-02T10:00:%02d.123456789Z stdout F "+dated), attacker},
		{"docker json-file", lines(6, `{"log":"`+dated+`\n","stream":"stdout","time":"2026-03-02T10:00:%02dZ"}`), attacker},
		{"busybox", lines(6, "Mar  2 10:00:%02d pbx local0.notice asterisk[812]: "+message), attacker},
		{"OpenWrt", lines(6, "Mon Mar  2 10:00:%02d 2026 local0.notice asterisk[812]: "+message), attacker},
		{"message repeated", lines(1, "Mar  2 10:00:%02d pbx asterisk[812]: "+message) + "Mar  2 10:00:59 pbx asterisk[812]: message repeated 57 times: [ " + message + "]\n", attacker},
		{"a single slip repeated once", lines(1, "Mar  2 10:00:%02d pbx asterisk[812]: "+message) + "Mar  2 10:00:59 pbx asterisk[812]: message repeated 2 times: [ " + message + "]\n", nil},
		{"no keepalive", refused(" - failed to enable keepalive"), nil},
		{"no session id", refused(" - failed to generate a session id"), nil},
		{"no memory", refused(""), nil},
		{"no module for SIP yet", refused(" - no protocols out of 'sip' supported"), nil},
		{"a scanner of websockets", refused(" - no protocols requested"), attacker},
		{"a restart between", lines(2, call) + "[Mar  2 10:01:00] Asterisk 18.26.0 built by root @ pbx on a x86_64 running Linux on 2025-03-24 14:36:33 UTC\n" +
			lines(30, "[Mar  2 10:01:%02d] NOTICE[2371] loader.c: module will be loaded.") + lines(4, strings.Replace(call, "10:00", "10:02", 1)), attacker},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &Replay{Judge: NewJudge(shippedJails(t), NewGuard(nil, nil), book.NewBook(nil, nil), 1000, true)}
			var got []string
			err := r.Run([]Log{{Name: "messages", Text: strings.NewReader(c.log), Until: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)}}, func(v Verdict) {
				if a := v.Ban.Prefix.Addr().String(); v.Bans() && !slices.Contains(got, a) {
					got = append(got, a)
				}
			})
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %v banned (%v, %+v), want %v", got, err, r.Counts, c.want)
			}
		})
	}
}

// TestOwnDates: a jail for another program counts by the dates of its log, also where
// a line has none of its own.
func TestOwnDates(t *testing.T) {
	const ssh = "maxretry: 5\nfindtime: 10m\nlogs: [/log]\nmatch: [{regex: '^(?:.* sshd\\[[0-9]+\\]: )?Failed password for [a-z]+ from <ADDR> port [0-9]+ ssh2$'}]"
	const failed = "Failed password for root from 198.51.100.90 port 50000 ssh2\n"
	for _, c := range []struct {
		name, form string
		step       time.Duration
		layout     string
		banned     bool
	}{
		{"rsyslog, one a day", "%s pbx sshd[100]: " + failed, 24 * time.Hour, "2006-01-02T15:04:05.000000Z07:00", false},
		{"rsyslog, one a second", "%s pbx sshd[100]: " + failed, time.Second, "2006-01-02T15:04:05.000000Z07:00", true},
		{"syslog, one a day", "%s pbx sshd[100]: " + failed, 24 * time.Hour, "Jan _2 15:04:05", false},
		{"syslog, one a second", "%s pbx sshd[100]: " + failed, time.Second, "Jan _2 15:04:05", true},
		{"RFC 5424, one a day", "<38>1 %s pbx sshd 100 - - sshd[100]: " + failed, 24 * time.Hour, "2006-01-02T15:04:05Z07:00", false},
		{"the neighbour's date, one a day", "%s started\n" + failed, 24 * time.Hour, "2006-01-02 15:04:05", false},
		{"the neighbour's date, one a second", "%s started\n" + failed, time.Second, "2006-01-02 15:04:05", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log strings.Builder
			for i := range 8 {
				fmt.Fprintf(&log, c.form, start.Add(time.Duration(i)*c.step).Format(c.layout))
			}
			r := &Replay{Judge: NewJudge([]*Jail{jailOf(t, "ssh", ssh)}, NewGuard(nil, nil), book.NewBook(nil, nil), 1000, true)}
			banned := false
			if err := r.Run([]Log{{Name: "log", Text: strings.NewReader(log.String()), Until: start.AddDate(0, 0, 9)}}, func(v Verdict) { banned = banned || v.Bans() }); err != nil {
				t.Fatal(err)
			}
			if r.Counts.Matched != 8 || banned != c.banned {
				t.Errorf("got %d matched, banned %v, want 8, %v", r.Counts.Matched, banned, c.banned)
			}
		})
	}
}
