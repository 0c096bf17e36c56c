package sensor

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/parsers"
)

// TestOutcomes: a request without a password, and what follows from our answer.
func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		method, user, target string
		answers              []int
		want                 string
	}{
		{"REGISTER", "1001", "", []int{401}, ""}, // it may still answer
		{"REGISTER", "1001", "", []int{403}, "offence unknown-account pjsip seen 1001 once"},
		{"REGISTER", "1001", "", []int{404}, "offence unknown-account pjsip seen 1001 once"},
		{"REGISTER", "1001", "", []int{200}, "signal success pjsip seen 1001"},
		{"REGISTER", "1001", "", []int{423}, ""},
		{"REGISTER", "1001", "", []int{503}, ""},
		{"REGISTER", "1001", "", []int{400}, "offence malformed pjsip seen 1001"},
		{"INVITE", "1001", "900", []int{100, 603}, "offence guest-call pjsip seen 1001"},
		{"INVITE", "1001", "900", []int{100, 403}, "offence guest-call pjsip seen 1001"},
		{"INVITE", "1001", "900", []int{100, 404}, "offence guest-call pjsip seen 1001"},
		{"INVITE", "1001", "900", []int{100, 180, 603}, ""}, // somebody pressed the button
		{"INVITE", "1001", "900", []int{100, 183, 404}, ""},
		{"INVITE", "1001", "900", []int{100, 486}, ""},
		{"INVITE", "1001", "900", []int{100, 480}, ""},
		{"INVITE", "1001", "900", []int{100, 180, 487}, ""},
		{"INVITE", "1001", "900", []int{100, 503}, ""},
		{"INVITE", "1001", "900", []int{481}, "offence not-allowed pjsip seen 1001"}, // Replaces
		{"INVITE", "1001", "900", []int{100, 200}, "signal guest-call pjsip seen 1001"},
		{"INVITE", "1001", "900", []int{404}, "offence unknown-extension pjsip seen 1001"},
		{"INVITE", "1001", "900", []int{484}, "offence unknown-extension pjsip seen 1001"},
		{"INVITE", "1001", "900", []int{604}, "offence unknown-extension pjsip seen 1001"},
		{"INVITE", "1001", "900", []int{403}, "offence not-allowed pjsip seen 1001"},
		{"INVITE", "1001", "900", []int{488}, "offence not-allowed pjsip seen 1001"},
		{"INVITE", "1001", "900", []int{416}, "offence malformed pjsip seen 1001"},
		{"INVITE", "1001", "900", []int{401}, ""},
		{"OPTIONS", "1001", "900", []int{200}, ""},
		{"OPTIONS", "1001", "900", []int{404}, ""},
		{"OPTIONS", "1001", "900", []int{401}, ""},
		{"SUBSCRIBE", "1001", "900", []int{404}, "offence not-allowed pjsip seen 900 once"},
		{"SUBSCRIBE", "1001", "900", []int{200}, "offence not-allowed pjsip seen 900 once"},
		{"MESSAGE", "1001", "900", []int{202}, "offence not-allowed pjsip seen 900 once"},
		{"MESSAGE", "1001", "900", []int{405}, "offence not-allowed pjsip seen 900 once"},
		{"PUBLISH", "1001", "900", []int{489}, "offence not-allowed pjsip seen 900 once"},
		{"REFER", "1001", "900", []int{603}, "offence not-allowed pjsip seen 900 once"},
		{"NOTIFY", "1001", "900", []int{489}, "offence not-allowed pjsip seen 900 once"},
		{"NOTIFY", "1001", "900", []int{200}, ""},
		{"FOO", "1001", "900", []int{501}, "offence not-allowed pjsip seen 900 once"},
		{"BYE", "1001", "900", []int{481}, ""},
		{"CANCEL", "1001", "900", []int{481}, ""},
		{"ACK", "1001", "900", nil, ""},
		{"INFO", "1001", "900", []int{481}, ""},
	} {
		l := newLab(t, Options{})
		l.ask(other, c.method, c.user, c.target)
		for _, status := range c.answers {
			if status == 401 {
				l.answer(status, challenge("n"))
			} else {
				l.answer(status)
				l.answer(status) // sent again: nothing new
			}
		}
		var want []string
		if c.want != "" {
			want = []string{c.want}
		}
		l.want(fmt.Sprint(c.method, c.answers), want...)
	}
}

