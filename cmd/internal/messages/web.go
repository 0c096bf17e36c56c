package messages

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// web sends over HTTP. Its form makes the request.
type web struct {
	cfg  configs.Channel
	form form
}

// form makes the request of a message: its method, its address and its body, which is JSON.
type form func(r *request, m *Message) error

// request is what a form fills.
type request struct {
	cfg           configs.Channel
	method        string // "" is POST
	url           string
	token, secret string
	header        http.Header
	body          []byte
}

// maxAnswer is how much of an answer is read, and shownAnswer how much of it an error shows.
const (
	maxAnswer   = 4 << 10
	shownAnswer = 200
)

func (w *web) send(ctx context.Context, m *Message) error {
	r := request{cfg: w.cfg, url: w.cfg.URL, header: http.Header{}}
	hidden := func() secrets { return secrets{r.token, r.secret, r.url} }
	err := r.read()
	if err == nil {
		err = w.form(&r, m)
	}
	if err == nil {
		err = r.do(ctx)
	}
	return hidden().cleaned(err)
}

// read reads the secrets.
func (r *request) read() (err error) {
	if r.cfg.URLFile != "" {
		if r.url, err = Secret(r.cfg.URLFile); err != nil {
			return err
		}
	}
	if r.token, err = Secret(r.cfg.TokenFile); err != nil {
		return err
	}
	r.secret, err = Secret(r.cfg.SecretFile)
	return err
}

func (r *request) do(ctx context.Context) error {
	u, err := url.Parse(r.url)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return hint.New("below this channel in the main file, write url: https://alerts.example.net/pbx; or write this address as the only line into the file that url_file names. Then: jailctl reload", "the address of this channel does not begin with https:// or http://")
	}
	req, err := http.NewRequestWithContext(ctx, cmp.Or(r.method, http.MethodPost), r.url, bytes.NewReader(r.body))
	if err != nil {
		return hint.New(correct("url"), "the address of this channel is not valid")
	}
	req.Header = r.header
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "pbxjail")
	client, err := newClient(r.cfg.CAFile)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		if outer, ok := errors.AsType[*url.Error](err); ok {
			err = outer.Err // the address may be a secret
		}
		return hint.Errorf("to see if the server answers: curl -I "+u.Scheme+"://"+show.Flat(u.Host, 100)+". If not, the server is down, or a firewall or DNS on the way has a mistake. pbxjail tries again by itself", "cannot send to %s: %w", show.Flat(u.Host, 100), err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return answered(resp.StatusCode, strings.TrimSpace(string(text)), u.Host)
}

// answered is the error of an answer that is no success.
func answered(status int, text, host string) error {
	what := fmt.Sprintf("%s answers %d %s", show.Flat(host, 100), status, http.StatusText(status))
	if text != "" {
		what += ": " + show.Quoted(text, shownAnswer)
	}
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return refusal{hint.New("the server does not understand this message: "+correct("type or template"), what)}
	case http.StatusUnauthorized, http.StatusForbidden:
		return hint.New("the server refuses the token or the secret. Write the right one into the file that token_file, secret_file or url_file of this channel names", what)
	case http.StatusNotFound, http.StatusGone, http.StatusMethodNotAllowed:
		return hint.New("the address of this channel is wrong. Correct url in the main file, or the address in the file that url_file names; then: jailctl reload", what)
	case http.StatusTooManyRequests:
		return hint.New("pbxjail sends too many messages for this server. Below this channel in the main file, write a smaller limit or a longer digest, such as limit: 10 and digest: 15m; then: jailctl reload", what)
	}
	if status/100 == 3 {
		return hint.New("the server names another address (a redirect). If you trust the new address, write the new address into url of this channel in the main file; then: jailctl reload", what)
	}
	return hint.New("pbxjail tries again by itself. If this does not end, look into the log of the server", what)
}

// newClient makes a client that follows no redirect and keeps no connection.
func newClient(caFile string) (*http.Client, error) {
	roots, err := Roots(caFile)
	if err != nil {
		return nil, err
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableKeepAlives = true // minutes lie between two messages
	t.MaxResponseHeaderBytes = 64 << 10
	t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	t.DialContext = (&net.Dialer{Timeout: attemptTime}).DialContext
	return &http.Client{
		Transport: t, Timeout: attemptTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// Roots are the certificates that are trusted; nil: those of the system.
func Roots(caFile string) (*x509.CertPool, error) {
	if caFile == "" {
		return nil, nil
	}
	const todo = "write a certificate in PEM form (-----BEGIN CERTIFICATE-----) into the file that ca_file names"
	data, err := os.ReadFile(caFile)
	if err != nil {
		do := todo
		if errors.Is(err, fs.ErrPermission) {
			do = hint.Readable(caFile)
		}
		return nil, hint.Errorf(do, "cannot read ca_file %s: %w", caFile, cause(err))
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, hint.Errorf(todo, "ca_file %s has no certificate", caFile)
	}
	return pool, nil
}
