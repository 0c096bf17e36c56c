package tls

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	stdtls "crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/audittest"
	"pbxjail/cmd/internal/audit/tls/hello"
	"pbxjail/cmd/internal/findings"
)

// serverKey is made once: RSA is what old servers have.
var serverKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// made is a certificate for pbx.example, valid for a year and signed by another one, after change.
func made(t testing.TB, change func(c, issuer *x509.Certificate)) stdtls.Certificate {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "pbx.example"}, DNSNames: []string{"pbx.example"},
		NotBefore: audittest.Now.Add(-time.Hour), NotAfter: audittest.Now.Add(365 * 24 * time.Hour),
	}
	issuer := &x509.Certificate{Subject: pkix.Name{CommonName: "issuer"}}
	if change != nil {
		change(c, issuer)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, &serverKey().PublicKey, serverKey())
	if err != nil {
		t.Fatal(err)
	}
	return stdtls.Certificate{Certificate: [][]byte{der}, PrivateKey: serverKey()}
}

// listen serves each connection on a port of this machine until the test ends.
func listen(t testing.TB, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(20 * time.Second))
				serve(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

// goServer is a server of Go's library.
func goServer(t testing.TB, c *stdtls.Config) string {
	return listen(t, func(conn net.Conn) { _ = stdtls.Server(conn, c).HandshakeContext(t.Context()) })
}

// sound are ciphers that no check names.
var soundSuites = []uint16{stdtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, stdtls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}

func configOf(cert stdtls.Certificate, lowest, highest uint16, suites ...uint16) *stdtls.Config {
	if suites == nil {
		suites = soundSuites
	}
	return &stdtls.Config{Certificates: []stdtls.Certificate{cert}, MinVersion: lowest, MaxVersion: highest, CipherSuites: suites}
}

// pbx is a machine on which the port 443 of Apache is the server at address.
func pbx(t testing.TB, address string) *audit.Machine {
	m := audittest.Machine(t, map[string]string{
		"/etc/hosts":                         "127.0.0.1 localhost\n192.0.2.1 pbx.example pbx # here\n",
		"/etc/apache2/mods-enabled/ssl.conf": "<IfModule>\n  SSLProtocol all -SSLv2\n  SSLCipherSuite ALL\n",
	})
	audittest.Listen(t, m, "tcp 0.0.0.0:443 apache2", "tcp 0.0.0.0:80 apache2", "tcp 0.0.0.0:5060 asterisk")
	serveAs(m, map[string]string{"127.0.0.1:443": address})
	return m
}

// serveAs lets ports of the machine be servers of the test.
func serveAs(m *audit.Machine, places map[string]string) {
	m.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if places[address] == "" {
			return nil, errors.New("connection refused")
		}
		return new(net.Dialer).DialContext(ctx, network, places[address])
	}
}

// TestSSL3Server: the server that the test of SSLv3 needs speaks it to its end.
func TestSSL3Server(t *testing.T) {
	cert := made(t, nil)
	for _, suite := range []uint16{rsaRC4, rsa3DES} {
		server := ssl3Server{key: serverKey(), cert: cert.Certificate[0], suites: []uint16{suite}}
		failed := make(chan error, 1)
		address := listen(t, func(c net.Conn) { failed <- server.serve(c) })
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got, err := ssl3Echo(c, suite, &serverKey().PublicKey, "OPTIONS sip:pbx.example")
		if err != nil || got != "OPTIONS sip:pbx.example" {
			t.Errorf("cipher %#x: got %q, %v; the server: %v", suite, got, err, <-failed)
		}
	}
}