func TestRetransmissionsAreNothing(t *testing.T) {
	l := newLab(t, Options{})
	l.ask(other, "REGISTER", "1001", "")
	text := l.last.text()
	for range 10 {
		l.packet(other, false, text)
		l.answer(403)
	}
	l.want("one request, ten times", "offence unknown-account pjsip seen 1001 once")
}

func TestAPhoneLogsIn(t *testing.T) {
	l := newLab(t, Options{})
	l.login(phone, "1001")
	l.after(time.Minute)
	l.want("a log-in", "signal success pjsip proven 1001")
}

func TestWrongPasswords(t *testing.T) {
	l := newLab(t, Options{})
	l.ask(other, "REGISTER", "1001", "")
	l.answer(401, challenge("n1"))
	l.again(credentials("1001", "n1", "a"))
	l.answer(401, challenge("n2"))
	l.again(credentials("1001", "n2", "b"))
	l.answer(401, challenge("n3"))
	l.after(time.Minute)
	l.want("two guesses", "offence bad-password pjsip proven 1001", "offence bad-password pjsip proven 1001")

	l.again(credentials("1001", "n3", "c"))
	l.answer(401, challenge("n3")+", stale=true")
	l.want("an old nonce is no failure")

	l.again(credentials("1001", "made up", "d"))
	l.answer(401, challenge("n4"))
	l.want("who never saw the challenge may forge his address", "offence bad-password pjsip seen 1001")

	l.ask(phone, "REGISTER", "1001", "") // n3 was sent elsewhere
	l.answer(401, challenge("n5"))
	l.again(credentials("1001", "n3", "e"))
	l.answer(401, challenge("n6"))
	l.want("a nonce that was sent elsewhere", "offence bad-password pjsip seen 1001")

	for range 5 {
		l.again(credentials("1001", "n6", "same"))
		l.answer(401, challenge("n6"))
	}
	l.want("the same answer to the same challenge", "offence bad-password pjsip proven 1001")
}

// TestRepeatedAnswer: a sender that repeats one made-up answer and ignores each new
// challenge guesses each time: a phone answers the new challenge.
func TestRepeatedAnswer(t *testing.T) {
	l := newLab(t, Options{})
	var want []string
	for range 6 {
		want = append(want, "offence bad-password pjsip seen 1001")
		l.ask(other, "REGISTER", "1001", "", credentials("1001", "made up", "same"))
		l.answer(401, challenge("n"))
	}
	l.after(time.Minute)
	l.want("one made-up answer, six times", want...)
}

// TestAFloodHidesNoSilence: strangers that fill the table of requests do not hide one
// that answers no challenge, unless they fill it within a moment.
func TestAFloodHidesNoSilence(t *testing.T) {
	for _, c := range []struct {
		pause time.Duration
		want  int
	}{{500 * time.Millisecond, 6}, {10 * time.Millisecond, 0}} {
		l := newLab(t, Options{Transactions: 32})
		for range 6 {
			l.ask(other, "REGISTER", "1001", "")
			l.answer(401, challenge(fmt.Sprint("n", l.n)))
		}
		for i := range 60 {
			l.after(c.pause)
			l.ask(netip.AddrPortFrom(address(i), 5060), "REGISTER", "1001", "")
			l.answer(401, challenge(fmt.Sprint("n", l.n)))
		}
		got := int(l.points[other.Addr()] / parsers.Point)
		if got != c.want {
			t.Errorf("a stranger each %s: got %d unanswered challenges, want %d", c.pause, got, c.want)
		}
	}
}

// TestHidesNoGuess: what a client writes in front of the true answer does not help it.
func TestHidesNoGuess(t *testing.T) {
	l := newLab(t, Options{})
	l.ask(other, "REGISTER", "1001", "")
	l.answer(401, challenge("n1"))
	l.again(credentials("x", "made up", "a"), credentials("1001", "n1", "b"))
	l.answer(401, challenge("n2"))
	l.want("two answers", "offence bad-password pjsip proven 1001")
}

