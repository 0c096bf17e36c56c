package tls

import (
	"bytes"
	//lint:ignore SA1019 an old certificate may have such a key
	"crypto/dsa"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

// fault is something wrong with a certificate.
type fault struct {
	severity findings.Severity
	what     string
	evidence string
	see      string
}

const (
	soonDays = 14   // Let's Encrypt renews 30 days before the end: below this, that has failed
	leastRSA = 2048 // bits: NIST SP 800-131A
	leastEC  = 224
)

// judge says what is wrong with a certificate at a time. names are those by which clients may
// know the machine; must says that the admin named the only one. chain is not empty.
func judge(chain []*x509.Certificate, names []string, must bool, now time.Time) (list []fault) {
	c := chain[0]
	add := func(s findings.Severity, see, evidence, format string, args ...any) {
		list = append(list, fault{s, fmt.Sprintf(format, args...), evidence, see})
	}
	until := "valid from " + show.Date(c.NotBefore) + " to " + show.Date(c.NotAfter)
	days := int(c.NotAfter.Sub(now).Abs().Hours() / 24)
	switch {
	case now.After(c.NotAfter):
		add(findings.Broken, "", until, "the certificate is not valid any more since %s: phones and browsers refuse to connect, or their users learn to ignore warnings", show.Count(days, "day"))
	case now.Before(c.NotBefore):
		add(findings.Broken, "", until, "the certificate is not valid yet: phones and browsers refuse to connect. If the date is right, the clock of this machine is wrong: timedatectl")
	case c.NotAfter.Sub(now) < soonDays*24*time.Hour:
		add(findings.Risky, "", until, "the certificate is valid for only %s more. Then phones and browsers refuse to connect. If a program renews it, that program has failed", show.Count(days, "day"))
	}
	if bytes.Equal(c.RawIssuer, c.RawSubject) {
		add(findings.Risky, "", "issuer and subject are "+nameOf(c), "the certificate is signed by itself (self-signed): phones and browsers cannot distinguish this PBX from an attacker between")
	} else if weakSignature(c.SignatureAlgorithm) {
		add(findings.Risky, "RFC 9155", "signed with "+c.SignatureAlgorithm.String(), "the signature of the certificate can be forged")
	}
	if text := shortKey(c.PublicKey); text != "" {
		add(findings.Risky, "NIST SP 800-131A", text, "the key of the certificate is too short: an attacker with many computers can find it")
	}
	switch {
	case len(c.DNSNames)+len(c.IPAddresses) == 0:
		add(findings.Risky, "RFC 9525", "no subjectAltName; subject "+nameOf(c), "the certificate has no name of a server: phones and browsers of today refuse it")
	case len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return c.VerifyHostname(n) == nil }):
		if must {
			add(findings.Risky, "RFC 9525", "it is for "+namesOf(c), "the certificate is not for %s: phones and browsers that use this name refuse to connect", show.Word(names[0], 100))
		} else {
			add(findings.Note, "RFC 9525", "it is for "+namesOf(c)+"; this machine has the names "+wordsOf(names), "the certificate is for other names than those that this machine has in its own files. Phones and browsers must use a name of the certificate")
		}
	}
	return list
}

func weakSignature(a x509.SignatureAlgorithm) bool {
	return slices.Contains([]x509.SignatureAlgorithm{x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1}, a)
}

// shortKey says how long a key is that is too short; "": it is long enough.
func shortKey(key any) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < leastRSA {
			return fmt.Sprintf("an RSA key of %d bits; %d are needed", n, leastRSA)
		}
	case *ecdsa.PublicKey:
		if n := k.Params().BitSize; n < leastEC {
			return fmt.Sprintf("an ECDSA key of %d bits; 256 are needed", n)
		}
	case *dsa.PublicKey:
		return "a DSA key; RSA of 2048 bits or ECDSA of 256 bits is needed"
	}
	return ""
}

func nameOf(c *x509.Certificate) string { return show.Quoted(c.Subject.String(), 120) }

func namesOf(c *x509.Certificate) string {
	list := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		list = append(list, ip.String())
	}
	return wordsOf(list)
}

// wordsOf lists a few names, cut short.
func wordsOf(list []string) string {
	const most = 5
	var words []string
	for _, n := range list[:min(len(list), most)] {
		words = append(words, show.Word(n, 80))
	}
	if n := len(list) - most; n > 0 {
		words = append(words, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(words, ", ")
}

// certificates are the faults of each certificate, once for all ports that have it.
func certificates(m *audit.Machine) (list []findings.Finding) {
	var groups [][]result
	for _, r := range look(m).results {
		if r.err != nil {
			continue
		}
		if len(r.chain) == 0 {
			list = append(list, m.Unseen(r.about, "whether the certificate of the port is valid", errNoAnswer))
			continue
		}
		at := slices.IndexFunc(groups, func(g []result) bool {
			return g[0].chain[0].Equal(r.chain[0]) && g[0].server == r.server && g[0].named == r.named
		})
		if at < 0 {
			groups = append(groups, []result{r})
		} else {
			groups[at] = append(groups[at], r)
		}
	}
	for _, g := range groups {
		r := g[0]
		about := r.about
		for _, more := range g[1:] {
			about += ", " + more.about
		}
		one := findings.Finding{About: about}
		var whats []string
		for _, f := range judge(r.chain, r.names, r.named, m.Now) {
			one.Severity = max(one.Severity, f.severity)
			whats, one.Evidence = append(whats, f.what), append(one.Evidence, f.evidence)
			if f.see != "" {
				one.References = append(one.References, f.see)
			}
		}
		if len(whats) == 0 {
			continue
		}
		one.What = strings.Join(whats, "; and ")
		one.Evidence = append(one.Evidence, r.configured(m, certificateLine)...)
		if one.Severity > findings.Note {
			one.Fix, one.Hint = r.fix(m, certificateLine), r.hint(m, certificateLine)
		}
		list = append(list, one)
	}
	return list
}

// isName reports whether a host of an address is a name: an address is in few certificates.
func isName(host string) bool { return net.ParseIP(host) == nil && strings.Contains(host, ".") }
