package sensor

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pbxjail/parsers"
)

// dial begins a TCP connection to a port.
func (l *lab) dial(from netip.AddrPort, port uint16) {
	l.tcp, l.port = true, port
	l.s.Packet(&Packet{Time: l.now, TCP: true, Src: from, Dst: netipPBX(port), Start: true}, l.emit)
}

func (l *lab) hangUp(from netip.AddrPort) {
	l.s.Packet(&Packet{Time: l.now, TCP: true, Src: from, Dst: netipPBX(l.port), End: true}, l.emit)
	l.s.Packet(&Packet{Time: l.now, TCP: true, Src: netipPBX(l.port), Dst: from, Out: true, End: true}, l.emit)
}

// TestStreams: SIP over TCP, in pieces of every size.
func TestStreams(t *testing.T) {
	r := request{from: other, method: "REGISTER", user: "1001", call: "c", cseq: 1, branch: "z9hG4bK1", tag: "t"}
	answered := r
	answered.branch, answered.cseq = "z9hG4bK2", 2
	theirs := "\r\n\r\n" + r.text("Content-Length: 5") + "hello" + answered.text(credentials("1001", "n1", "a"), "Content-Length: 0")
	for size := 1; size < 600; size += 13 {
		l := newLab(t, Options{})
		l.dial(other, 5060)
		send := func(text string) {
			for len(text) > 0 {
				n := min(size, len(text))
				l.packet(other, false, text[:n])
				text = text[n:]
			}
		}
		cut := strings.Index(theirs, "hello") + 5
		send(theirs[:cut])
		l.last = r
		l.answer(401, challenge("n1"), "Content-Length: 0")
		send(theirs[cut:])
		l.last = answered
		l.answer(401, challenge("n2"), "Content-Length: 0")
		l.want(fmt.Sprint("pieces of ", size), "offence bad-password pjsip proven 1001")
		l.hangUp(other)
		if len(l.s.conns.index) > 0 || l.s.conns.held != 0 {
			t.Errorf("got %d connections and %d bytes left", len(l.s.conns.index), l.s.conns.held)
		}
	}
}

func TestLostBytes(t *testing.T) {
	l := newLab(t, Options{})
	l.dial(other, 5060)
	r := request{from: other, method: "REGISTER", user: "1001", call: "c", cseq: 1, branch: "z9hG4bK1", tag: "t"}
	text := r.text("Content-Length: 0")
	l.packet(other, false, text[:100])
	p := Packet{Time: l.now, TCP: true, Src: other, Dst: netipPBX(5060), Data: []byte(text[150:]), Lost: true}
	l.s.Packet(&p, l.emit)
	l.want("the rest of a message without its beginning")
	l.packet(other, false, text)
	l.last = r
	l.answer(403, "Content-Length: 0")
	l.want("the next one", "offence unknown-account pjsip proven 1001 once")
}

func TestGarbageOnTCP(t *testing.T) {
	for text, want := range map[string]int{
		"GET / HTTP/1.1\r\n\r\n": 1, "\x16\x03\x01\x02\x00\x01\n": 0, strings.Repeat("\x80\x81", 50) + "\n": 1, "\r\n\r\n": 0,
	} {
		l := newLab(t, Options{})
		l.dial(other, 5060)
		l.packet(other, false, text)
		if got := len(l.events); got != want {
			t.Errorf("%q: got %v, want %d", text, l.events, want)
		}
	}
	l := newLab(t, Options{})
	l.tcp = true // joined in the middle: nothing can be said of half a message
	l.packet(other, false, "the end of a body\r\nmore\r\n\r\n")
	l.want("a connection that was there before")
	l.after(3 * time.Minute)
	l.port = 8088
	l.packet(other, false, "\x81\xfe masked frames of a socket that is there for days")
	if l.s.Complete(other.Addr(), parsers.PJSIP, l.now) {
		t.Error("that could not be read")
	}
	l.after(3 * time.Minute)
	l.tcp, l.port = false, 5060
	l.login(other, "1001")
	if !l.s.Complete(other.Addr(), parsers.PJSIP, l.now) {
		t.Error("this could")
	}
}

