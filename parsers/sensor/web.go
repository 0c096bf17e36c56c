package sensor

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"

	"pbxjail/parsers"
	"pbxjail/parsers/sip"
	"pbxjail/parsers/web"
)

// webState is what is known of an HTTP connection.
//
// A client can write requests that Asterisk reads and we do not. So our answers count: one that
// refuses a password is charged, whether its request was read or not.
type webState struct {
	asked  []webRequest // those that have no answer yet, in order
	chunks bool         // a body in chunks comes in
	blind  bool         // their requests are not read any more: it is not certain where one begins
	lost   bool         // bytes were missing, so an answer may be taken for that of another request
	body   int          // bytes of the last answer's body, which an answer to HEAD may have or not
}

// maxAsked is how many of them there may be.
const maxAsked = 4

type webRequest struct {
	unread  bool // it could not be read
	creds   bool // the request carried a user and a password
	login   bool // it asks the manager for a log-in: the answer is in the body
	socket  bool // it asks for a WebSocket
	isSIP   bool // for SIP
	manager bool // the path is one of the manager's
	asks    bool // that page needs a password
	at      int64
	account words
	path    words
	agent   words
	verb    string
	head    bool // its answer has no body
}

// web reads one request or answer.
func (s *Sensor) web(f *flow, c *conn, b []byte) (n int, wait bool) {
	switch {
	case f.out:
		return s.webAnswer(f, c, b)
	case c.web.blind:
		return len(b), false
	case c.web.chunks:
		n, last, ok := web.ReadChunk(b)
		if !ok {
			s.blind(c)
			return len(b), false
		}
		c.web.chunks = !last
		return n, n == 0
	}
	var r web.Request
	n, ok := web.ReadRequest(b, &r)
	switch {
	case !ok && tlsHello(b):
		s.conns.close(c)
		return len(b), false
	case c.in.behind && (!ok || n == 0 && bytes.IndexByte(b, '\n') < 0): // the next packet may begin a request
		return len(b), false
	case !ok:
		s.accuse(f, "wire http malformed", "the sender sent text that is not HTTP")
		s.blind(c)
		return len(b), false
	case n == 0:
		return 0, true
	}
	body := b[n:min(len(b), n+r.Length)]
	if isManager(r.Path) && len(body) < min(r.Length, bodyPeek) {
		return 0, true
	}
	c.in.behind = false
	if len(c.web.asked) == maxAsked {
		s.accuse(f, "wire http malformed", "the sender sends requests without waiting for answers")
		s.blind(c)
		return len(b), false
	}
	c.web.asked = append(c.web.asked, s.asked(f, &r, body))
	if r.Odd {
		s.blind(c)
		return len(b), false
	}
	c.web.chunks = r.Chunked
	return n + r.Length, false
}

// blind gives up reading the requests of a connection. Its answers are still read.
func (s *Sensor) blind(c *conn) {
	c.web.blind, c.web.chunks = true, false
	s.conns.held -= len(c.in.buf)
	c.in.buf, c.in.skip = nil, 0
}

// asked notes a request. The manager takes its parameters from the query or the body.
func (s *Sensor) asked(f *flow, r *web.Request, body []byte) webRequest {
	w := webRequest{at: f.time.UnixNano(), verb: "GET", head: bytes.EqualFold(r.Method, []byte("HEAD"))}
	if !bytes.EqualFold(r.Method, []byte("GET")) {
		w.verb = "HTTP request"
	}
	w.path.set(r.Path)
	w.agent.set(r.Agent)
	w.socket, w.isSIP = r.WebSocket, bytes.Contains(bytes.ToLower(r.Protocol), []byte("sip"))
	w.manager, w.asks = isManager(r.Path), asksPassword(r.Path)
	if r.Credentials != nil {
		w.creds = true
		user, _ := userOf(r.Credentials)
		w.account.set(user)
	} else if key := web.Parameter(r.Query, "api_key"); key != nil {
		user, _, _ := bytes.Cut(key, []byte(":"))
		w.creds = true
		w.account.set(user)
	}
	for _, query := range [...][]byte{r.Query, body} {
		if w.manager && web.Says(web.Parameter(query, "action"), "login") {
			w.login = true
			w.account.set(web.Decoded(web.Parameter(query, "username")))
		}
	}
	return w
}