func TestChanSIP(t *testing.T) {
	l := newLab(t, Options{})
	l.ask(other, "REGISTER", "1001", "")
	l.sipAnswer(401, challenge("n1"))
	l.again(credentials("1001", "n1", "a"))
	l.sipAnswer(403)
	l.want("its word for a wrong password", "offence bad-password sip proven 1001")

	l.ask(phone, "REGISTER", "1001", "")
	l.sipAnswer(401, challenge("p1"))
	l.again(credentials("1001", "p1", "a"))
	l.sipAnswer(200)
	l.want("a log-in", "signal success sip proven 1001")
	for i := range 20 { // it keeps its nonce, and chan_sip forgets it with the call
		l.after(time.Hour)
		nonce := fmt.Sprint("q", i)
		l.ask(phone, "REGISTER", "1001", "", credentials("1001", "p1", "a"))
		l.sipAnswer(401, challenge(nonce))
		l.again(credentials("1001", nonce, "b"))
		l.sipAnswer(200)
		l.want("an old nonce", "signal success sip proven 1001")
	}
	for range 6 { // a guesser with an old nonce never answers the new challenge
		l.ask(other, "REGISTER", "1001", "", credentials("1001", "n1", fmt.Sprint("guess", l.n)))
		l.sipAnswer(401, challenge(fmt.Sprint("r", l.n)))
	}
	l.after(time.Minute)
	if got := l.points[other.Addr()]; got != 7000 {
		t.Errorf("got %v points for a guesser with an old nonce, want 7", got)
	}
}

// TestChanSIPComparesAnyNonce: in a call that it has challenged chan_sip compares the
// password with whatever nonce the client names, and says "stale" only of a right one.
func TestChanSIPComparesAnyNonce(t *testing.T) {
	for name, nonce := range map[string]string{"made up": "x", "of another call": "n0"} {
		l := newLab(t, Options{})
		l.ask(other, "REGISTER", "1001", "")
		l.sipAnswer(401, challenge("n0"))
		l.ask(other, "REGISTER", "1001", "")
		l.sipAnswer(401, challenge("n1"))
		var want []string
		for i := range 6 {
			l.again(credentials("1001", nonce, fmt.Sprint("guess", i)))
			l.sipAnswer(401, challenge(fmt.Sprint("m", i)))
			want = append(want, "offence bad-password sip "+map[bool]string{true: "proven", false: "seen"}[nonce == "n0"]+" 1001")
		}
		l.want("a nonce "+name, want...)
	}
}

func TestSilence(t *testing.T) {
	l := newLab(t, Options{})
	for range 5 {
		l.ask(other, "INVITE", "1001", "900")
		l.answer(401, challenge(fmt.Sprint("n", l.n)))
	}
	l.after(31 * time.Second)
	l.want("not yet")
	l.after(2 * time.Second)
	want := strings.Split(strings.TrimSuffix(strings.Repeat("offence unanswered other seen 1001\n", 5), "\n"), "\n")
	l.want("five calls", want...)

	l.ask(other, "INVITE", "1001", "900")
	for range 20 { // the same call, asked again and again
		l.answer(401, challenge(fmt.Sprint("n", l.n)))
		l.again()
	}
	l.after(time.Minute)
	if got := l.points[other.Addr()]; got != 10_000 {
		t.Errorf("got %v points for twenty challenges of one call, want 5 more", got)
	}
	l.events = nil

	l.login(phone, "1001")
	l.want("a phone logs in", "signal success pjsip proven 1001")
	l.ask(phone, "INVITE", "1001", "900")
	l.answer(401, challenge("lost"))
	l.after(time.Minute)
	l.want("a bad line")
}

// TestManyPhonesAtOnce: an office of 200 phones behind one address, after a power cut.
func TestManyPhonesAtOnce(t *testing.T) {
	l := newLab(t, Options{})
	var open []request
	for i := range 200 {
		l.ask(phone, "REGISTER", fmt.Sprint(1000+i), "")
		l.answer(401, challenge(fmt.Sprint("n", i)))
		open = append(open, l.last)
	}
	for i, r := range open {
		l.last = r
		l.again(credentials(r.user, fmt.Sprint("n", i), "right"))
		l.answer(200)
	}
	l.after(time.Minute)
	if got := l.points[phone.Addr()]; got != 0 {
		t.Errorf("got %v points, want none", got)
	}
}

func TestAFloodIsChargedAtOnce(t *testing.T) {
	l := newLab(t, Options{Transactions: 256})
	for range 4000 { // four seconds
		l.ask(other, "INVITE", "1001", "900")
		l.answer(401, challenge(fmt.Sprint("n", l.n)))
	}
	if got := l.points[other.Addr()]; got != 5000 {
		t.Errorf("got %v points, want 5", got)
	}
	l.after(time.Minute)
	if got := l.points[other.Addr()]; got < 5000+maxOpen*1000 {
		t.Errorf("got %v points after a minute", got)
	}
}