func TestManager(t *testing.T) {
	greet, refuse := "Asterisk Call Manager/9.0.0\r\n", lines("Response: Error", "Message: Authentication failed")
	for name, c := range map[string]struct {
		talk []string // theirs, ours, theirs ...
		want []string
	}{
		"wrong password": {[]string{"", greet, lines("Action: Login", "Username: admin", "Secret: x"), refuse}, []string{"offence bad-password ami proven admin"}},
		"right password": {[]string{"", greet, lines("Action: Login", "Username: admin", "Secret: x"), lines("Response: Success", "Message: Authentication accepted")}, []string{"signal success ami proven admin"}},
		"challenge": {[]string{"", greet, lines("Action: Challenge", "AuthType: MD5"), lines("Response: Success", "Challenge: 12345"),
			lines("Action: Login", "AuthType: MD5", "Username: admin", "Key: abc"), refuse}, []string{"offence bad-password ami proven admin"}},
		"all at once": {[]string{lines("Action: Challenge", "AuthType: MD5") + lines("Action: Login", "AuthType: MD5", "Username: admin", "Key: abc"), greet + lines("Response: Success", "Challenge: 12345") + refuse},
			[]string{"offence bad-password ami proven admin"}},
		"events between": {[]string{"", greet, lines("Action: Login", "Username: admin", "Secret: x"), lines("Event: Odd", "Response: Success") + refuse}, []string{"offence bad-password ami proven admin"}},
		"http":           {[]string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", greet}, []string{"offence malformed ami proven "}},
		"nothing":        {[]string{"", greet}, nil},
		"blank lines":    {[]string{"", greet, "\r\n" + lines("Action: Login", "Username: admin", "Secret: x") + "\r\n", lines("Response: Error", "Message: Missing action in request") + refuse}, []string{"offence bad-password ami proven admin"}},
		"two actions":    {[]string{"", greet, lines("Action: Login", "Action: Ping", "Username: admin", "Secret: x"), refuse}, []string{"offence bad-password ami proven admin"}},
		"many lines":     {[]string{"", greet, strings.Repeat("X: y\r\n", 100) + lines("Action: Login", "Username: admin", "Secret: x"), refuse}, []string{"offence bad-password ami proven admin"}},
		"not understood": {[]string{"", greet, lines("A: b") + "\r\r\n" + strings.Repeat("X: y\r\n", 200) + lines("Action: Login", "Secret: x"), refuse}, []string{"offence bad-password ami proven "}},
		"refused ping":   {[]string{"", greet, lines("Action: Ping"), lines("Response: Error", "Message: Permission denied")}, nil},
		"challenge only": {[]string{"", greet, lines("Action: Login", "Username: admin", "AuthType: MD5"), lines("Response: Success", "Challenge: 7")}, nil},
		"split":          {[]string{"Action: Lo", "", "gin\r\nUsername: admin\r\nSecret: x\r\n", "", "\r\n", greet + refuse}, []string{"offence bad-password ami proven admin"}},
		"bare line ends": {[]string{"", greet, "Action: login\nUsername: admin\nSecret: x\n\n", refuse}, []string{"offence bad-password ami proven admin"}},
	} {
		l := newLab(t, Options{})
		l.dial(other, 5038)
		for i, text := range c.talk {
			l.packet(other, i%2 == 1, text)
		}
		l.want(name, c.want...)
	}
}

func TestWeb(t *testing.T) {
	reply := func(status int, body string) string {
		return fmt.Sprintf("HTTP/1.1 %d x\r\nServer: Asterisk\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
	}
	get := func(path string, more ...string) string {
		return lines(append([]string{"GET " + path + " HTTP/1.1", "Host: x"}, more...)...)
	}
	basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("admin:secret"))
	for name, c := range map[string]struct {
		talk []string
		want []string
	}{
		"nothing there":           {[]string{get("/.env"), reply(404, "no")}, []string{"offence scan http proven /.env once"}},
		"no password yet":         {[]string{get("/ari/channels"), reply(401, "")}, []string{"offence scan http proven /ari/channels once"}},
		"wrong password":          {[]string{get("/ari/channels", basic), reply(401, "")}, []string{"offence bad-password http proven admin"}},
		"right password":          {[]string{get("/ari/channels", basic), reply(200, "[]")}, []string{"signal success http proven admin"}},
		"no such channel":         {[]string{get("/ari/channels", basic) + get("/ari/channels/7"), reply(200, "[]") + reply(404, "")}, []string{"signal success http proven admin"}},
		"api key":                 {[]string{get("/ari/channels?api_key=joe:x"), reply(401, "")}, []string{"offence bad-password http proven joe"}},
		"digest":                  {[]string{get("/arawman?action=ping", `Authorization: Digest username="joe", realm="x", nonce="1", response="2"`), reply(401, "")}, []string{"offence bad-password ami proven joe"}},
		"manager refuses":         {[]string{get("/rawman?action=login&username=joe&secret=x"), reply(200, "Response: Error\r\nMessage: Authentication failed\r\n\r\n")}, []string{"offence bad-password ami proven joe"}},
		"manager lets in":         {[]string{get("/rawman?action=login&username=joe&secret=x"), reply(200, "Response: Success\r\nMessage: Authentication accepted\r\n\r\n")}, []string{"signal success http proven joe"}},
		"a page for everybody":    {[]string{get("/httpstatus", basic), reply(200, "ok")}, nil},
		"no page":                 {[]string{get("/static/x", basic), reply(404, "")}, []string{"offence scan http proven /static/x once"}},
		"manager, echoed":         {[]string{get("/rawman?action=login&username=joe&ActionID=Authentication+accepted"), reply(200, "Response: Error\r\nActionID: Authentication accepted\r\nMessage: Authentication failed\r\n\r\n")}, []string{"offence bad-password ami proven joe"}},
		"another action":          {[]string{get("/rawman?action=login&action=challenge"), reply(200, "Response: Success\r\nChallenge: 7\r\n\r\n")}, []string{"offence bad-password ami proven "}},
		"manager, coded":          {[]string{get("/rawman?%61ction=+%6cogin&user%6Eame=j%6fe"), reply(200, "Response: Error\r\nMessage: Authentication failed\r\n\r\n")}, []string{"offence bad-password ami proven joe"}},
		"manager, answer hidden":  {[]string{get("/RAWMAN?action%00=login&ActionID=AA"), reply(200, "Response: Error\r\nActionID: "+strings.Repeat("A", 3000)+"\r\nMessage: Authentication failed\r\n\r\n")}, []string{"offence bad-password ami proven "}},
		"manager, long page":      {[]string{get("/manager?action=ping"), reply(200, strings.Repeat("<p>", 400)+"Response</td><td>Error</td></tr><tr><td>Message</td><td>Permission denied")}, nil},
		"manager, only the head":  {[]string{"HEAD /mxml?action=login&username=joe HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 51\r\n\r\n"}, []string{"offence bad-password ami proven joe"}},
		"manager, head of a page": {[]string{"HEAD /rawman HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 51\r\n\r\n"}, nil},
		"manager, in capitals":    {[]string{get("/RawMan?action=login&username=joe"), reply(200, "Response: Error\r\nActionID: "+strings.Repeat("A", 3000)+"\r\nMessage: Authentication failed\r\n\r\n")}, []string{"offence bad-password ami proven joe"}},
		"manager, in chunks":      {[]string{"POST /rawman HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "", "5\r\nactio\r\n7\r\nn=login\r\n0\r\n\r\n", reply(200, "Response: Error\r\nMessage: Authentication failed\r\n\r\n")}, []string{"offence bad-password ami proven "}},
		"a file":                  {[]string{get("/static/a.txt") + get("/nothing"), reply(200, "text") + reply(404, "")}, []string{"offence scan http proven /nothing once"}},
		"manager, by POST":        {[]string{"POST /rawman HTTP/1.1\r\nContent-Length: 36\r\n\r\naction=login&username=joe&secret=xyz", reply(200, "Response: Error\r\n\r\n")}, []string{"offence bad-password ami proven joe"}},
		"manager, chunked":        {[]string{get("/mxml?action=login&username=joe"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n<response type='object'><generic response='Error' message='Authentication failed'/>"}, []string{"offence bad-password ami proven joe"}},
		"two at once":             {[]string{get("/ari/x", basic) + get("/ari/y"), reply(401, "") + reply(404, "")}, []string{"offence bad-password http proven admin", "offence scan http proven /ari/y once"}},
		"too many at once":        {[]string{strings.Repeat(get("/ari/x", basic), 9), ""}, []string{"offence malformed http proven "}},
		"no http":                 {[]string{"REGISTER sip:x SIP/2.0\r\n\r\n", ""}, []string{"offence malformed http proven "}},
		"head has no body":        {[]string{"HEAD / HTTP/1.1\r\n\r\n" + get("/b"), "HTTP/1.1 404 x\r\nContent-Length: 99\r\n\r\n" + reply(404, "")}, []string{"offence scan http proven / once", "offence scan http proven /b once"}},
	} {
		l := newLab(t, Options{})
		l.dial(other, 8088)
		for i, text := range c.talk {
			l.packet(other, i%2 == 1, text)
		}
		l.want(name, c.want...)
	}
}

// TestUnreadRequests: guesses in requests that Asterisk reads and others may not. Each beginning was
// sent to Asterisk 22.10, and the guesses behind it on the same connection were answered 401.
func TestUnreadRequests(t *testing.T) {
	refused := func(body string) string {
		return fmt.Sprintf("HTTP/1.1 401 x\r\nWWW-Authenticate: Basic\r\nContent-type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	guess := lines("GET /ari/asterisk/info HTTP/1.1", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("admin:secret")))
	const nothing = "HTTP/1.1 404 x\r\nContent-type: text/html\r\nContent-Length: 3\r\n\r\n<p>"
	for name, c := range map[string]struct {
		first, answer string
		guess         string
		unread        bool
	}{
		"a body in chunks":      {"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", nothing, guess, false},
		"chunks that are wrong": {"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n", nothing, guess, true},
		"only the head":         {"HEAD /ari/x HTTP/1.1\r\n\r\n", refused(`{"message":"no"}`), guess, false},
		"the head, small":       {"head /ari/x HTTP/1.1\r\n\r\n", refused(`{"message":"no"}`), guess, false},
		"two lengths":           {"POST /a HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 0\r\n\r\nabc", nothing, guess, true},
		"another encoding":      {"GET /a HTTP/1.1\r\nTransfer-Encoding: identity\r\n\r\n", nothing, guess, true},
		"small letters":         {"get /a http/1.1\r\n\r\n", nothing, strings.Replace(guess, "GET ", "get  ", 1), false},
		"another version":       {"GET /a XYZ\r\n\r\n", nothing, strings.Replace(guess, "HTTP/1.1", "x", 1), true},
		"long headers":          {"GET /a HTTP/1.1\r\n" + strings.Repeat("A: "+strings.Repeat("a", 3900)+"\r\n", 5) + "\r\n", nothing, guess, true},
	} {
		l := newLab(t, Options{})
		l.dial(other, 8088)
		for text := c.first; len(text) > 0; {
			n := min(len(text), 1400)
			l.packet(other, false, text[:n])
			text = text[n:]
		}
		l.packet(other, true, c.answer)
		l.events = nil
		want := "offence bad-password http proven admin"
		if c.unread {
			want = "offence bad-password http proven "
		}
		for range 3 {
			l.packet(other, false, c.guess)
			l.packet(other, true, refused(`{"message":"no"}`))
			l.want(name, want)
		}
	}
}

// TestWebGap: after bytes were missing, the next packet may begin a request. What follows proves no
// log-in.
func TestWebGap(t *testing.T) {
	guess := lines("GET /ari/x HTTP/1.1", "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte("admin:secret")))
	l := newLab(t, Options{})
	l.dial(other, 8088)
	l.s.Packet(&Packet{Time: l.now, TCP: true, Src: other, Dst: netipPBX(8088), Data: []byte("rest of a body"), Lost: true}, l.emit)
	l.packet(other, false, guess)
	l.packet(other, true, "HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n")
	l.want("a guess behind a gap", "offence bad-password http proven admin")
	l.packet(other, false, guess)
	l.packet(other, true, "HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n")
	l.want("a log-in behind a gap")
}

// TestNoForgedWebLogin: a 404 for a path that is not there is given whatever the password is.
func TestNoForgedWebLogin(t *testing.T) {
	basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("admin:wrong"))
	for _, path := range []string{"/asterisk/ari/x", "/ari/x", "/x/arawman"} {
		l := newLab(t, Options{})
		l.dial(other, 8088)
		l.packet(other, false, lines("GET "+path+" HTTP/1.1", basic))
		l.packet(other, true, "HTTP/1.1 404 Not Found\r\nContent-type: text/html\r\nContent-Length: 0\r\n\r\n")
		if got := l.s.LoggedIn(other.Addr(), l.now); got {
			t.Errorf("%s: it counts as logged in", path)
		}
		for _, e := range l.events {
			if strings.HasPrefix(e, "signal success") {
				t.Errorf("%s: got %s", path, e)
			}
		}
	}
}

// TestWebSocketOfAnUnreadRequest: our answer says that SIP follows.
func TestWebSocketOfAnUnreadRequest(t *testing.T) {
	l := newLab(t, Options{})
	l.dial(other, 8088)
	l.packet(other, false, lines("GET /ws X", "Upgrade: websocket", "Sec-WebSocket-Protocol: sip"))
	l.packet(other, true, lines("HTTP/1.1 101 Switching Protocols", "Sec-WebSocket-Protocol: sip"))
	l.events = nil
	r := request{from: other, method: "REGISTER", user: "1001", call: "c", cseq: 1, branch: "z9hG4bK1", tag: "t"}
	text := r.text()
	l.packet(other, false, string([]byte{0x81, 126, byte(len(text) >> 8), byte(len(text))})+text)
	answer := lines("SIP/2.0 403 Forbidden", "Via: SIP/2.0/WS x;branch=z9hG4bK1", "From: <sip:1001@pbx>;tag=t", "To: <sip:1001@pbx>;tag=u", "Call-ID: c", "CSeq: 1 REGISTER")
	l.packet(other, true, string([]byte{0x81, 126, byte(len(answer) >> 8), byte(len(answer))})+answer)
	l.want("a registration", "offence unknown-account pjsip proven 1001 once")
}

// TestWebSocket: SIP within a WebSocket, with and without a mask.
func TestWebSocket(t *testing.T) {
	l := newLab(t, Options{})
	l.dial(other, 8088)
	l.packet(other, false, lines("GET /ws HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Protocol: sip"))
	l.packet(other, true, lines("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket"))
	frame := func(text string, masked bool) string {
		b := []byte{0x81, 126, byte(len(text) >> 8), byte(len(text))}
		data := []byte(text)
		if masked {
			b[1] |= 0x80
			mask := []byte{7, 99, 0, 255}
			b = append(b, mask...)
			for i := range data {
				data[i] ^= mask[i%4]
			}
		}
		return string(append(b, data...))
	}
	r := request{from: other, method: "REGISTER", user: "1001", call: "c", cseq: 1, branch: "z9hG4bK1", tag: "t"}
	text := frame(r.text(), true)
	l.packet(other, false, "\x89\x80abcd"+text[:50]) // a ping in front, and in two pieces
	l.packet(other, false, text[50:])
	answer := lines("SIP/2.0 403 Forbidden", "Via: SIP/2.0/WS x;branch=z9hG4bK1", "From: <sip:1001@pbx>;tag=t", "To: <sip:1001@pbx>;tag=u", "Call-ID: c", "CSeq: 1 REGISTER")
	l.packet(other, true, frame(answer, false))
	l.want("a registration", "offence unknown-account pjsip proven 1001 once")

	r.call, r.branch = "d", "z9hG4bK2" // in two frames
	whole := r.text()
	first, second := frame(whole[:90], true), frame(whole[90:], true)
	l.packet(other, false, "\x01"+first[1:]+"\x80"+second[1:])
	l.packet(other, true, frame(strings.NewReplacer("bK1", "bK2", "Call-ID: c", "Call-ID: d").Replace(answer), false))
	l.want("a message in two frames", "offence unknown-account pjsip proven 1001")
	if l.s.conns.held != 0 {
		t.Errorf("got %d bytes held", l.s.conns.held)
	}
}

func TestTLSIsDark(t *testing.T) {
	l := newLab(t, Options{})
	l.dial(other, 5061)
	l.packet(other, false, "\x16\x03\x01 anything\r\n\r\n")
	l.want("nothing can be read")
	l.after(2 * time.Minute)
	l.dial(phone, 5061)
	l.packet(phone, false, "\x16\x03\x01")
	if l.s.Heard(phone.Addr(), parsers.PJSIP, l.now) != WasHeard {
		t.Error("who sent is known all the same")
	}
	if l.s.Complete(phone.Addr(), parsers.PJSIP, l.now) {
		t.Error("what was sent is not known")
	}
}

// TestHastyTLSVisits: what is said over TLS is dark, but a program shows by its haste.
func TestHastyTLSVisits(t *testing.T) {
	record := func(size int) string {
		return string([]byte{20, 3, 3, 0, 1, 1, 23, 3, 3, byte(size >> 8), byte(size)}) + string(make([]byte, size))
	}
	for name, c := range map[string]struct {
		visits     int
		size       int
		stay, wait time.Duration
		want       bool
	}{
		"a program":                  {6, 500, 20 * time.Millisecond, 0, true},
		"three registrations":        {3, 500, 20 * time.Millisecond, 0, false},
		"phones that stay":           {20, 500, 10 * time.Second, 0, false},
		"a monitor":                  {20, 500, 20 * time.Millisecond, 10 * time.Second, false},
		"no agreement on encryption": {20, 40, 20 * time.Millisecond, 0, false},
	} {
		l := newLab(t, Options{})
		for range c.visits {
			l.dial(other, 5061)
			l.packet(other, false, record(c.size))
			l.packet(other, true, record(c.size))
			l.after(c.stay)
			l.hangUp(other)
			l.after(c.wait)
		}
		if got := l.points[other.Addr()] >= 5*parsers.Point; got != c.want {
			t.Errorf("%s: got %v points", name, l.points[other.Addr()])
		}
	}
}
