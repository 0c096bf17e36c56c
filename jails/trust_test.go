package jails

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/jails/book"
	"pbxjail/parsers"
)

const (
	head   = `[2026-11-22 07:00:00] SECURITY[4077] res_security_log.c: SecurityEvent="`
	victim = "192.0.2.50"
)

// said is a security event of chan_sip or PJSIP about an address.
func said(name, service, addr, tail string) string {
	session, version := "call-1", "1"
	if service == "SIP" {
		session = "0x7f01"
	}
	return head + name + `",EventTV="2026-11-22T07:00:00.000+0000",Severity="Error",Service="` + service + `",EventVersion="` + version +
		`",AccountID="1001",SessionID="` + session + `",LocalAddress="IPV4/UDP/10.0.0.1/5060",RemoteAddress="IPV4/UDP/` + addr + `/5060"` + tail
}

func login(addr string) string { return said("SuccessfulAuth", "PJSIP", addr, `,UsingPassword="1"`) }
func wrong(addr string) string {
	return said("ChallengeResponseFailed", "PJSIP", addr, `,Challenge="1/a",Response="b",ExpectedResponse=""`)
}
func noticed(addr string) string {
	return "[2026-11-22 07:00:00] NOTICE[78] res_pjsip/pjsip_distributor.c: Request 'REGISTER' from '<sip:1001@10.0.0.1>' failed for '" + addr +
		":5060' (callid: c) - Failed to authenticate"
}

// heard plays lines, a second apart, and returns the verdicts.
func heard(t *testing.T, j *Judge, from time.Time, lines ...string) (verdicts []Verdict) {
	t.Helper()
	p := parsers.New(parsers.Clock{})
	s := j.Source("/var/log/asterisk/full")
	for i, l := range lines {
		at := from.Add(time.Duration(i) * time.Second)
		p.Block([]byte(l+"\n"), false, at, func(e *parsers.Event) {
			j.Hear(s, e, at, func(v Verdict) { verdicts = append(verdicts, v) })
		})
	}
	return verdicts
}

func shippedJudge(t *testing.T) *Judge {
	t.Helper()
	return NewJudge(shippedJails(t), NewGuard(nil, nil), book.NewBook(nil, nil), 1000, false)
}

func times(n int, line string) (list []string) {
	for range n {
		list = append(list, line)
	}
	return list
}

var seven = time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)

func TestGuestLoginDoesNotProtect(t *testing.T) {
	j := shippedJudge(t)
	free := said("SuccessfulAuth", "SIP", victim, `,UsingPassword="0"`)
	got := heard(t, j, seven, append([]string{free}, times(5, wrong(victim))...)...)
	if len(got) != 1 || !got[0].Bans() {
		t.Errorf("got %+v, want a ban: no password was used", got)
	}
}

// chan_sip takes the address of its events from Via maddr: one alone bans no address, and
// nothing in them is proven.
func TestChanSIPEventsAreClaimed(t *testing.T) {
	sent := func(addr string) string { return said("ChallengeSent", "SIP", addr, `,Challenge="41873553"`) }
	bad := said("InvalidPassword", "SIP", victim, `,Challenge="41873553",ReceivedChallenge="41873553",ReceivedHash="0f"`)
	refused := "[2026-11-22 07:00:00] NOTICE[4078] chan_sip.c: Registration from '<sip:1001@10.0.0.1>' failed for '" + victim + ":5060' - Wrong password"
	for _, c := range []struct {
		name  string
		lines []string
		want  bool
	}{
		{"alone", times(20, bad), false},
		{"challenged elsewhere", append([]string{sent("192.0.2.51")}, times(20, bad)...), false},
		{"challenged there", append([]string{sent(victim)}, times(20, bad)...), true},
		{"with notices", []string{bad, refused, bad, refused, bad, refused, bad, refused, bad, refused}, true},
	} {
		got := heard(t, shippedJudge(t), seven, c.lines...)
		if c.want != (len(got) > 0 && got[0].Bans()) {
			t.Errorf("%s: got %+v, want a ban %v", c.name, got, c.want)
		}
		if len(got) > 0 && got[0].Ban.Evidence != parsers.Seen {
			t.Errorf("%s: got evidence %s, want seen", c.name, got[0].Ban.Evidence)
		}
	}
}