func TestOptionsScan(t *testing.T) {
	l := newLab(t, Options{})
	for range 1000 { // a monitor
		l.ask(other, "OPTIONS", "ping", "ping")
		l.answer(404)
		l.after(10 * time.Second)
	}
	l.want("a monitor")
	for i := range 10 {
		l.ask(other, "OPTIONS", "x", fmt.Sprint(100+i))
		l.answer(200)
	}
	if got := l.points[other.Addr()]; got < 6000 {
		t.Errorf("got %v points for ten numbers", got)
	}
}

func TestOptionsByUsersAndByRate(t *testing.T) {
	l := newLab(t, Options{})
	for i := range 10 {
		l.ask(other, "OPTIONS", fmt.Sprint(100+i), "")
		l.answer(401, challenge("n"))
	}
	if got := l.points[other.Addr()]; got < 6000 {
		t.Errorf("got %v points for ten users", got)
	}
	for range 300 {
		l.ask(phone, "OPTIONS", "x", "x")
		l.answer(200)
		l.after(100 * time.Millisecond)
	}
	if got := l.points[phone.Addr()]; got != 5000 {
		t.Errorf("got %v points for ten a second, want 5", got)
	}
}

func TestOurFriends(t *testing.T) {
	l := newLab(t, Options{})
	l.n++
	l.last = request{from: other, method: "OPTIONS", user: "asterisk", target: "trunk", call: "ours", branch: "z9hG4bKours", tag: "o", ours: true}
	l.packet(other, true, l.last.text())
	l.answer(200)
	for i := range 50 {
		l.ask(other, "INVITE", "+441", fmt.Sprint("did", i))
		l.answer(404)
		l.ask(other, "OPTIONS", "trunk", fmt.Sprint("did", i))
		l.answer(200)
	}
	l.want("a provider that answers what we ask")
	if l.s.peers.find(other.Addr()).answers == 0 {
		t.Error("its answer was not seen")
	}
}

func TestTrunkOrGuest(t *testing.T) {
	l := newLab(t, Options{})
	for i := range 40 { // a provider that the address alone admits calls our numbers
		l.ask(other, "INVITE", "+441", fmt.Sprint("44151601", 4700+i%7))
		l.answer(100)
		l.answer(200)
	}
	if got := l.points[other.Addr()]; got != 0 {
		t.Errorf("got %v points for a trunk", got)
	}
	for _, prefix := range []string{"", "00", "011", "900", "9011", "+"} {
		l.ask(phone, "INVITE", "101", prefix+"441516014742")
		l.answer(100)
		l.answer(200)
	}
	if got := l.points[phone.Addr()]; got != 5000 {
		t.Errorf("got %v points for one number under six prefixes, want 5", got)
	}
}

func TestNothingWithinACall(t *testing.T) {
	l := newLab(t, Options{})
	l.login(phone, "1001")
	l.ask(phone, "INVITE", "1001", "900")
	l.answer(401, challenge("c"))
	l.again(credentials("1001", "c", "right"))
	l.answer(100)
	l.answer(200)
	l.events = nil
	l.last.totag = "5f3c-8a"
	for _, method := range []string{"INVITE", "UPDATE", "INFO", "REFER", "NOTIFY", "BYE"} {
		for _, status := range []int{200, 481, 403, 488, 500, 603} {
			l.last.method = method
			l.again()
			l.answer(status)
		}
	}
	l.want("requests of an established call")
}

// TestHidesNoGuessInACall: a tag in To makes nothing a part of a call.
func TestHidesNoGuessInACall(t *testing.T) {
	l := newLab(t, Options{})
	l.ask(other, "INVITE", "guest", "900") // an established call
	l.answer(100)
	l.answer(200)
	l.events = nil
	l.last.method, l.last.user, l.last.totag = "REGISTER", "1001", "5f3c-8a"
	l.again()
	l.answer(401, challenge("n1"))
	l.again(credentials("1001", "n1", "a"))
	l.answer(401, challenge("n2"))
	l.want("a registration in it", "offence bad-password pjsip proven 1001")
	l.last.method = "INVITE"
	l.again(credentials("1001", "n2", "b"))
	l.answer(401, challenge("n3"))
	l.want("a guess in it", "offence bad-password pjsip proven 1001")
	l.again(credentials("1001", "n3", "c"))
	l.answer(401, challenge("n4")+",stale=true")
	l.want("a challenge that is over")
	l.last.method, l.last.call = "MESSAGE", "no call"
	l.again()
	l.answer(202)
	l.want("a text without a call", "offence not-allowed pjsip seen 900 once")
}

