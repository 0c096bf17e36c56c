package jails

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pbxjail/jails/home"
	"pbxjail/parsers"
)

// wrongNameRecords are what Asterisk writes of one REGISTER of an account that does not
// exist: by PJSIP, and by chan_sip.
func wrongNameRecords(at time.Time, service, addr, name string, call int) (security, messages string) {
	session := fmt.Sprintf("w%d", call)
	if service == "SIP" {
		session = fmt.Sprintf("0x7f%06x", call)
	}
	event := func(kind, account, tail string) string {
		return fmt.Sprintf(`[%s] SECURITY[30287] res_security_log.c: SecurityEvent="%s",EventTV="%s+0000",Severity="Error",Service="%s",EventVersion="1",AccountID="%s",SessionID="%s",LocalAddress="IPV4/UDP/192.0.2.10/5060",RemoteAddress="IPV4/UDP/%s/5062"%s`+"\n",
			at.Format(time.DateTime), kind, at.Format("2006-01-02T15:04:05.000"), service, account, session, addr, tail)
	}
	security = event("InvalidAccountID", name, "")
	if service == "SIP" {
		return security, fmt.Sprintf("[%s] NOTICE[23117] chan_sip.c: Registration from '<sip:%s@192.0.2.10>' failed for '%s:5062' - No matching peer found\n", at.Format(time.DateTime), name, addr)
	}
	security += event("ChallengeResponseFailed", "<unknown>", `,Challenge="179533/0123456789abcdef",Response="260cd0181455ea62a00343fd9a356a56",ExpectedResponse=""`)
	for _, why := range []string{"No matching endpoint found", "Failed to authenticate"} {
		messages += fmt.Sprintf("[%s] NOTICE[23117] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:%s@192.0.2.10>' failed for '%s:5062' (callid: w%d) - %s\n", at.Format(time.DateTime), name, addr, call, why)
	}
	return security, messages
}

// playNames replays 12 hours of an office with a good phone, and with failures of names
// that do not exist. It returns when the office is banned, zero for never, and the reports.
func playNames(t *testing.T, service, logs string, every time.Duration, name func(i int) string) (banned time.Duration, reports []Verdict) {
	t.Helper()
	from := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	end := from.Add(12 * time.Hour)
	j := shippedHome(t)
	at := map[string]parsers.Service{"PJSIP": parsers.PJSIP, "SIP": parsers.SIP}[service]
	j.Home.LoadHomes([]home.Home{{Addr: addr(office), Account: "101", Service: at, First: from.Add(-time.Hour), Last: from, Times: 2}}, from)
	var security, messages strings.Builder
	for i := 0; ; i++ {
		at := from.Add(time.Duration(i) * every)
		if !at.Before(end) {
			break
		}
		s, m := wrongNameRecords(at, service, office, name(i), i)
		security.WriteString(s)
		messages.WriteString(m)
	}
	var list []Log
	if strings.Contains(logs, "security") {
		list = append(list, Log{"/var/log/asterisk/security", strings.NewReader(security.String()), end})
	}
	if strings.Contains(logs, "messages") {
		list = append(list, Log{"/var/log/asterisk/messages", strings.NewReader(messages.String()), end})
	}
	r := Replay{Judge: j}
	if err := r.Run(list, func(v Verdict) {
		switch {
		case v.Alarm:
			reports = append(reports, v)
		case v.Bans() && banned == 0:
			banned = max(v.Ban.Since.Sub(from), 1)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return banned, reports
}

// A phone with a wrong account name beside good ones is never banned, and is reported once
// an hour. One that tries different names is banned.
func TestAWrongNameAtAnOffice(t *testing.T) {
	for _, service := range []string{"PJSIP", "SIP"} {
		for _, logs := range []string{"security", "messages", "security, messages"} {
			if service == "SIP" && logs == "security" {
				continue // that event alone counts for nothing: its notice does
			}
			for _, every := range []time.Duration{20 * time.Second, time.Minute, 2 * time.Minute} {
				banned, reports := playNames(t, service, logs, every, func(int) string { return "1O1" })
				if banned != 0 {
					t.Errorf("%s, %s, each %v: got a ban after %v", service, logs, every, banned)
				}
				if len(reports) < 11 || len(reports) > 12 {
					t.Errorf("%s, %s, each %v: got %d reports in 12h, want one an hour", service, logs, every, len(reports))
				}
				for i, v := range reports {
					if want := "phone 1O1 at 203.0.113.50 uses an account name that does not exist: "; !strings.HasPrefix(v.Ban.Reason, want) {
						t.Errorf("%s, %s: got %q, want %q", service, logs, v.Ban.Reason, want)
					}
					if i > 0 && v.Ban.Since.Sub(reports[i-1].Ban.Since) < time.Hour {
						t.Errorf("%s, %s: reported again after %v", service, logs, v.Ban.Since.Sub(reports[i-1].Ban.Since))
					}
				}
				if logs == "messages" && every > time.Minute {
					continue // without log-ins in sight nothing adds up over days
				}
				for what, name := range map[string]func(int) string{
					"one name after another":      func(i int) string { return fmt.Sprint(2000 + i) },
					"each of 40 names many times": func(i int) string { return fmt.Sprint(2000 + i%40) },
				} {
					if banned, _ := playNames(t, service, logs, every, name); banned == 0 || banned > 45*every {
						t.Errorf("%s, %s, each %v, %s: got a ban after %v, want one within 45 tries", service, logs, every, what, banned)
					}
				}
			}
		}
	}
}

// The wire cannot know which accounts exist: it goes by the log. As soon as the account
// exists, wrong passwords count again.
func TestAWrongNameOnTheWire(t *testing.T) {
	for _, service := range []parsers.Service{parsers.PJSIP, parsers.SIP} {
		j := shippedHome(t)
		j.SetWitnesses(nil, packets{heard: from(office)})
		of := func(account string, kind parsers.Kind, channel parsers.Channel) *parsers.Event {
			return with(of(failure(office), account), func(e *parsers.Event) {
				e.Service, e.Kind, e.Channel, e.Evidence = service, kind, channel, parsers.Proven
				if kind == parsers.Success {
					e.Result, e.Password = parsers.Signal, true
				}
			})
		}
		hearWire(j, of("101", parsers.Success, parsers.ChannelWire), start)
		at, reports := start, 0
		for range 12 * 60 {
			at = at.Add(time.Minute)
			verdicts := hearWire(j, of("1O1", parsers.BadPassword, parsers.ChannelWire), at)
			verdicts = append(verdicts, hearIn(j, "/var/log/asterisk/security", of("1O1", parsers.UnknownAccount, parsers.ChannelSecurity), at.Add(time.Millisecond))...)
			for _, v := range verdicts {
				if v.Bans() {
					t.Fatalf("%v: got a ban after %v: %s", service, at.Sub(start), v.Ban.Reason)
				}
				reports++
			}
		}
		if reports < 11 || reports > 12 {
			t.Errorf("%v: got %d reports in 12h, want one an hour", service, reports)
		}
		hearIn(j, "/var/log/asterisk/security", of("1O1", parsers.BadPassword, parsers.ChannelSecurity), at)
		for i := range 60 {
			for _, v := range hearWire(j, of("1O1", parsers.BadPassword, parsers.ChannelWire), at.Add(time.Duration(i)*time.Second)) {
				if v.Bans() {
					return
				}
			}
		}
		t.Errorf("%v: an account that exists now: got no ban after 60 wrong passwords", service)
	}
}
