package tls

import (
	"fmt"
	"net"
	"regexp"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// encrypted is a port that a file of Asterisk opens with TLS.
type encrypted struct {
	port    uint16
	what    string
	server  server
	section string // of pjsip.conf
	at      string // "FILE:LINE: what is there"
}

// ofAsterisk reads which ports Asterisk's files open with TLS: asterisk:main/tcptls.c
// ast_tls_read_conf, res/res_pjsip/config_transport.c.
func ofAsterisk(m *audit.Machine) (list []encrypted) {
	dir, err := m.Path(asterisk.DefaultDir)
	if err != nil {
		return nil
	}
	sections, _ := asterisk.Sections(dir, "pjsip.conf", "type", "protocol", "bind") // the daemon reports what cannot be read
	for _, s := range sections {
		protocol, _ := s.Last("protocol")
		bind, bound := s.Last("bind")
		bind.At.File = strings.Replace(bind.At.File, dir, asterisk.DefaultDir, 1)
		if kind, _ := s.Last("type"); s.Template || !bound || !strings.EqualFold(kind.Value, "transport") || !strings.EqualFold(protocol.Value, "tls") {
			continue
		}
		list = append(list, encrypted{portOf(bind.Value, 5061), "SIP", pjsip, s.Name, placeOf(bind, "bind")})
	}
	for _, f := range []struct {
		file, what string
		server     server
		usual      uint16
	}{{"sip.conf", "SIP", chanSIP, 5061}, {"http.conf", "WebSocket and ARI", httpServer, 8089}, {"manager.conf", "manager interface", manager, 5039}} {
		sections, _ := asterisk.Sections(dir, f.file, "tlsenable", "sslenable", "tlsbindaddr", "sslbindaddr", "tlsbindport", "sslbindport")
		for _, s := range sections {
			if !strings.EqualFold(s.Name, "general") {
				continue
			}
			one := encrypted{port: f.usual, what: f.what, server: f.server}
			on := false
			for _, set := range s.Settings {
				set.At.File = strings.Replace(set.At.File, dir, asterisk.DefaultDir, 1)
				switch key := strings.Replace(set.Key, "ssl", "tls", 1); key {
				case "tlsenable":
					on = asterisk.IsTrue(set.Value)
					one.at = placeOf(set, set.Key)
				case "tlsbindaddr":
					one.port = portOf(set.Value, one.port)
				case "tlsbindport":
					one.port = portNumber(set.Value, one.port)
				}
			}
			if on {
				list = append(list, one)
			}
		}
	}
	return list
}

// placeOf is a setting as evidence.
func placeOf(s asterisk.Setting, key string) string {
	return fmt.Sprintf("%s:%d: %s=%s", show.Word(s.At.File, 200), s.At.Line, key, show.Flat(s.Value, 80))
}

func portOf(bind string, usual uint16) uint16 {
	if _, port, err := net.SplitHostPort(bind); err == nil {
		return portNumber(port, usual)
	}
	return usual
}

// Files of web servers: those of Debian, and those of Red Hat.
var (
	apacheFiles = []string{
		"/etc/apache2/apache2.conf", "/etc/apache2/mods-enabled/ssl.conf", "/etc/apache2/conf-enabled/*.conf", "/etc/apache2/sites-enabled/*",
		"/etc/httpd/conf/httpd.conf", "/etc/httpd/conf.d/*.conf",
	}
	nginxFiles = []string{"/etc/nginx/nginx.conf", "/etc/nginx/conf.d/*.conf", "/etc/nginx/sites-enabled/*"}
)

// line is a line of a file of a web server.
type line struct {
	file  string
	at    int // from 1
	value string
}

// Bounds of what is read of web servers.
const (
	maxFiles = 200
	maxFile  = 1 << 20
)

// configLines are the lines with a directive in files of a web server. What cannot be read
// has none: the lines are only shown as help.
func configLines(m *audit.Machine, patterns []string, directive string) (list []line) {
	form := regexp.MustCompile(`(?i)^\s*` + regexp.QuoteMeta(directive) + `\s+([^#]*)`)
	for _, pattern := range patterns {
		for _, file := range m.Glob(pattern, maxFiles) {
			text, _ := m.Read(file, maxFile) // a folder, or a file that may not be read
			n := 0
			for one := range strings.Lines(string(text)) {
				n++
				if match := form.FindStringSubmatch(one); match != nil && len(list) < maxFiles {
					list = append(list, line{file, n, strings.TrimRight(strings.TrimSpace(match[1]), ";")})
				}
			}
		}
	}
	return list
}