// TestMissedPackets: an answer that came while packets were missed is none that is missing.
func TestMissedPackets(t *testing.T) {
	for _, opened := range []int{1, 20} {
		l := newLab(t, Options{})
		for range opened {
			l.ask(other, "INVITE", "1001", "900")
			l.answer(401, challenge(fmt.Sprint("n", l.n)))
		}
		l.s.Gap(l.now.Add(time.Second))
		l.after(time.Minute)
		if got := l.points[other.Addr()]; opened == 1 && got > 0 || opened == 20 && got < 5000 {
			t.Errorf("got %v points for %d challenges", got, opened)
		}
	}
}

func TestMalformed(t *testing.T) {
	whole := (&request{from: other, method: "INVITE", user: "a", target: "b", call: "c", cseq: 1, branch: "z9hG4bK1", tag: "t"}).text()
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"random bytes":  {strings.Repeat("\x9c\x81\xfe", 40), true},
		"http":          {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
		"no headers":    {"INVITE sip:100@pbx SIP/2.0\r\n\r\n", true},
		"no From":       {strings.Replace(whole, "From:", "X:", 1), true},
		"no Via":        {strings.Replace(whole, "Via:", "X:", 1), true},
		"version":       {strings.Replace(whole, " SIP/2.0\r\n", " SIP/9.9\r\n", 1), true},
		"a whole one":   {whole, false},
		"no end":        {strings.TrimSuffix(whole, "\r\n"), false},
		"an odd answer": {"SIP/2.0 200 OK\r\n\r\n", false},
		"keep-alive":    {"\r\n\r\n", false},
		"zeros":         {"\x00\x00\x00\x00", false},
		"stun":          {"\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl", false},
		"a line of jaK": {"jaK\r\n", false},
	} {
		l := newLab(t, Options{})
		l.packet(other, false, c.text)
		if got := len(l.events) > 0; got != c.want {
			t.Errorf("%s: got %v", name, l.events)
		}
		l.packet(phone, true, c.text)
		if l.points[phone.Addr()] > 0 {
			t.Errorf("%s: charged to the receiver of our packet", name)
		}
	}
}

func TestMismatchedMethods(t *testing.T) {
	for _, status := range []int{200, 500} {
		l := newLab(t, Options{})
		l.ask(other, "INVITE", "a", "b")
		r := l.last
		l.n++
		l.last.branch = "z9hG4bKmm"
		text := strings.Replace(l.last.text(), "INVITE\r\nUser", "REGISTER\r\nUser", 1)
		l.packet(other, false, text)
		l.last.method = "REGISTER"
		l.answer(status)
		l.last = r
		if status == 500 {
			l.want("it was refused", "offence malformed pjsip seen a")
		} else {
			l.want("it was let in", "signal guest-call pjsip seen a")
		}
	}
}

// TestACutDatagram: a capture that keeps the beginning of packets charges no address for
// what it did not keep.
func TestACutDatagram(t *testing.T) {
	l := newLab(t, Options{})
	whole := (&request{from: other, method: "INVITE", user: "a", target: "b", call: "c", cseq: 1, branch: "z9hG4bK1", tag: "t"}).text()
	for n := 9; n < len(whole); n += 7 {
		l.s.Packet(&Packet{Time: l.now, Src: other, Dst: netipPBX(5060), Data: []byte(whole[:n]), Cut: true}, l.emit)
	}
	l.want("cut")
}

