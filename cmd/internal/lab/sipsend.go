package lab

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// retransmit is how long a sender waits for an answer before it sends a UDP
// request again (RFC 3261, 17.1.1.1: T1).
const retransmit = 500 * time.Millisecond

// Sender is one socket of an address of the world that speaks SIP with the PBX.
// It serves one goroutine.
type Sender struct {
	// Patience is how long an answer is waited for.
	Patience time.Duration

	conn     net.Conn
	stream   *bufio.Reader // of TCP; nil: UDP
	own, pbx netip.AddrPort
}

// Dial connects an address of the world with a port of the PBX, over "tcp" or
// "udp". A TCP connection that the PBX does not answer takes a second.
func (n *Net) Dial(ctx context.Context, network string, from netip.Addr, port uint16) (conn net.Conn, err error) {
	if network == "udp" {
		return n.dial(from, port)
	}
	dialer, to := freebind(from, port)
	dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	dialer.Timeout = time.Second
	err = n.World.Apart(func() error {
		conn, err = dialer.DialContext(ctx, network, to)
		return err
	})
	return conn, err
}

// NewSender makes a Sender with a patience of two seconds. The caller must Close
// it.
func (n *Net) NewSender(ctx context.Context, network string, from netip.Addr, port uint16) (*Sender, error) {
	conn, err := n.Dial(ctx, network, from, port)
	if err != nil {
		return nil, err
	}
	s := &Sender{Patience: 2 * time.Second, conn: conn}
	s.own, s.pbx = netip.MustParseAddrPort(conn.LocalAddr().String()), netip.MustParseAddrPort(conn.RemoteAddr().String())
	if network == "tcp" {
		s.stream = bufio.NewReader(conn)
	}
	return s, nil
}

// Close closes the socket.
func (s *Sender) Close() error { return s.conn.Close() }

// Request is a SIP request. Every field goes into the packet as it is, so that a
// sender can lie in each.
type Request struct {
	Method, URI, Via, From, To, CallID, CSeq, Contact, Agent string
	Authorization                                            string   // none: no such header
	More                                                     []string // further header lines
	Body, Type                                               string
	Without                                                  string // the name of a header that is left out
}

// URI is the address of a user of the PBX.
func (s *Sender) URI(user string) string { return "sip:" + user + "@" + s.host() }

func (s *Sender) host() string {
	if s.pbx.Addr().Is6() {
		return "[" + s.pbx.Addr().String() + "]"
	}
	return s.pbx.Addr().String()
}

// Request fills a request in as an honest phone of that user would. A REGISTER is
// for the user, any other for callee.
func (s *Sender) Request(method, user, callee string) *Request {
	transport := "UDP"
	if s.stream != nil {
		transport = "TCP"
	}
	r := &Request{
		Method: method, URI: s.URI(callee),
		Via:     fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bK%s;rport", transport, s.own, rand.Text()),
		From:    fmt.Sprintf("<%s>;tag=%.8s", s.URI(user), rand.Text()),
		To:      fmt.Sprintf("<%s>", s.URI(callee)),
		CallID:  rand.Text(),
		CSeq:    "1 " + method,
		Contact: fmt.Sprintf("<sip:%s@%s>", user, s.own),
		Agent:   "pbxlab",
	}
	switch method {
	case "REGISTER":
		r.URI, r.To = "sip:"+s.host(), fmt.Sprintf("<%s>", s.URI(user))
		r.More = []string{"Expires: 120"}
	case "INVITE":
		family := "IP4"
		if s.own.Addr().Is6() {
			family = "IP6"
		}
		r.Type = "application/sdp"
		r.Body = fmt.Sprintf("v=0\r\no=- 1 1 IN %[1]s %[2]s\r\ns=-\r\nc=IN %[1]s %[2]s\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n", family, s.own.Addr())
	}
	return r
}

func (r *Request) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", r.Method, r.URI)
	for _, h := range [][2]string{
		{"Via", r.Via}, {"Max-Forwards", "70"}, {"From", r.From}, {"To", r.To}, {"Call-ID", r.CallID}, {"CSeq", r.CSeq},
		{"Contact", r.Contact}, {"User-Agent", r.Agent}, {"Authorization", r.Authorization}, {"Content-Type", r.Type},
	} {
		if h[1] != "" && h[0] != r.Without {
			fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
		}
	}
	for _, line := range r.More {
		fmt.Fprintf(&b, "%s\r\n", line)
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(r.Body), r.Body)
	return b.Bytes()
}

// Response is the final answer to a request. Status 0: there was none.
type Response struct {
	Status int
	text   string
}

func (r Response) header(name string) string {
	for line := range strings.Lines(r.text) {
		key, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// answers reports whether a response is the one to a request. The kernel gives the port of
// a closed socket to the next one, and a late answer with it: CSeq alone is not enough.
func (r Response) answers(to *Request) bool {
	lies := to.Without == "Call-ID" || strings.ContainsAny(to.CallID, "\r\n")
	return r.header("CSeq") == to.CSeq && (lies || r.header("Call-ID") == strings.TrimSpace(to.CallID))
}

// Do sends a request and waits for its final answer. Silence is no error.
func (s *Sender) Do(r *Request) (Response, error) {
	text := r.text()
	end := time.Now().Add(s.Patience)
	for {
		if _, err := s.conn.Write(text); err != nil && !errors.Is(err, unix.ECONNREFUSED) {
			return Response{}, fmt.Errorf("send %s: %w", r.Method, err)
		}
		deadline := end
		if again := time.Now().Add(retransmit); s.stream == nil && again.Before(end) {
			deadline = again
		}
		response, err := s.final(r, deadline)
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return response, err
		}
		if !time.Now().Before(end) {
			return Response{}, nil
		}
	}
}

// Ack acknowledges the final answer to an INVITE, so that the PBX ends the call at once.
func (s *Sender) Ack(r *Request, answer Response) error {
	ack := *r
	ack.Method, ack.To, ack.Body, ack.Type = "ACK", answer.header("To"), "", ""
	ack.CSeq = strings.Replace(r.CSeq, r.Method, "ACK", 1)
	_, err := s.conn.Write(ack.text())
	return err
}

// final reads until the final answer to a request. What else comes is not ours to
// answer.
func (s *Sender) final(r *Request, deadline time.Time) (Response, error) {
	s.conn.SetReadDeadline(deadline)
	for {
		text, err := s.read()
		if errors.Is(err, unix.ECONNREFUSED) { // the ICMP answer to an earlier packet
			continue
		}
		if err != nil {
			return Response{}, err
		}
		line, isResponse := strings.CutPrefix(text, "SIP/2.0 ")
		if !isResponse || len(line) < 3 {
			continue
		}
		status, err := strconv.Atoi(line[:3])
		if got := (Response{status, text}); err == nil && status >= 200 && got.answers(r) {
			return got, nil
		}
	}
}

// read returns one message.
func (s *Sender) read() (string, error) {
	if s.stream == nil {
		packet := make([]byte, 64<<10)
		n, err := s.conn.Read(packet)
		return string(packet[:n]), err
	}
	var head strings.Builder
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		line, err := s.stream.ReadString('\n')
		if err != nil || head.Len() > 64<<10 {
			return "", errors.Join(err, io.ErrUnexpectedEOF)
		}
		head.WriteString(line)
	}
	length, _ := strconv.Atoi(Response{text: head.String()}.header("Content-Length"))
	body := make([]byte, min(max(length, 0), 64<<10))
	_, err := io.ReadFull(s.stream, body)
	return head.String() + string(body), err
}