// TestChecks: checks × (a server that has the fault is named, and a repaired one is not).
func TestChecks(t *testing.T) {
	good := made(t, nil)
	change := func(f func(c, issuer *x509.Certificate)) *stdtls.Config {
		return configOf(made(t, f), stdtls.VersionTLS12, stdtls.VersionTLS13)
	}
	day := 24 * time.Hour
	v3 := func(suites ...uint16) string {
		server := ssl3Server{key: serverKey(), cert: good.Certificate[0], suites: suites}
		return listen(t, func(c net.Conn) { _ = server.serve(c) })
	}
	for name, c := range map[string]struct {
		address string
		want    []string // the checks that name it
		says    string
	}{
		"sound":                 {goServer(t, configOf(good, stdtls.VersionTLS12, stdtls.VersionTLS13)), nil, "accepts TLS 1.3, nothing older than TLS 1.2 and no weak cipher; its certificate is valid for 365 days more"},
		"TLS 1.3 alone":         {goServer(t, configOf(good, stdtls.VersionTLS13, stdtls.VersionTLS13)), nil, "accepts TLS 1.3"},
		"TLS 1.2 alone":         {goServer(t, configOf(good, stdtls.VersionTLS12, stdtls.VersionTLS12)), nil, "accepts TLS 1.2"},
		"wants a client's":      {goServer(t, &stdtls.Config{Certificates: []stdtls.Certificate{good}, MinVersion: stdtls.VersionTLS12, MaxVersion: stdtls.VersionTLS12, CipherSuites: soundSuites, ClientAuth: stdtls.RequireAnyClientCert}), nil, "accepts TLS 1.2"},
		"SSLv3 with RC4":        {v3(rsaRC4), []string{"tls-ciphers", "tls-sslv3"}, "chose SSLv3 with TLS_RSA_WITH_RC4_128_SHA (0x0005)"},
		"SSLv3 with 3DES":       {v3(rsa3DES), []string{"tls-ciphers", "tls-sslv3"}, "chose SSLv3 with TLS_RSA_WITH_3DES_EDE_CBC_SHA (0x000a)"},
		"TLS 1.0 to 1.3":        {goServer(t, configOf(good, stdtls.VersionTLS10, stdtls.VersionTLS13)), []string{"tls-old"}, "accepts TLS 1.0 and TLS 1.1. These"},
		"TLS 1.0 alone":         {goServer(t, configOf(good, stdtls.VersionTLS10, stdtls.VersionTLS10)), []string{"tls-old"}, "accepts TLS 1.0. These"},
		"TLS 1.1 and 1.2":       {goServer(t, configOf(good, stdtls.VersionTLS11, stdtls.VersionTLS12)), []string{"tls-old"}, "accepts TLS 1.1. These"},
		"RC4 with TLS 1.2":      {goServer(t, configOf(good, stdtls.VersionTLS12, stdtls.VersionTLS12, append(soundSuites, stdtls.TLS_RSA_WITH_RC4_128_SHA)...)), []string{"tls-ciphers"}, "weak ciphers (RC4)"},
		"3DES with TLS 1.2":     {goServer(t, configOf(good, stdtls.VersionTLS12, stdtls.VersionTLS13, append(soundSuites, stdtls.TLS_RSA_WITH_3DES_EDE_CBC_SHA)...)), []string{"tls-ciphers"}, "weak ciphers (3DES)"},
		"ended":                 {goServer(t, change(func(c, _ *x509.Certificate) { c.NotAfter = audittest.Now.Add(-3 * day) })), []string{"tls-certificate"}, "not valid any more since 3 days"},
		"not begun":             {goServer(t, change(func(c, _ *x509.Certificate) { c.NotBefore = audittest.Now.Add(day) })), []string{"tls-certificate"}, "not valid yet"},
		"ends soon":             {goServer(t, change(func(c, _ *x509.Certificate) { c.NotAfter = audittest.Now.Add(5*day + time.Hour) })), []string{"tls-certificate"}, "valid for only 5 days more"},
		"self-signed":           {goServer(t, change(func(c, issuer *x509.Certificate) { issuer.Subject = c.Subject })), []string{"tls-certificate"}, "self-signed"},
		"no name":               {goServer(t, change(func(c, _ *x509.Certificate) { c.DNSNames = nil })), []string{"tls-certificate"}, "has no name of a server"},
		"another name, a note":  {goServer(t, change(func(c, _ *x509.Certificate) { c.DNSNames = []string{"other.example"} })), nil, "it is for other.example; this machine has the names pbx.example"},
		"export, a stand-in":    {v3(0x0003), []string{"tls-ciphers", "tls-sslv3"}, "weak ciphers (export)"},
		"NULL, a stand-in":      {v3(0x0002), []string{"tls-ciphers"}, "the connection is not encrypted"},
		"anonymous, a stand-in": {v3(0x0034), []string{"tls-ciphers"}, "weak ciphers (anonymous)"},
	} {
		t.Run(name, func(t *testing.T) {
			list := audittest.Run(pbx(t, c.address), Checks())
			var got []string
			for _, f := range list {
				if f.Severity > findings.Note && !slices.Contains(got, f.Check) {
					got = append(got, f.Check)
				}
				if f.Severity > findings.Note && (len(f.Fix) == 0 || len(f.Evidence) == 0 && f.Severity != findings.Unknown) {
					t.Errorf("no repair or no evidence: %+v", f)
				}
			}
			slices.Sort(got)
			if text := audittest.Text(list); !slices.Equal(got, c.want) || !strings.Contains(text, c.says) {
				t.Errorf("got %q, want %q and %q:\n%s", got, c.want, c.says, text)
			}
		})
	}
}

