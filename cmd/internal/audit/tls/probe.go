package tls

import (
	"context"
	"crypto/rand"
	stdtls "crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/tls/hello"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// result is what a port answered.
type result struct {
	target
	err        error // why nothing is known of it
	best       string
	old        map[uint16]hello.Answer     // versions below TLS 1.2 that it accepts
	weak       map[hello.Kind]hello.Answer // kinds of weak ciphers that it accepts
	unanswered []string                    // what it was asked and gave no clear answer to
	chain      []*x509.Certificate         // its own first; empty: not known
}

// oneTime is how long one connection may take, from the first packet to the last.
const oneTime = 4 * time.Second

// Reasons of errors.
var (
	errNoAnswer = errors.New("the port gives no clear answer")
	errRefuses  = errors.New("the port refuses every version of TLS that jailctl offers")
)

// plain reports whether the port answered in another way than with TLS.
func (r result) plain() bool { return errors.Is(r.err, hello.ErrNotTLS) }

// probe tests one port. The last connection is one that a sound server accepts: one that has
// begun to refuse everything would look sound otherwise.
func probe(m *audit.Machine, t target) result {
	r := result{target: t, old: map[uint16]hello.Answer{}, weak: map[hello.Kind]hello.Answer{}}
	first, err := ask(m, t, hello.Hello{Version: hello.TLS12, Suites: hello.All()})
	if err != nil {
		r.err = err
		return r
	}
	r.learn(first)
	for _, v := range []uint16{hello.SSL3, hello.TLS10, hello.TLS11} {
		a, err := ask(m, t, hello.Hello{Version: v, Suites: hello.All()})
		switch {
		case err != nil || a.Accepted && a.Version > v:
			r.unanswered = append(r.unanswered, hello.VersionName(v))
		case a.Accepted && a.Version == v:
			r.old[v] = a
			r.learn(a)
		}
	}
	for _, k := range hello.Kinds() {
		offered := hello.Weak(k)
		a, err := ask(m, t, hello.Hello{Version: hello.TLS12, Suites: offered})
		switch {
		case err != nil || a.Accepted && !slices.Contains(offered, a.Suite):
			r.unanswered = append(r.unanswered, "ciphers of the kind "+k.String())
		case a.Accepted:
			r.weak[k] = a
			r.learn(a)
		}
	}
	version, err := r.modern(m)
	switch {
	case version != 0:
		r.best = hello.VersionName(version)
	case len(r.old) > 0 || len(r.weak) > 0: // it is old: our library cannot speak with it
	case first.Accepted && err != nil:
		r.err = err
	case err != nil:
		r.err = errRefuses
	}
	return r
}

// learn keeps the certificates of an answer.
func (r *result) learn(a hello.Answer) {
	if len(r.chain) > 0 {
		return
	}
	for _, der := range a.Certificates {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		r.chain = append(r.chain, c)
	}
}

// ask sends one hello and reads the answer.
func ask(m *audit.Machine, t target, h hello.Hello) (hello.Answer, error) {
	c, err := connect(m, t)
	if err != nil {
		return hello.Answer{}, err
	}
	defer c.Close()
	if _, err := rand.Read(h.Random[:]); err != nil {
		return hello.Answer{}, err
	}
	h.Name = t.name
	if _, err := c.Write(h.Record()); err != nil {
		return hello.Answer{}, err
	}
	a, err := hello.Read(c)
	if errors.Is(err, syscall.ECONNRESET) { // it closed before it read all that we sent
		return hello.Answer{Refused: true}, nil
	}
	return a, err
}

// connect opens a connection with a deadline for all that happens on it.
func connect(m *audit.Machine, t target) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(m.Context(), oneTime)
	defer cancel()
	c, err := m.Connect(ctx, t.address)
	if err != nil {
		return nil, refusal(t.address, err)
	}
	until, _ := ctx.Deadline()
	if err := c.SetDeadline(until); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// refusal is the error of a connection that does not come about.
func refusal(address string, err error) error {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		err = e.Err
	}
	err = fmt.Errorf("no connection to %s: %w", show.Word(address, 200), err)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return hint.Add("correct the address, or start the program that should listen there; then run jailctl audit again", err)
	}
	return err
}

// modern shakes hands as a client of today does, with Go's library, and returns the version.
// It learns the certificates that TLS 1.3 encrypts. A server that wants a certificate of the
// client has shown its own before.
func (r *result) modern(m *audit.Machine) (version uint16, err error) {
	c, err := connect(m, r.target)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var ids []uint16
	for _, s := range append(stdtls.CipherSuites(), stdtls.InsecureCipherSuites()...) {
		ids = append(ids, s.ID)
	}
	client := stdtls.Client(c, &stdtls.Config{
		ServerName: r.name, MinVersion: stdtls.VersionTLS10, CipherSuites: ids,
		InsecureSkipVerify: true, // we look at the certificate ourselves, and send nothing
		VerifyConnection: func(s stdtls.ConnectionState) error {
			version = s.Version
			if len(s.PeerCertificates) > 0 {
				r.chain = s.PeerCertificates
			}
			return nil
		},
	})
	err = client.HandshakeContext(m.Context())
	return version, err
}
