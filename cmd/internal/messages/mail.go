package messages

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/wneessen/go-mail"

	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// mailer sends over SMTP. Each receiver gets a mail of its own, so that one that is refused
// keeps none of the others from theirs.
type mailer struct {
	cfg configs.Channel

	mu   sync.Mutex
	id   string   // of the message that was tried last
	done []string // who got it
}

// letter is the message as a mail for one receiver. Package mail encodes the header and the
// body; there is no line break in the title.
func letter(c configs.Channel, to string, m *Message) (*mail.Msg, error) {
	l := mail.NewMsg(mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP), mail.WithNoDefaultUserAgent())
	if err := l.From(c.From); err != nil {
		return nil, hint.Errorf(correct("from"), "from of this channel: this is not a mail address: %w", err)
	}
	if err := l.To(to); err != nil {
		return nil, hint.Errorf(correct("to"), "to of this channel: this is not a mail address: %w", err)
	}
	_, domain, _ := strings.Cut(c.From, "@")
	l.Subject(show.Flat(m.Title, 200))
	l.SetMessageIDWithValue(m.ID + "@" + domain)
	l.SetDateWithValue(m.At)
	l.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no one answers it by machine
	l.SetGenHeader("X-Pbxjail-Severity", m.Severity.String())
	if m.Severity == Critical {
		l.SetImportance(mail.ImportanceHigh)
	}
	l.SetBodyString(mail.TypeTextPlain, m.Text)
	return l, nil
}

func (s *mailer) send(ctx context.Context, m *Message) error {
	password, err := Secret(s.cfg.PasswordFile)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != m.ID {
		s.id, s.done = m.ID, nil
	}
	err = s.sendAll(ctx, m, password)
	plain := "\x00" + s.cfg.User + "\x00" + password // RFC 4616
	return secrets{password, plain}.cleaned(err)
}

// sendAll sends to all who have not got the message yet.
func (s *mailer) sendAll(ctx context.Context, m *Message, password string) error {
	var letters []*mail.Msg
	var to []string
	for _, one := range s.cfg.To {
		if slices.Contains(s.done, one) {
			continue
		}
		l, err := letter(s.cfg, one, m)
		if err != nil {
			return err
		}
		letters, to = append(letters, l), append(to, one)
	}
	if len(letters) == 0 {
		return nil
	}
	client, closed, err := s.client(ctx, password)
	if err != nil {
		return err
	}
	defer closed()
	failed := client.DialAndSendWithContext(ctx, letters...)
	delivered := 0
	var refusedBy []string
	for i, l := range letters {
		var code *mail.SendError
		switch {
		case l.IsDelivered():
			delivered++
			s.done = append(s.done, to[i])
		case errors.As(l.SendError(), &code) && code.ErrorCode() >= 500 && code.Reason == mail.ErrSMTPRcptTo:
			refusedBy = append(refusedBy, to[i])
		}
	}
	switch {
	case delivered == len(letters):
		return nil
	case len(s.done) > 0 && len(s.done)+len(refusedBy) == len(s.cfg.To):
		return partly{hint.Errorf(correct("to"), "the mail server refuses %s: %w", strings.Join(refusedBy, ", "), failed)}
	}
	return s.explain(ctx, failed)
}

// explain adds what can be done about an error of SMTP.
func (s *mailer) explain(ctx context.Context, err error) error {
	host, port := s.cfg.Address()
	where := net.JoinHostPort(host, fmt.Sprint(port))
	if ctx.Err() != nil {
		return hint.Errorf("to see if a mail server answers: nc -vz "+host+" "+fmt.Sprint(port)+". If none answers, start the server, open the firewall, or "+correct("server"), "%s did not take the mail in time: %w", where, ctx.Err())
	}
	var code *mail.SendError
	var said *textproto.Error
	switch {
	case errors.As(err, &code) && code.Reason == mail.ErrSMTPDataClose && code.ErrorCode() >= 500:
		return refusal{hint.Errorf("perhaps the mail server takes the text for spam: look into the log of the mail server. pbxjail tries again, without the text of callers", "%s refuses the mail: %w", where, err)}
	case errors.As(err, &code) && (code.Reason == mail.ErrSMTPRcptTo || code.Reason == mail.ErrSMTPMailFrom):
		return hint.Errorf(correct("from or to")+". If the server wants a log-in, write user and password_file too", "%s refuses the sender or a receiver: %w", where, err)
	case errors.As(err, &said) && (said.Code == 535 || said.Code == 534 || said.Code == 530), strings.Contains(err.Error(), "AUTH"):
		return hint.Errorf("write the right password into the file that password_file names; or "+correct("user"), "cannot log in at the mail server %s: %w", where, err)
	case strings.Contains(err.Error(), "STARTTLS"):
		return hint.Errorf("below this channel in the main file, write tls: tls and the port 465 in server; for a mail server on this machine, write tls: none. Then: jailctl reload", "the mail server %s has no STARTTLS: %w", where, err)
	case strings.Contains(err.Error(), "x509") || strings.Contains(err.Error(), "tls:"):
		return hint.Errorf("below this channel in the main file, write into server the name that is in the certificate; for a certificate of your own, write ca_file: PATH. Then: jailctl reload", "the certificate of the mail server %s is not accepted: %w", where, err)
	}
	return hint.Errorf("to see if a mail server answers: nc -vz "+host+" "+fmt.Sprint(port)+"; or "+correct("server"), "cannot send mail by the mail server %s: %w", where, err)
}

// client makes a client whose connection ends with ctx, wherever it waits.
func (s *mailer) client(ctx context.Context, password string) (_ *mail.Client, closed func(), err error) {
	host, port := s.cfg.Address()
	roots, err := Roots(s.cfg.CAFile)
	if err != nil {
		return nil, nil, err
	}
	secure := &tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12}
	hello, err := os.Hostname()
	if err != nil || hello == "" {
		hello = "localhost"
	}
	var stop func() bool
	dial := func(dialCtx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(dialCtx, network, addr)
		if err != nil {
			return nil, err
		}
		stop = context.AfterFunc(ctx, func() { conn.Close() })
		if s.cfg.TLS == "tls" {
			return tls.Client(conn, secure), nil
		}
		return conn, nil
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(attemptTime), mail.WithTLSConfig(secure), mail.WithDialContextFunc(dial), mail.WithHELO(hello), mail.WithoutNoop()}
	switch s.cfg.TLS {
	case "tls":
		options = append(options, mail.WithSSL())
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.cfg.User != "" { // none of these sends a password in the clear, but to this machine
		options = append(options, mail.WithUsername(s.cfg.User), mail.WithPassword(password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthCramMD5))
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return nil, nil, hint.Errorf(correct("server"), "the mail server cannot be used: %w", err)
	}
	return client, func() {
		if stop != nil {
			stop()
		}
	}, nil
}

// bytesOf is the mail as sendmail(8) reads it.
func bytesOf(l *mail.Msg) ([]byte, error) {
	var b bytes.Buffer
	if _, err := l.WriteTo(&b); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b.Bytes(), nil
}
