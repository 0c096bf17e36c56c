package main

import (
	"context"
	_ "embed"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"pbxjail/cmd/internal/lab"
)

// What is forged is kept with the tests: it is of no other use.
var (
	//go:embed testdata/forgeries.tsv
	forgeries string
	//go:embed testdata/forged-body.txt
	forgedBody string
)

// victims are named in what is forged, and do nothing: two strangers, an honest
// phone, the PBX and its gateway.
var victims = []netip.Addr{
	netip.MustParseAddr("203.0.113.200"), netip.MustParseAddr("203.0.113.201"),
	netip.MustParseAddr("192.0.2.130"), lab.PBX4, netip.MustParseAddr("192.0.2.1"),
}

// strangers are the victims that have no other part.
var strangers = victims[:2]

// lies is where forgers send from: each forgery has its own address.
var lies = netip.MustParsePrefix("198.18.0.0/16")

// lie is one try at a forged line.
type lie struct {
	network string
	port    uint16
	tell    func(ctx context.Context, s *lab.Sender, from netip.Addr) error
}

const (
	lieAtOnce   = 8
	liePatience = 150 * time.Millisecond
)

// field is a place in a SIP request where text can stand.
type field struct {
	methods string
	set     func(r *lab.Request, text string)
}

func user(text string) string { return "<sip:" + text + "@192.0.2.10>" }

var fields = []field{
	{"REGISTER INVITE OPTIONS", func(r *lab.Request, x string) { r.From = user(x) + ";tag=1" }},
	{"REGISTER INVITE", func(r *lab.Request, x string) {
		r.From = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(x) + `" ` + r.From
	}},
	{"REGISTER INVITE", func(r *lab.Request, x string) { r.From = x + " " + r.From }},
	{"REGISTER INVITE", func(r *lab.Request, x string) { r.From = "<sip:1001@" + x + ">;tag=1" }},
	{"REGISTER", func(r *lab.Request, x string) { r.From = user("1001") + ";tag=" + x }},
	{"REGISTER INVITE", func(r *lab.Request, x string) { r.To = user(x) }},
	{"REGISTER", func(r *lab.Request, x string) { r.From, r.To = user(x)+";tag=1", user(x) }},
	{"REGISTER", func(r *lab.Request, x string) { r.To = "<sip:1001@" + x + ">" }},
	{"INVITE MESSAGE", func(r *lab.Request, x string) { r.URI, r.To = "sip:"+x+"@192.0.2.10", user("x") }},
	{"REGISTER INVITE", func(r *lab.Request, x string) { r.Contact = user(x) }},
	{"REGISTER INVITE", func(r *lab.Request, x string) { r.Contact = "<sip:1001@" + x + ">" }},
	{"REGISTER INVITE", func(r *lab.Request, x string) { r.Agent = x }},
	{"REGISTER INVITE", func(r *lab.Request, x string) { r.CallID = x }},
	{"REGISTER INVITE", func(r *lab.Request, x string) { r.Via = "SIP/2.0/UDP " + x + ";branch=z9hG4bK1;rport" }},
	{"REGISTER INVITE", func(r *lab.Request, x string) { r.Via += ";received=203.0.113.200;maddr=203.0.113.200;x=" + x }},
	{"OPTIONS", func(r *lab.Request, x string) { r.Method = "X" + x }},
	{"REGISTER", func(r *lab.Request, x string) { r.CSeq = "1 " + x }},
	{"REGISTER INVITE", func(r *lab.Request, x string) { r.Authorization = digest(x, "abc", "0") }},
	{"REGISTER", func(r *lab.Request, x string) { r.Authorization = digest("1001", x, "0") }},
	{"REGISTER", func(r *lab.Request, x string) { r.Authorization = digest("1001", "abc", x) }},
	{"INVITE", func(r *lab.Request, x string) {
		r.More = []string{"X-Forwarded-For: 203.0.113.200", "P-Asserted-Identity: " + user(x), "Diversion: " + user(x), "Subject: " + x}
	}},
	{"INVITE", func(r *lab.Request, x string) {
		r.Body = "v=0\r\no=- 1 1 IN IP4 " + x + "\r\nc=IN IP4 " + x + "\r\nm=audio " + x + " RTP/AVP 0\r\n"
	}},
}

func digest(user, nonce, response string) string {
	return fmt.Sprintf(`Digest username="%s", realm="asterisk", nonce="%s", uri="sip:x", response="%s", algorithm=MD5`, user, nonce, response)
}

