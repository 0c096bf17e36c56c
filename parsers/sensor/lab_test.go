package sensor

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/parsers"
)

var (
	pbx   = netip.MustParseAddr("192.0.2.10")
	phone = netip.MustParseAddrPort("198.51.100.7:5062")
	other = netip.MustParseAddrPort("203.0.113.9:40000")
	seven = time.Date(2026, 3, 5, 7, 0, 0, 0, time.UTC)
)

// lab is a Sensor, a clock, and all events that were sent.
type lab struct {
	t      *testing.T
	s      *Sensor
	now    time.Time
	events []string // signals and offences, in the order they came
	points map[netip.Addr]parsers.Points
	tcp    bool
	port   uint16
	last   request
	n      int
	quiet  bool // do not keep the texts of events
	once   map[string]time.Time
}

// request is what the answer to it repeats.
type request struct {
	from                       netip.AddrPort
	method, user, target, call string
	cseq                       int
	branch, tag, totag         string
	ours                       bool
}

func newLab(t *testing.T, opts Options) *lab {
	return &lab{t: t, s: New(opts), now: seven, points: map[netip.Addr]parsers.Points{}, port: 5060, once: map[string]time.Time{}}
}

func (l *lab) emit(e *parsers.Event) {
	if e.Addr == pbx || !e.Addr.IsValid() || e.Channel != parsers.ChannelWire || e.Rule == "" || e.Line.Empty() || e.Time.IsZero() {
		l.t.Errorf("got a strange event %+v", e)
	}
	if e.Result == parsers.Offence {
		if e.Points <= 0 || e.Kind == parsers.KindNone || e.Kind >= parsers.Success {
			l.t.Errorf("got an offence of kind %v worth %v", e.Kind, e.Points)
		}
		key := fmt.Sprint(e.Addr, e.Kind, e.Account) // as jails count what proves nothing new
		last, twice := l.once[key]
		if !e.Once || !twice || e.Time.Sub(last) > 10*time.Minute {
			l.points[e.Addr] += e.Points
			if e.Once {
				l.once[key] = e.Time
			}
		}
	}
	if !l.quiet {
		once := ""
		if e.Once {
			once = " once"
		}
		l.events = append(l.events, fmt.Sprintf("%v %v %v %v %v%s", e.Result, e.Kind, e.Service, e.Evidence, e.Account, once))
	}
}

// packet gives the sensor what one side sent.
func (l *lab) packet(remote netip.AddrPort, out bool, text string) {
	p := Packet{Time: l.now, TCP: l.tcp, Src: remote, Dst: netip.AddrPortFrom(pbx, l.port), Out: out, Data: []byte(text)}
	if out {
		p.Src, p.Dst = p.Dst, p.Src
	}
	l.s.Packet(&p, l.emit)
	l.now = l.now.Add(time.Millisecond)
}

func (l *lab) after(d time.Duration) {
	l.now = l.now.Add(d)
	l.s.Tick(l.now, l.emit)
}

func lines(list ...string) string { return strings.Join(list, "\r\n") + "\r\n\r\n" }

// ask sends a request of theirs; what begins with a colon in more is no header.
func (l *lab) ask(from netip.AddrPort, method, user, target string, more ...string) {
	l.n++
	l.last = request{from: from, method: method, user: user, target: target, call: fmt.Sprint("call", l.n), cseq: 1, branch: fmt.Sprint("z9hG4bK", l.n), tag: fmt.Sprint("t", l.n)}
	l.again(more...)
}

// again sends the last request once more, as another transaction of the same call.
func (l *lab) again(more ...string) {
	l.n++
	r := &l.last
	r.branch, r.cseq = fmt.Sprint("z9hG4bK", l.n), r.cseq+1
	l.packet(r.from, r.ours, r.text(more...))
}

func (r *request) text(more ...string) string {
	to := ""
	if r.totag != "" {
		to = ";tag=" + r.totag
	}
	uri := "sip:pbx.example"
	if r.target != "" {
		uri = "sip:" + r.target + "@pbx.example"
	}
	who := r.target
	if r.method == "REGISTER" {
		who, uri = r.user, "sip:pbx.example"
	}
	head := []string{
		r.method + " " + uri + " SIP/2.0", "Via: SIP/2.0/UDP " + r.from.String() + ";rport;branch=" + r.branch,
		"From: <sip:" + r.user + "@pbx.example>;tag=" + r.tag, "To: <sip:" + who + "@pbx.example>" + to,
		"Call-ID: " + r.call, fmt.Sprintf("CSeq: %d %s", r.cseq, r.method), "User-Agent: Phone 1",
	}
	return lines(append(head, more...)...)
}

// answer answers the last request, as PJSIP does; sipAnswer as chan_sip does.
func (l *lab) answer(status int, more ...string) { l.answerTag(status, "5f3c-8a", more...) }

func (l *lab) sipAnswer(status int, more ...string) { l.answerTag(status, "as0a1b2c3d", more...) }

func (l *lab) answerTag(status int, tag string, more ...string) {
	r := &l.last
	if status == 100 {
		tag = ""
	} else {
		tag = ";tag=" + tag
	}
	head := []string{
		fmt.Sprintf("SIP/2.0 %d x", status), "Via: SIP/2.0/UDP " + r.from.String() + ";branch=" + r.branch + ";received=" + r.from.Addr().String(),
		"From: <sip:" + r.user + "@pbx.example>;tag=" + r.tag, "To: <sip:" + r.user + "@pbx.example>" + tag,
		"Call-ID: " + r.call, fmt.Sprintf("CSeq: %d %s", r.cseq, r.method), "Server: PBX",
	}
	l.packet(r.from, !r.ours, lines(append(head, more...)...))
}

func challenge(nonce string) string {
	return `WWW-Authenticate: Digest realm="asterisk",nonce="` + nonce + `",algorithm=MD5`
}

func credentials(user, nonce, response string) string {
	return `Authorization: Digest username="` + user + `",realm="asterisk",nonce="` + nonce + `",response="` + response + `"`
}

// login plays what a phone does each time it registers.
func (l *lab) login(from netip.AddrPort, user string) {
	l.n++
	nonce := fmt.Sprint("nonce", l.n)
	l.ask(from, "REGISTER", user, "")
	l.answer(401, challenge(nonce))
	l.again(credentials(user, nonce, fmt.Sprint("right", l.n)))
	l.answer(200)
}

// want compares the offences and log-ins that were sent, and forgets them.
func (l *lab) want(name string, want ...string) {
	l.t.Helper()
	var got []string
	for _, e := range l.events {
		if !strings.HasPrefix(e, "signal challenge") {
			got = append(got, e)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		l.t.Errorf("%s: got\n\t%s\nwant\n\t%s", name, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	l.events = nil
}

func netipPBX(port uint16) netip.AddrPort { return netip.AddrPortFrom(pbx, port) }