// isManager knows the manager's pages (asterisk:main/manager.c, rawmanuri and others).
// Asterisk takes their names in either case (asterisk:main/http.c, handle_uri).
func isManager(path []byte) bool {
	last := path[bytes.LastIndexByte(path, '/')+1:]
	for _, name := range [...]string{"rawman", "manager", "mxml", "arawman", "amanager", "amxml"} {
		if bytes.EqualFold(last, []byte(name)) {
			return true
		}
	}
	return false
}

// userOf reads the user of an Authorization header, Basic or Digest.
func userOf(b []byte) (user []byte, ok bool) {
	scheme, rest, _ := bytes.Cut(b, []byte(" "))
	switch {
	case bytes.EqualFold(scheme, []byte("Basic")):
		text := make([]byte, base64.StdEncoding.DecodedLen(len(rest)))
		n, _ := base64.StdEncoding.Decode(text, bytes.TrimSpace(rest))
		user, _, _ = bytes.Cut(text[:n], []byte(":"))
		return user, true
	case bytes.EqualFold(scheme, []byte("Digest")):
		sip.EachParam(b, func(name, value []byte) {
			if bytes.EqualFold(name, []byte("username")) {
				user = value
			}
		})
		return user, true
	}
	return nil, false
}

// webAnswer reads one answer of ours.
func (s *Sensor) webAnswer(f *flow, c *conn, b []byte) (n int, wait bool) {
	if c.web.body > 0 || c.out.behind {
		const begins = "HTTP/"
		switch n := min(len(b), len(begins)); {
		case string(b[:n]) != begins[:n] && c.out.behind:
			return len(b), false
		case string(b[:n]) != begins[:n]:
			n, c.web.body = c.web.body, 0
			return n, false
		case n < len(begins):
			return 0, true
		}
		c.web.body, c.out.behind = 0, false
	}
	var r web.Response
	n, ok := web.ReadResponse(b, &r)
	switch {
	case !ok:
		c.out.behind = true
		return len(b), false
	case n == 0:
		return 0, true
	case r.Status == 100:
		return n, false
	}
	w := webRequest{unread: true, verb: "HTTP request", at: f.time.UnixNano()}
	if len(c.web.asked) > 0 {
		w = c.web.asked[0]
	}
	if r.Status == 200 && w.head && w.login {
		s.headLogin(f, &w)
	} else if r.Status == 200 && !w.asks && !w.head {
		body := b[n:]
		if len(body) < bodyPeek && (len(body) < r.Length || r.Length < 0 && len(body) == 0) {
			return 0, true
		}
		s.opened(f, &w, body[:min(len(body), bodyPeek)])
	} else {
		s.webStatus(f, c, &w, &r)
	}
	if len(c.web.asked) > 0 {
		c.web.asked = slices.Delete(c.web.asked, 0, 1)
	}
	switch {
	case r.Status == 101 && (r.SIP || w.socket && w.isSIP):
		c.socket = true
		return n, false
	case r.Status == 101:
		s.conns.close(c)
		return len(b), false
	case w.head || w.unread: // asterisk:main/http.c, ast_http_send: to HEAD, only refusals have a body
		c.web.body = max(r.Length, 0)
		return n, false
	case r.Chunked, r.Length < 0:
		c.out.behind = true
		return len(b), false
	}
	return n + r.Length, false
}

// bodyPeek is how much of the manager's answer is looked at, and longReason how long
// a reason for a refusal never is: text that a client wants repeated (ActionID) comes before
// our words, and can push them out of sight.
const (
	bodyPeek   = 2048
	longReason = 512
)

func webTx(f *flow, w *webRequest, status int) tx {
	return tx{remote: f.remote, local: f.local, tcp: true, port: f.port, word: w.verb, account: w.account, number: w.path, agent: w.agent, at: w.at, creds: w.creds || w.login, status: uint16(status)}
}

// opened weighs a page. The manager answers to a log-in with 200, whatever comes of it,
// and its words repeat what the client wrote (ActionID): they can convict, and not
// acquit. The client's parameters can be written in many ways, its words only in one.
func (s *Sensor) opened(f *flow, w *webRequest, body []byte) {
	x := webTx(f, w, 200)
	p := s.peers.take(f.remote.Addr(), f.time.Unix())
	refused := w.login && !bytes.Contains(body, []byte("Authentication accepted")) || bytes.Contains(body, []byte("Authentication failed"))
	for _, word := range [...]string{"Response: Error", "response='Error'", `response="Error"`, "Response</td><td>Error"} {
		at := bytes.Index(body, []byte(word))
		refused = refused || at >= 0 && (w.login || w.manager && len(body)-at > longReason)
	}
	switch {
	case refused:
		s.offendOn(f, &x, p, parsers.AMI, verdict{parsers.BadPassword, parsers.Point, always, "wire http bad password", "the manager refused the log-in"})
	case w.login:
		s.signal(f, &x, parsers.Success, nil, "wire http log-in", "the manager accepted the log-in")
	}
	s.tell(&x, f.time, "200")
}

