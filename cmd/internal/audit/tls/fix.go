package tls

import (
	"fmt"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// aspect is what a line of a configuration is about.
type aspect uint8

const (
	protocolLine aspect = iota
	cipherLine
	certificateLine
)

// goodCiphers is for OpenSSL: openssl-ciphers(1).
const goodCiphers = "HIGH:!aNULL:!eNULL:!EXPORT:!DES:!3DES:!RC4:!MD5"

// pjsipCiphers is for PJSIP, which knows single names only.
const pjsipCiphers = "ECDHE-ECDSA-AES256-GCM-SHA384,ECDHE-RSA-AES256-GCM-SHA384,ECDHE-ECDSA-AES128-GCM-SHA256,ECDHE-RSA-AES128-GCM-SHA256"

// directives are what web servers call each aspect.
var directives = map[server][3]string{
	apache: {"SSLProtocol", "SSLCipherSuite", "SSLCertificateFile"},
	nginx:  {"ssl_protocols", "ssl_ciphers", "ssl_certificate"},
}

func (t target) lines(m *audit.Machine, a aspect) []line {
	files := apacheFiles
	if t.server == nginx {
		files = nginxFiles
	}
	if t.server != apache && t.server != nginx {
		return nil
	}
	return configLines(m, files, directives[t.server][a])
}

// keys are what Asterisk's files call each aspect.
var keys = [3][]string{
	{"tlsdisablev1", "tlsdisablev11", "tlsclientmethod", "sslclientmethod", "method"},
	{"tlscipher", "sslcipher", "cipher"},
	{"tlscertfile", "sslcert", "cert_file", "tlsprivatekey", "priv_key_file"},
}

// file is the file of Asterisk that opens the port; "" for other servers.
func (t target) file() string {
	return map[server]string{pjsip: "pjsip.conf", chanSIP: "sip.conf", httpServer: "http.conf", manager: "manager.conf"}[t.server]
}

// configured are the lines that say what the port does today.
func (t target) configured(m *audit.Machine, a aspect) (list []string) {
	for _, l := range t.lines(m, a) {
		list = append(list, fmt.Sprintf("%s:%d: %s %s", l.file, l.at, directives[t.server][a], show.Flat(l.value, 120)))
	}
	for _, set := range t.settings(m, a) {
		list = append(list, placeOf(set, set.Key))
	}
	return list
}

// settings are those of Asterisk's file for an aspect of the port, in their order.
func (t target) settings(m *audit.Machine, a aspect) (list []asterisk.Setting) {
	dir, err := m.Path(asterisk.DefaultDir)
	if err != nil || t.file() == "" || t.named {
		return nil
	}
	sections, _ := asterisk.Sections(dir, t.file(), keys[a]...) // what cannot be read is not shown
	for _, s := range sections {
		if s.Name != t.section && !strings.EqualFold(s.Name, "general") || s.Template {
			continue
		}
		for _, set := range s.Settings {
			set.At.File = strings.Replace(set.At.File, dir, asterisk.DefaultDir, 1)
			list = append(list, set)
		}
	}
	return list
}

// writeSetting is the step to write a line "key=value" of Asterisk: in place of the last one
// with this key, which counts, else below the section.
func (t target) writeSetting(m *audit.Machine, a aspect, lines ...string) (steps []findings.Step) {
	section := "general"
	if t.server == pjsip {
		section = show.Flat(t.section, 80)
	}
	var added []string
	for _, line := range lines {
		key, _, _ := strings.Cut(line, "=")
		place := ""
		for _, set := range t.settings(m, a) {
			if set.Key == key {
				place = fmt.Sprintf("in place of %s:%d", show.Word(set.At.File, 200), set.At.Line)
			}
		}
		if place == "" {
			added = append(added, line)
			continue
		}
		steps = append(steps, findings.Write(place, line))
	}
	if len(added) > 0 {
		steps = append(steps, findings.Write(fmt.Sprintf("below [%s] in /etc/asterisk/%s", section, t.file()), added...))
	}
	return steps
}

// goodLines are the lines to write.
func (t target) goodLines(a aspect) []string {
	switch {
	case a == certificateLine:
		return nil
	case t.server == apache:
		return []string{[]string{"SSLProtocol all -SSLv3 -TLSv1 -TLSv1.1", "SSLCipherSuite " + goodCiphers}[a]}
	case t.server == nginx:
		return []string{[]string{"ssl_protocols TLSv1.2 TLSv1.3;", "ssl_ciphers " + goodCiphers + ";"}[a]}
	case t.server == pjsip:
		return []string{[]string{"method=tlsv1_2", "cipher=" + pjsipCiphers}[a]}
	case a == protocolLine:
		return []string{"tlsdisablev1=yes", "tlsdisablev11=yes"}
	}
	return []string{"tlscipher=" + goodCiphers}
}

// fix is what to write and to run; nothing for a server whose files are not known.
func (t target) fix(m *audit.Machine, a aspect) (steps []findings.Step) {
	if t.named || t.server == other {
		return []findings.Step{findings.Command(t.again())}
	}
	if a == certificateLine {
		return append(t.newCertificate(m), findings.Command(t.again()))
	}
	lines := t.goodLines(a)
	switch {
	case t.server == apache || t.server == nginx:
		found := t.lines(m, a)
		for _, l := range found[:min(len(found), 4)] {
			steps = append(steps, findings.Write(fmt.Sprintf("in place of %s:%d", l.file, l.at), lines...))
		}
		if len(found) == 0 {
			steps = append(steps, findings.Write(t.usualPlace(m), lines...))
		}
		steps = append(steps, findings.Command(t.reload(m)))
	case m.FreePBX() && t.server == pjsip:
		steps = append(steps,
			findings.Write("into /etc/asterisk/pjsip.transports_custom_post.conf", append([]string{"[" + show.Flat(t.section, 80) + "](+)"}, lines...)...),
			findings.Command(restart))
	case m.FreePBX():
		if t.server == manager { // it is included behind the last section
			lines = append([]string{"[general](+)"}, lines...)
		}
		steps = append(steps,
			findings.Write(fmt.Sprintf("into /etc/asterisk/%s", customFile[t.server]), lines...),
			findings.Command(restart))
	default:
		steps = append(t.writeSetting(m, a, lines...), findings.Command(restart))
	}
	return append(steps, findings.Command(t.again()))
}

// restart restarts Asterisk as soon as no call is left.
const restart = "asterisk -rx 'core restart when convenient'"

// customFile is where FreePBX lets an admin add to [general] of a file that it writes.
var customFile = map[server]string{chanSIP: "sip_general_custom.conf", httpServer: "http_custom.conf", manager: "manager_custom.conf"}

// usualPlace is where a web server has such lines.
func (t target) usualPlace(m *audit.Machine) string {
	if t.server == nginx {
		return "below http { in /etc/nginx/nginx.conf"
	}
	if _, err := m.Stat("/etc/apache2"); err == nil {
		return "into /etc/apache2/mods-enabled/ssl.conf"
	}
	return "into /etc/httpd/conf.d/ssl.conf"
}

// reload tests the new configuration of a web server before it is used.
func (t target) reload(m *audit.Machine) string {
	if t.server == nginx {
		return "nginx -t && systemctl reload nginx"
	}
	if _, err := m.Stat("/etc/apache2"); err == nil {
		return "apachectl configtest && systemctl reload apache2"
	}
	return "apachectl configtest && systemctl reload httpd"
}

// again is how to see whether it helped.
func (t target) again() string {
	if t.named {
		return "jailctl audit --only tls --address " + show.Flat(t.address, 200)
	}
	return "jailctl audit --only tls"
}

// newCertificate is how to get a certificate.
func (t target) newCertificate(m *audit.Machine) []findings.Step {
	if m.FreePBX() {
		return []findings.Step{
			{Where: "in the web interface: Admin, Certificate Management: make a new Let's Encrypt certificate, and make it the default one"},
			{Where: "choose it for the web server (Admin, System Admin, HTTPS Setup), for SIP (Settings, Asterisk SIP Settings, TLS/SSL/SRTP Settings) and for WebSocket (Settings, Advanced Settings, TLS)"},
		}
	}
	name := "NAME"
	if len(t.names) > 0 {
		name = show.Flat(t.names[0], 100)
	}
	folder := "/etc/letsencrypt/live/" + name
	steps := []findings.Step{
		{Where: "get a certificate for the name that phones and browsers use; this needs port 80 for a moment:"},
		findings.Command("certbot certonly --standalone -d " + audit.ShellWord(name)),
	}
	switch t.server {
	case apache, nginx:
		key, end := map[server]string{apache: "SSLCertificateKeyFile", nginx: "ssl_certificate_key"}[t.server], map[server]string{nginx: ";"}[t.server]
		lines := []string{directives[t.server][certificateLine] + " " + folder + "/fullchain.pem" + end, key + " " + folder + "/privkey.pem" + end}
		place := "into the file that has the port"
		if found := t.lines(m, certificateLine); len(found) > 0 {
			place = fmt.Sprintf("in place of %s:%d and of the line with %s there", found[0].file, found[0].at, key)
		}
		return append(steps, findings.Write(place, lines...), findings.Command(t.reload(m)))
	case pjsip:
		steps = append(steps, t.writeSetting(m, certificateLine, "cert_file="+folder+"/fullchain.pem", "priv_key_file="+folder+"/privkey.pem")...)
	default:
		steps = append(steps, t.writeSetting(m, certificateLine, "tlscertfile="+folder+"/fullchain.pem", "tlsprivatekey="+folder+"/privkey.pem")...)
	}
	return append(steps, findings.Command(restart))
}

// hint is what the steps do not say.
func (t target) hint(m *audit.Machine, a aspect) string {
	what := [...]string{"Allow only TLS 1.2 and 1.3", "Allow only the ciphers " + goodCiphers, "Write a new certificate"}[a]
	switch {
	case t.named || t.server == other:
		return what + " in the configuration of the program behind this port, and restart that program; then test again"
	case a == protocolLine && t.server == pjsip && m.FreePBX():
		return restarts + ". The web interface can do the same: Settings, Asterisk SIP Settings, TLS/SSL/SRTP Settings: SSL Method tlsv1_2"
	case t.server.asterisk() && a == certificateLine && !m.FreePBX():
		return "the user that Asterisk runs as must be able to read both new files. " + capital(restarts)
	case t.server.asterisk() && a != certificateLine:
		return restarts
	}
	return ""
}

// restarts says what the command does to calls.
const restarts = "the command below restarts Asterisk as soon as no call is left"

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