// TestShortKey: the key of 1024 bits that old certificates have.
func TestShortKey(t *testing.T) {
	for name, key := range map[string]any{
		"RSA of 1024 bits": &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537},
		"RSA of 2048 bits": &serverKey().PublicKey,
		"ECDSA":            &ecdsa.PublicKey{Curve: elliptic.P256()},
	} {
		if got, want := shortKey(key) != "", strings.Contains(name, "1024"); got != want {
			t.Errorf("%s: got %q", name, shortKey(key))
		}
	}
	for a, want := range map[x509.SignatureAlgorithm]bool{x509.SHA1WithRSA: true, x509.MD5WithRSA: true, x509.SHA256WithRSA: false, x509.PureEd25519: false} {
		if weakSignature(a) != want {
			t.Errorf("%v: got %v", a, !want)
		}
	}
}

// TestNothingIsCalledFine: a port that cannot be tested is never fine.
func TestNothingIsCalledFine(t *testing.T) {
	answers := func(text string) string {
		return listen(t, func(c net.Conn) {
			buffer := make([]byte, 4096)
			_, _ = c.Read(buffer)
			_, _ = c.Write([]byte(text))
		})
	}
	for name, c := range map[string]struct{ address, says string }{
		"no program there": {"", "connection refused"},
		"closes":           {listen(t, func(net.Conn) {}), ""},
		"plain HTTP":       {answers("HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak SSL or TLS"},
		"alert":            {answers("\x15\x03\x01\x00\x02\x02\x28"), "refuses every version"},
		"rubbish":          {answers("\x16\x03\x01\x00\x04\x02\x00\x00\x00"), "not a valid handshake"},
		"hello, then end":  {answers("\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" + strings.Repeat("r", 32) + "\x00\x00\x2f\x00"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			list := audittest.Run(pbx(t, c.address), Checks())
			text := audittest.Text(list)
			if strings.Contains(text, "ok tls") || !strings.Contains(text, "unknown tls-ports port 443 (web, apache2): cannot tell") || !strings.Contains(text, c.says) {
				t.Errorf("want %q, got\n%s", c.says, text)
			}
		})
	}
	m := pbx(t, "")
	m.Dial = nil
	if list := audittest.Run(m, Checks()); len(list) != 1 || list[0].Severity != findings.Unknown {
		t.Errorf("no connections: got\n%s", audittest.Text(list))
	}
	m = audittest.Machine(t, nil)
	serveAs(m, nil)
	if list := audittest.Run(m, Checks()); len(list) != 1 || list[0].Severity != findings.Unknown {
		t.Errorf("no /proc: got\n%s", audittest.Text(list))
	}
	audittest.Listen(t, m, "tcp 0.0.0.0:5060 asterisk")
	if list := audittest.Run(m, Checks()); len(list) != 1 || list[0].Severity != findings.Note {
		t.Errorf("nothing encrypted: got\n%s", audittest.Text(list))
	}
}

// TestServers: the repair is for the program behind the port, with its file and line.
func TestServers(t *testing.T) {
	weak := goServer(t, configOf(made(t, nil), stdtls.VersionTLS10, stdtls.VersionTLS12, stdtls.TLS_RSA_WITH_RC4_128_SHA, stdtls.TLS_RSA_WITH_AES_128_CBC_SHA))
	files := map[string]string{
		"/etc/apache2/sites-enabled/000.conf": "SSLEngine on\n# SSLProtocol none\n\tSSLProtocol all\n",
		"/etc/nginx/sites-enabled/default":    "server {\n  ssl_protocols TLSv1 TLSv1.2; # old\n}\n",
		"/etc/asterisk/http.conf":             "[general]\nenabled=yes\ntlsenable=yes\ntlsbindaddr=0.0.0.0:8089\ntlsdisablev1=no\n",
		"/etc/asterisk/manager.conf":          "[general]\ntlsenable=yes\ntlsbindaddr=0.0.0.0:5039\n[admin]\nsecret=hush\n",
		"/etc/asterisk/sip.conf":              "[general]\ntlsenable=yes\ntlsbindaddr=0.0.0.0:5071\n",
		"/etc/asterisk/pjsip.conf":            "[phones-tls]\ntype=transport\nprotocol=tls\nbind=0.0.0.0:5061\nmethod=sslv23\n[udp]\ntype=transport\nprotocol=udp\nbind=0.0.0.0\n",
	}
	places, sockets := map[string]string{}, []string{}
	for port, program := range map[string]string{"443": "apache2", "8443": "nginx", "8089": "asterisk", "5039": "asterisk", "5071": "asterisk", "5061": "asterisk", "9443": "haproxy"} {
		places["127.0.0.1:"+port] = weak
		sockets = append(sockets, "tcp 0.0.0.0:"+port+" "+program)
	}
	for _, freepbx := range []bool{false, true} {
		if freepbx {
			files["/etc/freepbx.conf"] = "<?php"
		}
		m := audittest.Machine(t, files)
		serveAs(m, places)
		audittest.Listen(t, m, sockets...)
		list := audittest.Run(m, Checks())
		for about, want := range map[string][2]string{ // the line for protocols, and the one for ciphers
			"port 443 (web, apache2)":                 {"write SSLProtocol all -SSLv3 -TLSv1 -TLSv1.1 in place of /etc/apache2/sites-enabled/000.conf:3", "write SSLCipherSuite HIGH:"},
			"port 8443 (web, nginx)":                  {"write ssl_protocols TLSv1.2 TLSv1.3; in place of /etc/nginx/sites-enabled/default:2", "write ssl_ciphers HIGH:"},
			"port 8089 (WebSocket and ARI, asterisk)": {"tlsdisablev11=yes", "tlscipher=HIGH:"},
			"port 5039 (manager interface, asterisk)": {"tlsdisablev11=yes", "tlscipher=HIGH:"},
			"port 5071 (SIP, asterisk)":               {"tlsdisablev11=yes", "tlscipher=HIGH:"},
			"port 5061 (SIP, asterisk)":               {"method=tlsv1_2", "cipher=ECDHE-"},
			"port 9443 (web, haproxy)":                {"jailctl audit --only tls", "jailctl audit --only tls"},
		} {
			for i, check := range []string{"tls-old", "tls-ciphers"} {
				at := slices.IndexFunc(list, func(f findings.Finding) bool { return f.About == about && f.Check == check })
				if at < 0 {
					t.Errorf("%s: no finding of %s", about, check)
					continue
				}
				f, fix := list[at], ""
				for _, s := range f.Fix {
					fix += s.String() + "; "
				}
				if !strings.Contains(fix, want[i]) || strings.Contains(fix, "custom") != (freepbx && strings.Contains(about, "asterisk")) {
					t.Errorf("%s, %s, FreePBX %v: got %s", about, check, freepbx, fix)
				}
			}
		}
		if at := slices.IndexFunc(list, func(f findings.Finding) bool { return f.Check == "tls-old" && strings.Contains(f.About, "8089") }); at >= 0 && !freepbx {
			if got, want := list[at].Fix[0].String(), "write tlsdisablev1=yes in place of /etc/asterisk/http.conf:5"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		if text := audittest.Text(list); !strings.Contains(text, "found: /etc/asterisk/pjsip.conf:5: method=sslv23") || !strings.Contains(text, "found: /etc/asterisk/http.conf:5: tlsdisablev1=no") || strings.Contains(text, "hush") {
			t.Errorf("got\n%s", text)
		}
	}
}

// TestNamedPort: a port that the admin names must have a certificate for its name.
func TestNamedPort(t *testing.T) {
	address := goServer(t, configOf(made(t, nil), stdtls.VersionTLS12, stdtls.VersionTLS13))
	for host, want := range map[string]bool{"pbx.example": true, "other.example": false} {
		m := audittest.Machine(t, nil)
		audittest.Listen(t, m)
		m.Addresses = []string{host + ":5061"}
		serveAs(m, map[string]string{host + ":5061": address})
		list := audittest.Run(m, Checks())
		if got := audittest.Worst(list, "tls-certificate") == findings.OK; got != want {
			t.Errorf("%s: got\n%s", host, audittest.Text(list))
		}
	}
}

// TestConfiguredButClosed: a port of the files that no program listens on was not tested.
func TestConfiguredButClosed(t *testing.T) {
	m := audittest.Machine(t, map[string]string{"/etc/asterisk/http.conf": "[general]\ntlsenable=yes\n"})
	audittest.Listen(t, m)
	serveAs(m, nil)
	list := audittest.Run(m, Checks())
	if len(list) != 1 || list[0].Severity != findings.Note || !strings.Contains(list[0].What, "no program listens there") {
		t.Errorf("got\n%s", audittest.Text(list))
	}
}

// TestProgramsUnknown: an ordinary user sees sockets, but not whose they are. What is not
// tested then is said, and the web server is known by its files.
func TestProgramsUnknown(t *testing.T) {
	m := pbx(t, goServer(t, configOf(made(t, nil), stdtls.VersionTLS10, stdtls.VersionTLS12)))
	if err := os.RemoveAll(filepath.Join(m.Root, "proc")); err != nil {
		t.Fatal(err)
	}
	audittest.Listen(t, m, "tcp 0.0.0.0:443", "tcp 0.0.0.0:22", "tcp 0.0.0.0:9443", "tcp 127.0.0.1:9444")
	list := audittest.Run(m, Checks())
	text := audittest.Text(list)
	if !strings.Contains(text, "unknown tls-ports encrypted ports: these ports were not tested, because it is not known which programs listen there\n   found: 9443\n") {
		t.Errorf("got\n%s", text)
	}
	if !strings.Contains(text, "risky tls-old port 443 (web)") || !strings.Contains(text, "mods-enabled/ssl.conf:2: SSLProtocol all -SSLv2") {
		t.Errorf("got\n%s", text)
	}
}

// TestFlapping: a server that refuses everything after a while is not taken for a sound one.
func TestFlapping(t *testing.T) {
	config := configOf(made(t, nil), stdtls.VersionTLS10, stdtls.VersionTLS12)
	left := make(chan bool, 1)
	left <- true
	address := listen(t, func(c net.Conn) {
		select {
		case <-left:
			_ = stdtls.Server(c, config).HandshakeContext(t.Context())
		default:
		}
	})
	if text := audittest.Text(audittest.Run(pbx(t, address), Checks())); strings.Contains(text, "ok tls") || !strings.Contains(text, "unknown tls-ports") {
		t.Errorf("got\n%s", text)
	}
}

func TestVersionNames(t *testing.T) {
	for v, want := range map[uint16]string{hello.SSL3: "SSLv3", hello.TLS12: "TLS 1.2", 0x0304: "TLS 1.3", 0x7f17: "version 0x7f17"} {
		if got := hello.VersionName(v); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
