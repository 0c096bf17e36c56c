package jails

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pbxjail/jails/home"
	"pbxjail/parsers"
)

// of is an event of an account.
func of(e *parsers.Event, account string) *parsers.Event {
	return with(e, func(e *parsers.Event) { e.Account = parsers.TextOf([]byte(account)) })
}

// entered is a log-in with a password, as a security event reports it.
func entered(a, account string) *parsers.Event {
	return with(of(failure(a), account), func(e *parsers.Event) {
		e.Result, e.Kind, e.Password, e.Channel = parsers.Signal, parsers.Success, true, parsers.ChannelSecurity
	})
}

// homely is a judge with one jail of five in ten minutes, as the daemon sets it up.
func homely(t testing.TB) *Judge {
	j := judgeOf(jailOf(t, "x", "maxretry: 5\nbantime: 1h\nslow: {maxretry: 15, findtime: 3d}\nmatch: [{event: bad-password}, {event: unknown-account}]"))
	j.Home.ProtectLogins, j.Allowance = 30*24*time.Hour, 3
	return j
}

const office = "203.0.113.50"

// failures plays failures of an account, and returns how many there were when its address
// was banned, 0 for never, and the alarms.
func failures(j *Judge, a, account string, n int, every time.Duration, from time.Time) (banned int, alarms []string, end time.Time) {
	for i := range n {
		for _, v := range hear(j, of(failure(a), account), from.Add(time.Duration(i)*every)) {
			if v.Alarm {
				alarms = append(alarms, v.Ban.Reason)
			} else if v.Bans() && banned == 0 {
				banned = i + 1
			}
		}
	}
	return banned, alarms, from.Add(time.Duration(n) * every)
}

func TestAnAccountAtHomeIsNotBanned(t *testing.T) {
	j := homely(t)
	hear(j, entered(office, "101"), start)
	banned, alarms, end := failures(j, office, "101", 360, 100*time.Second, start.Add(time.Minute))
	if banned != 0 {
		t.Errorf("got a ban after %d failures, want none", banned)
	}
	if hours := int(end.Sub(start).Hours()); len(alarms) < hours-1 || len(alarms) > hours+1 {
		t.Errorf("got %d alarms in %d hours, want one an hour", len(alarms), hours)
	}
	for i, text := range alarms {
		want := "phone 101 at 203.0.113.50 uses an old password: 36 attempts an hour. The address is not banned, because it logged in there before. Write the new password into the phone"
		if i == 0 {
			want = "phone 101 at 203.0.113.50 uses an old password: 5 attempts within 6m40s. The address is not banned, because it logged in there before. Write the new password into the phone"
		}
		if text != want {
			t.Fatalf("report %d: got %q, want %q", i, text, want)
		}
	}
	if banned, _, _ := failures(j, "203.0.113.51", "101", 10, time.Second, end); banned != 5 {
		t.Errorf("the same account elsewhere: got a ban after %d, want 5", banned)
	}
}

// A corrected password is no alarm, however long it was wrong.
func TestACorrectedPasswordIsNoAlarm(t *testing.T) {
	j := homely(t)
	hear(j, entered(office, "101"), start)
	_, _, end := failures(j, office, "101", 100, time.Minute, start.Add(time.Minute))
	hear(j, entered(office, "101"), end)
	if got := j.Home.Guessed(); len(got) != 0 {
		t.Errorf("got %v, want no alarm", got)
	}
	if banned, _, _ := failures(j, office, "101", 100, time.Second, end); banned != 0 {
		t.Errorf("got a ban after %d failures, want none", banned)
	}
}

// A new phone at an office may fail more often, and is forgiven what it did when its
// password is right.
func TestAnOfficeSetsUpAPhone(t *testing.T) {
	j := homely(t)
	hear(j, entered(office, "101"), start)
	if banned, _, _ := failures(j, office, "102", 4, time.Second, start); banned != 0 {
		t.Fatalf("got a ban after %d", banned)
	}
	hear(j, entered(office, "102"), start.Add(10*time.Second))
	if s := score(j, 0, office, start.Add(10*time.Second)); s != 0 {
		t.Errorf("got %s points, want what it did forgiven", s)
	}
	banned, _, _ := failures(j, office, "103", 20, time.Second, start.Add(20*time.Second))
	if banned != 15 {
		t.Errorf("got a ban after %d failures, want 15", banned)
	}
	b, _ := j.book.Get(only(office), start.Add(time.Minute))
	if want := "15 points within 10m, maxretry 15 (3 times maxretry of the jail, because accounts log in from this address); at most 15m, because accounts log in from this address, and an attacker could forge its packets"; b == nil || b.Reason != want {
		t.Errorf("got %+v, want %q", b, want)
	}
}