// An event that its sender has spoiled is still a witness: it does not hide the sender,
// and it names no other address.
func TestASpoiltEventIsAWitness(t *testing.T) {
	long := strings.Repeat("a", 100)
	notice := func(callid string) string {
		return strings.Replace(noticed(victim), "(callid: c)", "(callid: "+callid+")", 1)
	}
	spoilt := func(from, to string) string { return strings.Replace(wrong(victim), from, to, 1) }
	for _, c := range []struct {
		name          string
		event, notice string
		want          bool
	}{
		{"an ESC at the end of the Call-ID", spoilt(`call-1",LocalAddress="IPV4/UDP/10.0.0.1/5060",Rem`, "call-1"), notice("call-1\x1b"), true},
		{"a Call-ID that leaves no room for the address", spoilt("call-1", long+strings.Repeat("b", 8300))[:8190], notice(long + strings.Repeat("b", 400)), true},
		{"one of another call", spoilt("call-1", strings.Repeat("b", 8400))[:8190], notice(long + strings.Repeat("b", 400)), false},
		{"the head of a record in the Call-ID", spoilt("call-1", "x] NOTICE[1] x"), notice("x] NOTICE[1] x"), true},
		{"an event of another", spoilt(victim, "192.0.2.7"), notice("x"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := []string{login("192.0.2.9")}
			for range 6 {
				lines = append(lines, c.event, c.notice)
			}
			banned := false
			for _, v := range heard(t, shippedJudge(t), seven, lines...) {
				if v.Bans() && v.Ban.Prefix.Addr() != netip.MustParseAddr(victim) && c.want {
					t.Errorf("got %s banned", v.Ban.Prefix)
				}
				banned = banned || v.Bans() && v.Ban.Prefix.Addr() == netip.MustParseAddr(victim)
			}
			if banned != c.want {
				t.Errorf("got banned %v, want %v", banned, c.want)
			}
		})
	}
}

// A login in a caller's text does not protect.
func TestForgedLoginDoesNotProtect(t *testing.T) {
	j := shippedJudge(t)
	j.Home.ProtectLogins = time.Hour
	forged := "[2026-11-22 07:00:00] NOTICE[4080] chan_sip.c: Supervised transfer attempted to replace non-existent call id (x\n" +
		strings.Replace(login(victim), "[4077]", "[1]", 1) + "\n[2026-11-22 07:00:00] NOTICE[1] a: b)!"
	heard(t, j, seven, forged)
	if got := heard(t, j, seven.Add(time.Minute), times(5, wrong(victim))...); len(got) != 1 || !got[0].Bans() {
		t.Errorf("got %+v, want a ban", got)
	}
}

const unissued = "[2026-11-22 07:00:00] ERROR[78] security_events.c: Failed to issue security event of type ChallengeResponseFailed."

func TestANoticeNeedsItsTwin(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  bool
	}{
		{"the security channel is not written", times(5, noticed(victim)), true},
		{"it is, and names no address", append([]string{login("192.0.2.7")}, times(9, noticed(victim))...), false},
		{"it is, and names another address", append([]string{wrong("192.0.2.7")}, times(9, noticed(victim))...), false},
		{"it could not be issued", func() (l []string) {
			l = []string{login("192.0.2.7")}
			for range 5 {
				l = append(l, noticed(victim), unissued)
			}
			return l
		}(), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			banned := false
			for _, v := range heard(t, shippedJudge(t), seven, c.lines...) {
				banned = banned || v.Bans() && v.Ban.Prefix.Addr() == netip.MustParseAddr(victim)
			}
			if banned != c.want {
				t.Errorf("got banned %v, want %v", banned, c.want)
			}
		})
	}
}

// TestSpoiledEventOfChanSIP: a byte that is not UTF-8 takes the security event away, and the
// notice alone must do, unless an ESC may have forged it.
func TestSpoiledEventOfChanSIP(t *testing.T) {
	const head = "[2026-11-22 07:00:00] NOTICE[77] chan_sip.c: Registration from '"
	for _, c := range []struct {
		name, notice string
		want         bool
	}{
		{"a byte in the name", head + "<sip:1001%ff@192.0.2.10>' failed for '" + victim + ":5060' - Wrong password", true},
		{"the reason holds an m", head + "<sip:1001%ff@192.0.2.10>' failed for '" + victim + ":5060' - No matching peer found", false},
		{"another record is in the line", head + "x[2026-11-22 07:00:00] VERBOSE[77] x.c: y' failed for '" + victim + ":5060' - Wrong password", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := []string{said("SuccessfulAuth", "SIP", "192.0.2.7", `,UsingPassword="1"`)}
			for range 9 {
				lines = append(lines, c.notice, unissued)
			}
			banned := false
			for _, v := range heard(t, shippedJudge(t), seven, lines...) {
				banned = banned || v.Bans() && v.Ban.Prefix.Addr() == netip.MustParseAddr(victim)
			}
			if banned != c.want {
				t.Errorf("got banned %v, want %v", banned, c.want)
			}
		})
	}
}

func TestATwinMayComeFirstOrLast(t *testing.T) {
	for _, pair := range [][]string{{noticed(victim), wrong(victim)}, {wrong(victim), noticed(victim)}} {
		j := shippedJudge(t)
		lines := []string{login("192.0.2.7")}
		for range 5 {
			lines = append(lines, pair...)
		}
		if got := heard(t, j, seven, lines...); len(got) == 0 || !got[0].Bans() {
			t.Errorf("got %+v, want a ban", got)
		}
		if j.twins.suspect != 0 {
			t.Errorf("got %d suspects, want none", j.twins.suspect)
		}
	}
}

func shippedJails(t testing.TB) (list []*Jail) {
	t.Helper()
	specs, bad := configs.LoadJails("testdata/none")
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	for _, s := range specs {
		j, err := Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, j)
	}
	return list
}