// headLogin charges a log-in of which only the head of our answer was wanted: the length
// in it tells a program whether the password is right, and no person asks so.
func (s *Sensor) headLogin(f *flow, w *webRequest) {
	x := webTx(f, w, 200)
	s.offendOn(f, &x, s.peers.take(f.remote.Addr(), f.time.Unix()), parsers.AMI,
		verdict{parsers.BadPassword, parsers.Point, always, "wire http bad password", "the sender asked the manager for a log-in with HEAD"})
	s.tell(&x, f.time, "200")
}

// asksPassword reports whether a page needs a password: all of
// ARI, and the manager's pages with digest (asterisk:res/res_ari.c, main/manager.c).
func asksPassword(path []byte) bool {
	for _, start := range [...]string{"/ari/", "/asterisk/ari/"} {
		if len(path) >= len(start) && bytes.EqualFold(path[:len(start)], []byte(start)) {
			return true
		}
	}
	switch strings.ToLower(string(path[bytes.LastIndexByte(path, '/')+1:])) {
	case "arawman", "amanager", "amxml":
		return true
	}
	return false
}

// webStatus weighs a status.
func (s *Sensor) webStatus(f *flow, c *conn, w *webRequest, r *web.Response) {
	code := r.Status
	x := webTx(f, w, code)
	p := s.peers.take(f.remote.Addr(), f.time.Unix())
	service := parsers.HTTP
	if w.manager {
		service = parsers.AMI
	}
	switch {
	case w.unread:
		if code == 401 && (c.start || c.web.blind) {
			s.offendOn(f, &x, p, service, verdict{parsers.BadPassword, parsers.Point, always, "wire http bad password", "Asterisk refused the request, and the sensor cannot read it"})
		}
	case w.creds && (code == 401 || code == 403):
		s.offendOn(f, &x, p, service, verdict{parsers.BadPassword, parsers.Point, always, "wire http bad password", "the password was wrong"})
	case w.creds && w.asks && !c.web.lost && (code < 300 || r.JSON && (code == 404 || code == 409 || code == 422)):
		x.verified = true // a 404 that is not JSON says that there is no ARI at that path, whatever the password

		p.login = uint32(f.time.Unix())
		s.signal(f, &x, parsers.Success, nil, "wire http log-in", "the account logged in with a password")
	case code == 401 || code == 403 || code == 404 || code == 405 || code == 426 || code == 501: // a browser asks once, and then with a password
		s.offendOn(f, &x, p, service, verdict{parsers.Scan, parsers.Point, again | target | strangers, "wire http scan", "the sender asked for a path that does not exist or is forbidden"})
	case code == 400:
		s.offendOn(f, &x, p, service, verdict{parsers.Malformed, parsers.Point, strangers, "wire http malformed", "Asterisk could not read the request"})
	}
	s.tell(&x, f.time, status(uint16(code)))
}

// offendOn is offend for a service that is not the port's.
func (s *Sensor) offendOn(f *flow, x *tx, p *peer, service parsers.Service, v verdict) {
	as := *f.port
	as.service = service
	x.port = &as
	s.offend(f, x, p, v)
	x.port = f.port
}

// socketFrame reads one WebSocket frame, and the SIP message in it (RFC 7118).
func (s *Sensor) socketFrame(f *flow, c *conn, h *half, b []byte) (n int, wait bool) {
	payload, last, n := web.Unframe(b, maxHeld, &s.unmasked)
	if n == 0 {
		return 0, true
	}
	if n < 0 || len(h.parts)+len(payload) > maxHeld || s.conns.held+len(payload) > maxAllHeld {
		s.conns.evicted++
		s.conns.lastEvicted = f.time.Unix()
		s.conns.close(c)
		return len(b), false
	}
	switch {
	case len(payload) == 0: // a control frame
		return n, false
	case !last || len(h.parts) > 0:
		h.parts = append(h.parts, payload...)
		s.conns.held += len(payload)
		payload = h.parts
	}
	if last {
		as := *f
		as.port = s.socketPort
		s.datagram(&as, payload)
		s.conns.held -= len(h.parts)
		h.parts = nil
	}
	return n, false
}