// Who floods the wire's tables makes it incomplete for everybody: packets that anybody
// can forge ban no office even then, and trip no breaker.
func TestAFloodBringsNoForgedPacketsIntoAnOffice(t *testing.T) {
	for evidence, want := range map[parsers.Evidence]bool{parsers.Seen: false, parsers.Proven: true} {
		j := homely(t)
		j.SetWitnesses(nil, &packets{heard: from(office), dark: true})
		hearWire(j, wired(parsers.Success, office, parsers.Proven, "101"), start)
		banned := false
		for i := range 30 {
			for _, v := range hearWire(j, wired(parsers.BadPassword, office, evidence, fmt.Sprint("2", i)), start.Add(time.Duration(i)*time.Second)) {
				banned = banned || v.Bans()
			}
		}
		if banned != want {
			t.Errorf("%v packets: got banned %t, want %t", evidence, banned, want)
		}
		if j.Home.Provable(wired(parsers.BadPassword, office, evidence, "101"), start) != want {
			t.Errorf("%v packets of an account at home: want them to count for the breaker %t", evidence, want)
		}
	}
}

func TestAGuessedPassword(t *testing.T) {
	j := homely(t)
	const thief = "203.0.113.91"
	_, _, end := failures(j, thief, "201", 6, 11*time.Minute, start)
	got := hear(j, entered(thief, "201"), end)
	if len(got) != 1 || !got[0].Alarm || !strings.HasPrefix(got[0].Ban.Reason, "someone may have guessed the password of 201: 203.0.113.91 logged in as 201 after 6 failed tries") {
		t.Fatalf("got %+v, want the alarm", got)
	}
	if got := hear(j, entered(thief, "201"), end); len(got) != 0 {
		t.Errorf("got %+v, want one alarm", got)
	}
	if why := j.Why(addr(thief), end); why.LoggedIn != "" || len(why.Guessed) != 1 {
		t.Errorf("got %+v, want an alarm and no home", why)
	}
	if banned, _, _ := failures(j, thief, "202", 10, time.Second, end.Add(time.Hour)); banned != 5 {
		t.Errorf("got a ban after %d, want 5: no account is at home there", banned)
	}
	if seen := j.Home.Ack(func(g home.Guessed) bool { return g.Account == "201" }); len(seen) != 1 || len(j.Home.Guessed()) != 0 {
		t.Errorf("got %v seen", seen)
	}
	if got := hear(j, entered(thief, "201"), end.Add(2*time.Hour)); len(got) != 0 || !j.Home.LogsIn(addr(thief), end.Add(2*time.Hour)) {
		t.Errorf("got %+v, want it at home after that", got)
	}
}

// One attempt that three logs report is one failure.
func TestRetoldFailuresAreNoGuesses(t *testing.T) {
	j := homely(t)
	for i := range 3 {
		for _, log := range []string{"/log", "/other/log", "/third/log"} {
			hearIn(j, log, of(failure(office), "201"), start.Add(time.Duration(i)*time.Minute))
		}
	}
	if got := hear(j, entered(office, "201"), start.Add(time.Hour)); len(got) != 0 {
		t.Errorf("got %+v, want no alarm", got)
	}
}

// However many log in once, or with few accounts from everywhere, those who come back keep
// their place, and memory is bounded.
func TestHomesKeepTheirPlace(t *testing.T) {
	j := homely(t)
	for i := range 500 {
		a, account := fmt.Sprintf("198.51.%d.%d", i/250, i%250+1), fmt.Sprint("office", i)
		hear(j, entered(a, account), start)
		hear(j, entered(a, account), start.Add(time.Minute))
	}
	for i := range 100_000 {
		a := numbered(i).String()
		hear(j, entered(a, "901"), start.Add(2*time.Minute))
		if i%2 == 0 {
			hear(j, entered(a, "901"), start.Add(4*time.Minute))
		}
	}
	at := start.Add(time.Hour)
	for i := range 500 {
		if a := fmt.Sprintf("198.51.%d.%d", i/250, i%250+1); !j.Home.LogsIn(addr(a), at) {
			t.Fatalf("%s is not at home any more", a)
		}
	}
	if n := len(j.Home.Homes()); n > home.MaxStrangers+500+home.MostEach {
		t.Errorf("got %d rows, want strangers and one account bounded", n)
	}
}

// One line of IPv6 is one home; NAT64 is everybody.
func TestAHomeIsALine(t *testing.T) {
	j := homely(t)
	hear(j, entered("2001:db8:1:2::5", "101"), start)
	hear(j, entered("64:ff9b::cb00:7101", "101"), start)
	for a, want := range map[string]bool{
		"2001:db8:1:2::5": true, "2001:db8:1:2:ffff::9": true, "2001:db8:1:3::5": false,
		"64:ff9b::cb00:7101": true, "64:ff9b::cb00:7102": false,
	} {
		if got := j.Home.LogsIn(addr(a), start); got != want {
			t.Errorf("%s: got at home %t, want %t", a, got, want)
		}
	}
}

