package tls

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/audit/audittest"
	"pbxjail/cmd/internal/findings"
)

// freePort is a port that nothing listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// run runs a program to its end.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// start runs a server until the test ends, and waits until it listens.
func start(t *testing.T, port, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			c.Close()
			return
		}
	}
	t.Fatalf("%s does not listen", name)
}

// named are the checks that name a server on a port of this machine.
func named(t *testing.T, port string) (list []string, text string) {
	t.Helper()
	m := audittest.Machine(t, nil)
	audittest.Listen(t, m)
	m.Now, m.Dial, m.Addresses = time.Now(), new(net.Dialer).DialContext, []string{"127.0.0.1:" + port}
	found := audittest.Run(m, Checks())
	for _, f := range found {
		if f.Severity > findings.Note && f.Check != "tls-certificate" { // theirs are self-signed
			list = append(list, f.Check)
		}
	}
	slices.Sort(list)
	return list, audittest.Text(found)
}

// TestRealSSLv3 is a real server that speaks SSLv3 today: selfserv of NSS (Debian:
// libnss3-tools).
func TestRealSSLv3(t *testing.T) {
	dir := t.TempDir()
	for _, program := range []string{"selfserv", "certutil"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("install libnss3-tools: %v", err)
		}
	}
	noise := filepath.Join(dir, "noise")
	if err := os.WriteFile(noise, []byte(strings.Repeat("noise", 100)), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "certutil", "-N", "-d", "sql:"+dir, "--empty-password")
	run(t, "certutil", "-S", "-x", "-n", "s", "-s", "CN=pbx.example", "-t", "C,,", "-d", "sql:"+dir, "-z", noise, "-v", "12", "-k", "rsa", "-g", "2048")
	for _, c := range []struct {
		versions, ciphers string
		want              []string
	}{
		{"ssl3:ssl3", ":0005:000a", []string{"tls-ciphers", "tls-sslv3"}},
		{"ssl3:tls1.2", ":002f:C013", []string{"tls-old", "tls-sslv3"}},
		{"tls1.0:tls1.2", ":002f:C013", []string{"tls-old"}},
		{"tls1.2:tls1.2", ":002f:C013:000a", []string{"tls-ciphers"}},
		{"tls1.2:tls1.3", ":002f:C013:1301", nil},
	} {
		t.Run(c.versions, func(t *testing.T) {
			port := freePort(t)
			start(t, port, "selfserv", "-n", "s", "-d", "sql:"+dir, "-p", port, "-V", c.versions, "-c", c.ciphers)
			if got, text := named(t, port); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q:\n%s", got, c.want, text)
			}
		})
	}
}

// TestRealOpenSSL is openssl s_server: old versions, ciphers without certificate and without
// encryption, and as it comes.
func TestRealOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skipf("install openssl: %v", err)
	}
	dir := t.TempDir()
	key, cert := filepath.Join(dir, "key"), filepath.Join(dir, "cert")
	run(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-subj", "/CN=pbx.example", "-days", "30")
	for i, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"-cipher", "DEFAULT:@SECLEVEL=0"}, []string{"tls-old"}},
		{[]string{"-tls1_2", "-cipher", "ALL:eNULL:@SECLEVEL=0"}, []string{"tls-ciphers"}},
		{[]string{"-tls1_3"}, nil},
		{[]string{"-tls1_2", "-cipher", "HIGH:!aNULL:!eNULL:!EXPORT:!DES:!3DES:!RC4:!MD5"}, nil}, // what a fix tells to write
		{[]string{"-tls1_2", "-Verify", "1"}, nil},                                               // it wants a certificate of the client
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			port := freePort(t)
			start(t, port, "openssl", append([]string{"s_server", "-quiet", "-accept", port, "-cert", cert, "-key", key}, c.args...)...)
			if got, text := named(t, port); !slices.Equal(got, c.want) {
				t.Errorf("%q: got %q, want %q:\n%s", c.args, got, c.want, text)
			}
		})
	}
}
