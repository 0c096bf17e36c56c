package daemon

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pbxjail/cmd/internal/messages"
	"pbxjail/configs"
	"pbxjail/configs/hint"
)

// certificate signs itself for an address of this machine or for a name, until a time.
func certificate(t *testing.T, name string, until time.Time) (c tls.Certificate, text []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-48 * time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// heardBytes keeps all bytes that a server reads.
type heardBytes struct {
	mu   sync.Mutex
	text []byte
}

func (h *heardBytes) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = append(h.text, p...)
	return len(p), nil
}

func (h *heardBytes) has(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(string(h.text), text)
}

// AMI over TLS: the secret goes only to an Asterisk that has the certificate of ca_file, for the
// name of ami.address. All else is a problem that says what to do.
func TestAMIOverTLS(t *testing.T) {
	const secret = "s3cret-of-the-test"
	later := time.Now().Add(24 * time.Hour)
	good, goodText := certificate(t, "127.0.0.1", later)
	_, otherText := certificate(t, "127.0.0.1", later)
	named, namedText := certificate(t, "other.example.net", later)
	old, oldText := certificate(t, "127.0.0.1", time.Now().Add(-time.Hour))
	for _, tt := range []struct {
		name   string
		server *tls.Certificate // nil: it answers without TLS
		trust  []byte
		want   string // in the problem; "": it is connected
	}{
		{"good", &good, goodText, ""},
		{"a certificate of someone else", &good, otherText, "certificate"},
		{"a certificate that no one signed", &good, nil, "certificate"},
		{"a wrong name", &named, namedText, "certificate"},
		{"an old certificate", &old, oldText, "expired"},
		{"no TLS", nil, goodText, "TLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			heard := &heardBytes{}
			main := configs.AMI{User: "pbxjail", Auth: "plain", TLS: true, SecretFile: filepath.Join(t.TempDir(), "secret"), Address: serveTLS(t, tt.server, heard)}
			writeFile(t, main.SecretFile, secret+"\n")
			if tt.trust != nil {
				main.CAFile = filepath.Join(t.TempDir(), "ca.pem")
				writeFile(t, main.CAFile, string(tt.trust))
			}
			if _, err := messages.Roots(main.CAFile); err != nil {
				t.Fatal(err)
			}
			s := newAMISource(main, slog.New(slog.DiscardHandler))
			go s.client.Run(t.Context())
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for state := s.client.State(); state.Since.IsZero() && state.Problem == nil; state = s.client.State() {
				select {
				case <-tick.C:
				case <-t.Context().Done():
					t.Fatal("neither connected nor a problem")
				}
			}
			problem := s.client.State().Problem
			if tt.want == "" {
				if problem != nil || !heard.has(secret) {
					t.Errorf("got %v, the secret arrived: %t", problem, heard.has(secret))
				}
				return
			}
			if problem == nil || !strings.Contains(problem.Error(), tt.want) || !strings.Contains(hint.Of(problem), "tlscertfile") {
				t.Errorf("got %v (hint: %s), want %q", problem, hint.Of(problem), tt.want)
			}
			if heard.has(secret) {
				t.Error("the secret was sent")
			}
		})
	}
}

// serveTLS answers each action with success, over TLS if there is a certificate. It notes what it
// reads, without the encryption.
func serveTLS(t *testing.T, c *tls.Certificate, heard io.Writer) (address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if c != nil {
				conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*c}})
			}
			go answerAMI(conn, heard)
		}
	}()
	return l.Addr().String()
}

func answerAMI(conn net.Conn, heard io.Writer) {
	defer conn.Close()
	fmt.Fprint(conn, "Asterisk Call Manager/7.0.3\r\n")
	id := ""
	for in := bufio.NewScanner(io.TeeReader(conn, heard)); in.Scan(); {
		switch key, value, _ := strings.Cut(in.Text(), ": "); key {
		case "ActionID":
			id = value
		case "":
			fmt.Fprintf(conn, "Response: Success\r\nActionID: %s\r\nMessage: x\r\n\r\n", id)
		}
	}
}
