package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// amiTLS is where the manager interface of the bench's PBX speaks TLS.
const amiTLS = "127.0.0.1:5039"

// managerTLS adds TLS to manager.conf.
const managerTLS = "[general](+)\ntlsenable = yes\ntlsbindaddr = " + amiTLS + "\ntlscertfile = /etc/asterisk/ami.pem\n"

// selfSigned makes a certificate for this machine that signs itself, and its key, as PEM.
func selfSigned() (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), err
}

// serveTLS has Asterisk speak TLS with a certificate, and pbxjail trust another one.
func (s *scene) serveTLS() error {
	certificate, key, err := selfSigned()
	if err != nil {
		return err
	}
	other, _, err := selfSigned()
	if err != nil {
		return err
	}
	s.files["ami.pem"] = string(certificate) + string(key)
	s.files["manager-more.conf"] += managerTLS
	s.certificate = certificate
	return os.WriteFile(s.trusted(), other, 0o644)
}

// trusted is the file of the certificate that pbxjail trusts.
func (s *scene) trusted() string { return filepath.Join(s.dir, "ca.pem") }

// trust looks whether pbxjail refuses a certificate that it does not trust, and connects when
// it trusts it.
func (p *play) trust(ctx context.Context) error {
	if p.certificate == nil {
		return nil
	}
	said := ""
	if !until(ctx, 10*time.Second, func() bool {
		said, _ = p.guard.ctl("status")
		return strings.Contains(said, "NOT CONNECTED") && strings.Contains(said, "certificate")
	}) {
		p.fault("pbxjail does not refuse a certificate that it does not trust; status says:\n%s", said)
	}
	if err := os.WriteFile(p.trusted(), p.certificate, 0o644); err != nil {
		return err
	}
	began := time.Now()
	if !until(ctx, 30*time.Second, func() bool { said, _ = p.guard.ctl("status"); return !strings.Contains(said, "NOT CONNECTED") }) {
		return errors.New("pbxjail does not connect over TLS, though it trusts the certificate; status says:\n" + said)
	}
	fmt.Fprintf(p.out, "  AMI over TLS: a certificate of someone else is refused; %d s after it is trusted, pbxjail is connected\n", int(time.Since(began).Seconds()))
	return nil
}
