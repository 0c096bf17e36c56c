package messages

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/hint"
)

// smtpServer is a small mail server on loopback. Its fields say how it behaves.
type smtpServer struct {
	net.Listener
	tls      *tls.Config
	startTLS bool            // it offers STARTTLS
	implicit bool            // it begins with TLS
	auth     string          // "user\x00password"; "": no log-in
	refuse   map[string]bool // receivers that it does not know
	spam     bool            // it refuses each text
	hangAt   string          // the command at which it says nothing more

	mu    sync.Mutex
	mails []string // with the receivers before the text
	conns []net.Conn
}

// certificate makes one for 127.0.0.1 and writes it to a file that ca_file can name.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func serveSMTP(t *testing.T, s *smtpServer) (server string) {
	t.Helper()
	var err error
	if s.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := s.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, c)
			s.mu.Unlock()
			all.Go(func() { defer c.Close(); s.talk(c) })
		}
	})
	t.Cleanup(func() {
		s.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		all.Wait()
	})
	return s.Addr().String()
}

func (s *smtpServer) talk(c net.Conn) {
	secure := s.implicit
	if secure {
		c = tls.Server(c, s.tls)
	}
	in := bufio.NewReader(c)
	say := func(text string) { fmt.Fprintf(c, "%s\r\n", text) }
	var to []string
	say("220 test ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		word, rest, _ := strings.Cut(line, " ")
		if word = strings.ToUpper(word); word == s.hangAt {
			in.ReadString('\n') // until the other side ends it
			return
		}
		switch word {
		case "EHLO":
			say("250-test")
			if s.startTLS && !secure {
				say("250-STARTTLS")
			}
			if s.auth != "" {
				say("250-AUTH PLAIN")
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go")
			secured := tls.Server(c, s.tls)
			c, secure = secured, true
			in = bufio.NewReader(c)
		case "AUTH":
			given, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			if !secure || string(given) != "\x00"+s.auth {
				say("535 5.7.8 wrong: " + strings.TrimPrefix(rest, "PLAIN ")) // some repeat what they got
				continue
			}
			say("235 fine")
		case "MAIL":
			if s.auth != "" && !secure {
				say("530 log in first")
				continue
			}
			to = nil
			say("250 ok")
		case "RCPT":
			addr := strings.Trim(strings.TrimPrefix(rest, "TO:"), "<>")
			if s.refuse[addr] {
				say("550 5.1.1 unknown")
				continue
			}
			to = append(to, addr)
			say("250 ok")
		case "DATA":
			say("354 go")
			var text strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(line)
			}
			if s.spam {
				say("554 5.7.1 looks like spam")
				continue
			}
			s.mu.Lock()
			s.mails = append(s.mails, strings.Join(to, " ")+"\n"+text.String())
			s.mu.Unlock()
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *smtpServer) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mails
}

// mailTo is a channel to a server of a test.
func mailTo(server, secure string) configs.Channel {
	c := all("mail")
	c.Type, c.To, c.From, c.Server, c.TLS = "mail", []string{"admin@example.net"}, "pbxjail@pbx.example.net", server, secure
	return c
}

// evil is a message with text that an attacker has written.
func evil() *Message {
	var l lane
	l.keep(Item{
		Kind: Guessed, Severity: Critical, At: time.Now().UTC(), Times: 1, Hint: "jailctl ack",
		What: "account \r\nBcc: victim@example.org\r\n\r\n.\r\nQUIT\r\n<b>x</b> \x1b[2J \u202e logged in",
	})
	m := l.message("pbx\r\nBcc: victim@example.org", time.Now(), false)
	return &m
}

const password = "correct-horse-battery"

// TestMail: STARTTLS, TLS and no encryption on loopback, with and without a log-in; the text
// of an attacker becomes no header and no command.
func TestMail(t *testing.T) {
	cert, ca := certificate(t)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		server *smtpServer
		secure string
		login  bool
	}{
		"starttls with a log-in": {&smtpServer{startTLS: true, auth: "pbxjail\x00" + password}, "starttls", true},
		"tls with a log-in":      {&smtpServer{implicit: true, auth: "pbxjail\x00" + password}, "tls", true},
		"none":                   {&smtpServer{}, "none", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := tt.server
			s.tls = &tls.Config{Certificates: []tls.Certificate{cert}}
			c := mailTo(serveSMTP(t, s), tt.secure)
			c.To = []string{"admin@example.net", "second@example.net"}
			c.CAFile = ca
			if tt.login {
				c.User, c.PasswordFile = "pbxjail", file
			}
			if err := senderOf(c).send(t.Context(), evil()); err != nil {
				t.Fatalf("got %v, hint %s", err, hint.Of(err))
			}
			list := s.got()
			if len(list) != 2 {
				t.Fatalf("got %d mails, want one for each receiver", len(list))
			}
			for i, text := range list {
				if !strings.HasPrefix(text, c.To[i]+"\n") || strings.Contains(text, "\nBcc:") || strings.Contains(text, "\x1b") {
					t.Errorf("got\n%s", text)
				}
				for _, want := range []string{"Subject: ", "Auto-Submitted: auto-generated", "text/plain", "someone may have guessed a password"} {
					if !strings.Contains(text, want) {
						t.Errorf("no %q in\n%s", want, text)
					}
				}
			}
		})
	}
}