// texts are the forgeries that name a victim.
func texts(mark string, victim netip.Addr) (all []string) {
	for line := range strings.Lines(forgeries) {
		row := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		text, err := strconv.Unquote(`"` + row[2] + `"`)
		if err != nil {
			panic(fmt.Sprintf("forgeries.tsv: %q: %v", row[2], err)) // a file of ours, tested
		}
		text = named(text, mark, victim)
		if row[1] == "percent" {
			text = percent(text)
		}
		all = append(all, text)
	}
	return all
}

func named(text, mark string, victim netip.Addr) string {
	return strings.NewReplacer("MARK", mark, "VICTIM", victim.String(), "NOW", time.Now().Format("Jan _2 15:04:05")).Replace(text)
}

// percent escapes what is no letter and no digit (RFC 3986, 2.1).
func percent(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// allLies is every forgery in every field of every protocol.
func allLies(s *scene) (all []lie) {
	next := func() (mark string, victim netip.Addr) {
		return fmt.Sprintf("LIE%04d", len(all)), victims[len(all)%len(victims)]
	}
	count := len(texts("", victims[0]))
	for _, st := range stacks(s.version) {
		for _, f := range fields {
			for method := range strings.FieldsSeq(f.methods) {
				for i := range count {
					mark, victim := next()
					text := texts(mark, victim)[i]
					all = append(all, lie{"udp", st.port, func(_ context.Context, s *lab.Sender, _ netip.Addr) error {
						r := s.Request(method, "1001", "900441632960999")
						f.set(r, text)
						_, err := s.Authenticate(r, "1001", "guess")
						return err
					}})
				}
			}
		}
		for _, network := range []string{"udp", "tcp"} {
			for _, header := range []string{"From", "Call-ID", "Via", "To", "CSeq"} {
				for _, end := range []string{"", "-- end of packet.\n"} {
					mark, victim := next()
					body := end + named(forgedBody, mark, victim)
					all = append(all, lie{network, st.port, func(_ context.Context, s *lab.Sender, _ netip.Addr) error {
						r := s.Request("INVITE", "1001", "100")
						r.Without, r.Body, r.Type = header, body, "text/plain"
						_, err := s.Do(r)
						return err
					}})
				}
			}
		}
	}
	for i := range count {
		for _, where := range []func(ctx context.Context, from netip.Addr, text string) (bool, error){
			func(ctx context.Context, from netip.Addr, text string) (bool, error) {
				return s.net.AMI(ctx, from, text, "x")
			},
			func(ctx context.Context, from netip.Addr, text string) (bool, error) {
				return s.net.AMI(ctx, from, "admin", text+"\r\nActionID: "+text)
			},
			func(ctx context.Context, from netip.Addr, text string) (bool, error) {
				return s.net.AMIOverHTTP(ctx, from, text, "x")
			},
			func(ctx context.Context, from netip.Addr, text string) (bool, error) {
				return s.net.IAXRegister(ctx, from, text, "x")
			},
			func(ctx context.Context, from netip.Addr, text string) (bool, error) {
				return s.net.IAXCall(ctx, from, text, "x", "900"+text)
			},
		} {
			mark, victim := next()
			text := texts(mark, victim)[i]
			if bytes, err := url.PathUnescape(text); err == nil { // others carry what SIP must write as %0a
				text = bytes
			}
			all = append(all, lie{tell: func(ctx context.Context, _ *lab.Sender, from netip.Addr) error {
				_, err := where(ctx, from, text)
				return err
			}})
		}
	}
	return all
}

// forge sends all forgeries. It returns how many could be sent.
func (s *scene) forge(ctx context.Context, all []lie) (sent int) {
	var telling sync.WaitGroup
	var mu sync.Mutex
	queue := make(chan int)
	for range lieAtOnce {
		telling.Go(func() {
			for i := range queue {
				if err := s.forgeOne(ctx, all[i], liar(i)); err == nil {
					mu.Lock()
					sent++
					mu.Unlock()
				}
			}
		})
	}
	for i := range all {
		if ctx.Err() == nil {
			queue <- i
		}
	}
	close(queue)
	telling.Wait()
	return sent
}

// liar is the address that tells a lie.
func liar(i int) netip.Addr {
	base := lies.Addr().As4()
	base[2], base[3] = byte(1+i/250), byte(1+i%250)
	return netip.AddrFrom4(base)
}

func (s *scene) forgeOne(ctx context.Context, l lie, from netip.Addr) error {
	if l.network == "" {
		return l.tell(ctx, nil, from)
	}
	line, err := s.net.NewSender(ctx, l.network, from, l.port)
	if err != nil {
		return err
	}
	defer line.Close()
	line.Patience = liePatience
	return l.tell(ctx, line, from)
}
