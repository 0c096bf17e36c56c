// Package tls is the part of jailctl audit that tests the encrypted ports of the PBX: the web
// server, SIP over TLS, WebSocket, the manager interface. It opens connections to the ports
// of this machine, and to those that the admin names, and asks for versions and ciphers that
// are weak. It logs in nowhere, and sends nothing but the begin of a handshake. It must never
// believe what a server sends, and never wait without a bound.
package tls

import (
	"fmt"
	"slices"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/tls/hello"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

// Checks are the checks of this part.
func Checks() []findings.Check[*audit.Machine] {
	return []findings.Check[*audit.Machine]{
		{Name: "tls-ports", Asks: "which ports are encrypted, and which of them could be tested?", Run: ports},
		{Name: "tls-sslv3", Asks: "does a port accept SSLv3 (POODLE)?", Run: sslv3},
		{Name: "tls-old", Asks: "does a port accept TLS 1.0 or 1.1?", Run: oldVersions},
		{Name: "tls-ciphers", Asks: "does a port accept weak ciphers?", Run: weakCiphers},
		{Name: "tls-certificate", Asks: "is the certificate valid, for the right name, and strong?", Run: certificates},
	}
}

// seen is what was found out about the ports of a machine.
type seen struct {
	results []result
	left    []findings.Finding // what could not be looked at, before any connection
}

// look tests all ports, once for all checks.
func look(m *audit.Machine) seen {
	return audit.Remember(m, "tls", func() (s seen) {
		if m.Dial == nil {
			s.left = append(s.left, m.Unseen("encrypted ports", "which versions and ciphers the ports accept", audit.ErrNoDial))
			return s
		}
		list, left := targets(m)
		s.left = left
		for _, t := range list {
			s.results = append(s.results, probe(m, t))
		}
		return s
	})
}

// ports says what was tested and is fine, and what could not be tested.
func ports(m *audit.Machine) (list []findings.Finding) {
	s := look(m)
	list = append(list, s.left...)
	tested := 0
	for _, r := range s.results {
		switch {
		case r.err != nil && (r.expected || !r.plain()):
			list = append(list, m.Unseen(r.about, "which versions and ciphers the port accepts", r.err))
			tested++
		case r.err != nil: // a port that was tried and is not encrypted
		default:
			tested++
			if f, clean := r.clean(m); clean {
				list = append(list, f)
			} else if len(r.unanswered) > 0 {
				f := m.Unseen(r.about, "whether the port accepts "+strings.Join(r.unanswered, ", "), errNoAnswer)
				list = append(list, f)
			}
		}
	}
	if tested == 0 && len(s.left) == 0 {
		return []findings.Finding{audit.Absent("encrypted ports", "no port of a PBX, a web server or SIP is encrypted with TLS here. Passwords and calls go over the network as they are, unless a VPN encrypts them")}
	}
	return list
}

// clean is the finding about a port with which nothing is wrong.
func (r result) clean(m *audit.Machine) (findings.Finding, bool) {
	if len(r.old) > 0 || len(r.weak) > 0 || len(r.unanswered) > 0 || len(r.chain) == 0 {
		return findings.Finding{}, false
	}
	if slices.ContainsFunc(judge(r.chain, r.names, r.named, m.Now), func(f fault) bool { return f.severity > findings.Note }) {
		return findings.Finding{}, false
	}
	days := int(r.chain[0].NotAfter.Sub(m.Now).Hours() / 24)
	return audit.OK(r.about, "accepts %s, nothing older than TLS 1.2 and no weak cipher; its certificate is valid for %s more", r.best, show.Count(days, "day")), true
}

func sslv3(m *audit.Machine) (list []findings.Finding) {
	for _, r := range look(m).results {
		a, accepts := r.old[hello.SSL3]
		if !accepts {
			continue
		}
		list = append(list, findings.Finding{
			About: r.about, Severity: findings.Risky,
			What:       "this port accepts SSLv3. An attacker between a client and this PBX can make both use SSLv3, and then read passwords and cookies (POODLE)",
			Evidence:   append([]string{fmt.Sprintf("%s: chose SSLv3 with %s", r.address, hello.SuiteName(a.Suite))}, r.configured(m, protocolLine)...),
			Fix:        r.fix(m, protocolLine),
			Hint:       r.hint(m, protocolLine) + tooOld(r.server),
			References: references(r.server, "CVE-2014-3566 (POODLE)", "RFC 7568"),
		})
	}
	return list
}

// tooOld is about a server of Asterisk that has no switch for SSLv3: AST-2014-011.
func tooOld(s server) string {
	if s.asterisk() && s != pjsip {
		return ". If this port still accepts SSLv3 after that, update Asterisk: versions before 11.13.1, 12.6.1 and 13.0.0 always accept it"
	}
	return ""
}

// references adds the advisory of Asterisk, where Asterisk is the server.
func references(s server, list ...string) []string {
	if s.asterisk() {
		list = append(list, "AST-2014-011")
	}
	return list
}

func oldVersions(m *audit.Machine) (list []findings.Finding) {
	for _, r := range look(m).results {
		var names, evidence []string
		for _, v := range []uint16{hello.TLS10, hello.TLS11} {
			if a, accepts := r.old[v]; accepts {
				names = append(names, hello.VersionName(v))
				evidence = append(evidence, fmt.Sprintf("%s: chose %s with %s", r.address, hello.VersionName(v), hello.SuiteName(a.Suite)))
			}
		}
		if len(names) == 0 {
			continue
		}
		list = append(list, findings.Finding{
			About: r.about, Severity: findings.Risky,
			What:       "this port accepts " + strings.Join(names, " and ") + ". These old versions have known faults, and the standard forbids them since 2021",
			Evidence:   append(evidence, r.configured(m, protocolLine)...),
			Fix:        r.fix(m, protocolLine),
			Hint:       strings.TrimSpace("Very old phones and browsers speak nothing newer: update or replace them first. " + capital(r.hint(m, protocolLine)+" ")),
			References: []string{"RFC 8996"},
		})
	}
	return list
}

func weakCiphers(m *audit.Machine) (list []findings.Finding) {
	for _, r := range look(m).results {
		var evidence, names, cves []string
		for _, k := range hello.Kinds() {
			a, accepts := r.weak[k]
			if !accepts {
				continue
			}
			names = append(names, k.String())
			evidence = append(evidence, fmt.Sprintf("%s: chose %s with %s: %s", r.address, hello.SuiteName(a.Suite), hello.VersionName(a.Version), k.Means()))
			cves = append(cves, k.Reference())
		}
		if len(names) == 0 {
			continue
		}
		list = append(list, findings.Finding{
			About: r.about, Severity: findings.Risky,
			What:       "this port accepts weak ciphers (" + strings.Join(names, ", ") + "): an attacker between a client and this PBX can make both use one",
			Evidence:   append(evidence, r.configured(m, cipherLine)...),
			Fix:        r.fix(m, cipherLine),
			Hint:       r.hint(m, cipherLine),
			References: slices.Compact(cves),
		})
	}
	return list
}