// TestMailFails: each way to fail has a hint, ends soon after the context, and shows no
// secret.
func TestMailFails(t *testing.T) {
	cert, ca := certificate(t)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		server  *smtpServer
		change  func(c *configs.Channel)
		refused bool
		want    string
	}{
		"wrong password": {server: &smtpServer{startTLS: true, auth: "pbxjail\x00other"}, want: "log in"},
		"no STARTTLS":    {server: &smtpServer{auth: "pbxjail\x00" + password}, want: "STARTTLS"},
		"own certificate": {server: &smtpServer{startTLS: true, auth: "pbxjail\x00" + password}, want: "x509",
			change: func(c *configs.Channel) { c.CAFile = "" }},
		"all receivers unknown": {server: &smtpServer{startTLS: true, auth: "pbxjail\x00" + password, refuse: map[string]bool{"admin@example.net": true}}, want: "unknown"},
		"spam":                  {server: &smtpServer{startTLS: true, auth: "pbxjail\x00" + password, spam: true}, refused: true, want: "spam"},
		"hangs at EHLO":         {server: &smtpServer{startTLS: true, auth: "pbxjail\x00" + password, hangAt: "EHLO"}, want: "in time"},
		"hangs at DATA":         {server: &smtpServer{startTLS: true, auth: "pbxjail\x00" + password, hangAt: "DATA"}, want: "in time"},
		"hangs before TLS":      {server: &smtpServer{startTLS: true, auth: "pbxjail\x00" + password, hangAt: "STARTTLS"}, want: "in time"},
		"no password file": {server: &smtpServer{startTLS: true, auth: "pbxjail\x00" + password}, want: "no such file",
			change: func(c *configs.Channel) { c.PasswordFile += ".none" }},
	} {
		t.Run(name, func(t *testing.T) {
			s := tt.server
			s.tls = &tls.Config{Certificates: []tls.Certificate{cert}}
			c := mailTo(serveSMTP(t, s), "starttls")
			c.CAFile, c.User, c.PasswordFile = ca, "pbxjail", file
			if tt.change != nil {
				tt.change(&c)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			if s.hangAt == "" {
				ctx = t.Context()
			}
			defer cancel()
			err := senderOf(c).send(ctx, evil())
			if err == nil || !strings.Contains(err.Error(), tt.want) || hint.Of(err) == "" {
				t.Errorf("got %v with hint %q, want %q", err, hint.Of(err), tt.want)
			}
			if _, is := err.(refusal); is != tt.refused {
				t.Errorf("got a refusal of the text: %t, want %t", is, tt.refused)
			}
			text := fmt.Sprint(err, hint.Of(err))
			for _, bad := range []string{password, base64.StdEncoding.EncodeToString([]byte("\x00pbxjail\x00" + password)), "\n"} {
				if strings.Contains(text, bad) {
					t.Errorf("%q shows %q", text, bad)
				}
			}
		})
	}
}

// TestOneReceiverRefused: the others get their mail, once, and the error says who does not.
func TestOneReceiverRefused(t *testing.T) {
	s := &smtpServer{refuse: map[string]bool{"gone@example.net": true}}
	c := mailTo(serveSMTP(t, s), "none")
	c.To = []string{"gone@example.net", "admin@example.net"}
	m, to := evil(), senderOf(c)
	for range 2 {
		err := to.send(t.Context(), m)
		if _, ok := err.(partly); !ok || !strings.Contains(err.Error(), "gone@example.net") {
			t.Errorf("got %v", err)
		}
	}
	if list := s.got(); len(list) != 1 {
		t.Errorf("got %d mails, want one", len(list))
	}
}