func TestHomesOutliveTheJudge(t *testing.T) {
	j := homely(t)
	hear(j, entered(office, "101"), start)
	hear(j, entered(office, "101"), start.Add(11*time.Minute))
	changed := j.Home.UnsavedHomes(10)
	j.Home.HomesSaved(changed)
	if len(changed) != 1 || !changed[0].Last.Equal(start.Add(11*time.Minute)) || changed[0].Times != 2 {
		t.Fatalf("got %+v to write", changed)
	}
	if again := j.Home.UnsavedHomes(10); len(again) != 0 {
		t.Errorf("got %+v to write again", again)
	}
	next := homely(t)
	next.Home.LoadHomes(changed, start.Add(time.Hour))
	if banned, _, _ := failures(next, office, "101", 100, 20*time.Second, start.Add(time.Hour)); banned != 0 {
		t.Errorf("got a ban after %d failures, want none", banned)
	}
	late := homely(t)
	late.Home.LoadHomes(changed, start.Add(31*24*time.Hour))
	if len(late.Home.Homes()) != 0 {
		t.Errorf("got %v, want what is a month old forgotten", late.Home.Homes())
	}
}

// An account that Asterisk does not know any more has a name in the notice alone, and one
// whose phone has another name only in the security event.
func TestNamesOfOneFailure(t *testing.T) {
	security := func(account, id string) *parsers.Event {
		return with(of(failure(office), account), func(e *parsers.Event) {
			e.Channel, e.Session = parsers.ChannelSecurity, parsers.TextOf([]byte(id))
		})
	}
	notice := func(account, id string) *parsers.Event {
		return with(of(failure(office), account), func(e *parsers.Event) { e.Twin, e.Session = true, parsers.TextOf([]byte(id)) })
	}
	for _, c := range []struct {
		name             string
		notice, security string
		first            bool // the notice comes first
		want             bool
	}{
		{"a deleted account", "101", "<unknown>", true, false},
		{"a deleted account, records in the other order", "101", "<unknown>", false, false},
		{"another name in the notice", "4420", "101", true, false},
		{"another name in the notice, records in the other order", "4420", "101", false, false},
		{"a stranger", "201", "201", true, true},
		{"a stranger who has no account", "201", "<unknown>", true, true},
		{"a stranger with the name of an account at home", "101", "201", true, true},
	} {
		j := homely(t)
		hear(j, entered(office, "101"), start)
		banned := false
		for i := range 200 {
			at, id := start.Add(time.Duration(i+1)*10*time.Second), fmt.Sprint("call", i)
			pair := []*parsers.Event{notice(c.notice, id), security(c.security, id)}
			if !c.first {
				pair[0], pair[1] = pair[1], pair[0]
			}
			for _, e := range pair {
				for _, v := range hear(j, e, at) {
					banned = banned || v.Bans()
				}
			}
		}
		if banned != c.want {
			t.Errorf("%s: got banned %t, want %t", c.name, banned, c.want)
		}
	}
}

// The same answer to the same challenge is one guess, however often it comes.
func TestTheSameDigestIsOneGuess(t *testing.T) {
	for _, c := range []struct {
		digest func(i int) uint64
		want   int // alarms
	}{
		{func(int) uint64 { return 7 }, 0},
		{func(i int) uint64 { return uint64(i + 1) }, 1},
	} {
		j := homely(t)
		j.SetWitnesses(nil, packets{heard: from(office)})
		for i := range 20 {
			e := with(wired(parsers.BadPassword, office, parsers.Proven, "201"), func(e *parsers.Event) { e.Digest = c.digest(i) })
			hearWire(j, e, start.Add(time.Duration(i)*20*time.Minute))
		}
		hearWire(j, wired(parsers.Success, office, parsers.Proven, "201"), start.Add(8*time.Hour))
		if got := len(j.Home.Guessed()); got != c.want {
			t.Errorf("got %d alarms, want %d", got, c.want)
		}
	}
}

// Who has an account and a /64 guesses no more by a new address for each guess.
func TestAThiefHopsInHisHome(t *testing.T) {
	j := homely(t)
	hear(j, entered("2001:db8:1:2::1", "900"), start)
	guesses := 0
	for i := range 100 {
		guesses++
		got := hear(j, of(failure(fmt.Sprintf("2001:db8:1:2::1:%x", i)), fmt.Sprint(201+i%9)), start.Add(time.Duration(i)*time.Second))
		if len(got) > 0 && got[0].Bans() {
			break
		}
	}
	if guesses != 15 {
		t.Errorf("got %d guesses until a ban, want 15", guesses)
	}
}

// What the ledger remembers of an account at home is nothing against an alarm about it.
func TestAnAlarmOutlivesOldHomes(t *testing.T) {
	j := homely(t)
	hear(j, entered(office, "101"), start)
	old := j.Home.Homes()
	next := homely(t)
	next.Home.LoadGuessed([]home.Guessed{{Account: "101", Addr: addr(office), Service: parsers.PJSIP, Guesses: 6, At: start}})
	next.Home.LoadHomes(old, start)
	if got := next.Home.Homes(); len(got) != 0 {
		t.Errorf("got %v at home, want none", got)
	}
}