// TestForgedLogIns: a password without a challenge is not a log-in, with any answer of ours.
func TestForgedLogIns(t *testing.T) {
	junk := func(l *lab, nonce string) string { return credentials("1001", nonce, fmt.Sprint("junk", l.n)) }
	begin := func() *lab { // they get a challenge, as everybody can
		l := newLab(t, Options{})
		l.ask(other, "REGISTER", "1001", "")
		l.answer(401, challenge("n1"))
		return l
	}
	l := begin()
	l.ask(other, "INVITE", "1001", "900", junk(l, "n1"))
	l.answer(100)
	l.answer(200)
	l.want("a guest's call with the challenge of a registration", "signal guest-call pjsip proven 1001")

	l = begin()
	l.ask(other, "INVITE", "1001", "900", junk(l, "made up"))
	l.answer(100)
	l.answer(603)
	l.want("a guest's call with an unknown challenge", "offence guest-call pjsip seen 1001")

	l = begin()
	l.last.method, l.last.user = "INVITE", "stranger"
	l.again(junk(l, "n1"))
	l.answer(100)
	l.answer(200)
	l.want("another account in the same call", "signal guest-call pjsip proven 1001")

	l = begin()
	l.ask(other, "OPTIONS", "1001", "900", junk(l, "n1"))
	l.answer(200)
	l.want("an OPTIONS that asks for no password")

	l.ask(other, "OPTIONS", "1001", "900")
	l.answer(401, challenge("n2"))
	for range 2 {
		l.again(junk(l, "n2"))
		l.answer(401, challenge("n2"))
	}
	l.want("guesses by OPTIONS", "offence bad-password pjsip proven 1001", "offence bad-password pjsip proven 1001")

	l = begin()
	l.ask(other, "SUBSCRIBE", "1001", "900", junk(l, "n1"))
	l.answer(404)
	l.want("a SUBSCRIBE that asks for no password", "offence not-allowed pjsip proven 900 once")

	for _, p := range l.s.peers.slots {
		if p.login != 0 {
			t.Errorf("%v counts as logged in", p.addr)
		}
	}
}

// TestUsesAChallengeTwice: PJSIP lets a phone use a challenge again, for 32 seconds.
func TestUsesAChallengeTwice(t *testing.T) {
	l := newLab(t, Options{})
	l.login(phone, "1001")
	nonce := fmt.Sprint("nonce", l.n-2)
	l.events = nil
	l.ask(phone, "REGISTER", "1001", "", credentials("1001", "nonce1", "r2"))
	l.answer(200)
	l.want(nonce, "signal success pjsip proven 1001")
	l.ask(phone, "INVITE", "1001", "900", credentials("1001", "nonce1", "r3"))
	l.answer(404)
	l.want("for another request")
}

// TestHidesNoGuessFromUs: what Asterisk's stacks read in another way than we could.
func TestHidesNoGuessFromUs(t *testing.T) {
	l := newLab(t, Options{})
	l.ask(other, "REGISTER", "1001", "")
	l.sipAnswer(401, challenge("n1"))
	for i := range 3 { // the very same request, but for the password
		l.packet(other, false, l.last.text(credentials("1001", "n1", fmt.Sprint("guess", i))))
		l.sipAnswer(403)
	}
	want := "offence bad-password sip proven 1001"
	l.want("one request, three passwords", want, want, want)

	l = newLab(t, Options{})
	l.ask(other, "REGISTER", "1001", "")
	l.answer(401, challenge("n1"))
	l.n++
	l.last.branch, l.last.cseq = "z9hG4bKfirst;branch=z9hG4bKlast", 3
	l.packet(other, false, l.last.text(credentials("1001", "n1", "a")))
	l.last.branch = "z9hG4bKlast"
	l.answer(401, challenge("n2"))
	l.want("two branches", "offence bad-password pjsip proven 1001")

	l.last.cseq++
	l.packet(other, false, strings.Replace(l.last.text(credentials("1001", "n2", "b")), "Call-ID: ", "Call-ID:\r\n   ", 1))
	l.answer(401, challenge("n3"))
	l.want("a folded Call-ID", "offence bad-password pjsip proven 1001")

	l.last.cseq++
	l.packet(other, false, strings.ReplaceAll(l.last.text(credentials("1001", "n3", "c")), "REGISTER", "register"))
	l.answer(401, challenge("n4"))
	l.want("a method in small letters", "offence bad-password pjsip proven 1001")

	l.last.cseq++
	l.packet(other, false, l.last.text(credentials("1001", "n4", "d"), "Call-ID: other"))
	l.want("two Call-IDs", "offence malformed pjsip seen 1001")

	l.ask(other, "REGISTER", "1002", "") // Via has our answer go to somebody else
	r := l.last
	l.last.from = phone
	l.answer(403)
	l.last = r
	l.want("an answer to somebody else", "offence unknown-account pjsip seen 1002 once")
	if p := l.points[phone.Addr()]; p != 0 {
		t.Errorf("got %v points for the address in Via", p)
	}
}
