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
		return hint.New("write an address such as https://alerts.example.net/pbx as url of this channel into the main file, or in one line into the file of url_file", "the address of the channel does not begin with https:// or http://")
	}
	req, err := http.NewRequestWithContext(ctx, cmp.Or(r.method, http.MethodPost), r.url, bytes.NewReader(r.body))
	if err != nil {
		return hint.New(correct("url"), "the address of the channel is not valid")
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
		return hint.Errorf("check the network of this machine, and that the server runs: "+show.Flat(u.Hostname(), 100), "cannot send to %s: %w", show.Flat(u.Host, 100), err)
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
		return refusal{hint.New("the server does not accept this message: check the keys type and template of this channel in the main file", what)}
	case http.StatusUnauthorized, http.StatusForbidden:
		return hint.New("check the token or the secret of this channel: its file is in the main file, key token_file, secret_file or url_file", what)
	case http.StatusNotFound, http.StatusGone, http.StatusMethodNotAllowed:
		return hint.New("check the address of this channel: in the main file, key url, or in the file of url_file", what)
	case http.StatusTooManyRequests:
		return hint.New("write a smaller limit or a longer digest for this channel into the main file, such as limit: 10, digest: 15m", what)
	}
	if status/100 == 3 {
		return hint.New("the server sends pbxjail to another address. Write that address as url of this channel into the main file; pbxjail does not follow a redirect, because messages would go to another server", what)
	}
	return hint.New("read the log of that server; pbxjail tries again by itself", what)
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
	const todo = "write a certificate in PEM form (-----BEGIN CERTIFICATE-----) into the file of ca_file"
	data, err := os.ReadFile(caFile)
	if err != nil {
		do := todo
		if errors.Is(err, fs.ErrPermission) {
			do = hint.Readable(caFile)
		}
		return nil, hint.Errorf(do, "ca_file %s: %w", caFile, cause(err))
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, hint.Errorf(todo, "ca_file %s: there is no certificate in it", caFile)
	}
	return pool, nil
}
