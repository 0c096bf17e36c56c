package parsers

import "bytes"

// unwrapSyslog reads what follows the date of a syslog line: "HOST TAG[PID]: TEXT",
// "HOST FACILITY.LEVEL TAG: TEXT" (busybox, OpenWrt, AstLinux), or without HOST.
func unwrapSyslog(b []byte, env *envelope) bool {
	start := b
	for n := range 3 {
		end := bytes.IndexByte(b[:min(len(b), 256)], ' ')
		if end <= 0 {
			return false
		}
		word := b[:end]
		if word[end-1] == ':' {
			env.writer, env.text = start[:len(start)-len(b)+end], b[end+1:]
			return env.takeTag(word[:end-1])
		}
		if !isHostName(word) || n == 1 && !isPriority(word) || n == 2 {
			return false
		}
		b = b[end+1:]
		if n == 0 && bytes.HasPrefix(b, lastMessage) {
			if env.again = lastRepeated(b); env.again > 0 {
				env.kind, env.writer = syslogMessage, start[:end]
				return true
			}
		}
	}
	return false
}

// unwrapModern reads what follows the date of an RFC 5424 line: "HOST APP PROCID
// MSGID DATA TEXT". RFC 5424 6.
func unwrapModern(b []byte, env *envelope) bool {
	start := b
	var words [4][]byte
	for i := range words {
		end := bytes.IndexByte(b[:min(len(b), 256)], ' ')
		if end <= 0 {
			return false
		}
		words[i], b = b[:end], b[end+1:]
	}
	env.writer = start[:len(start)-len(b)]
	if b = cutData(b); b == nil || !isHostName(words[0]) {
		return false
	}
	env.text = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	name, pid := words[1], words[2]
	return env.takeTagOf(name, len(pid) > 0 && allDigits(pid))
}

// cutData takes off structured data, "-" or "[ID NAME=\"VALUE\"]...", and the blank
// behind it; nil when there is none.
func cutData(b []byte) []byte {
	if rest, ok := bytes.CutPrefix(b, []byte("- ")); ok {
		return rest
	}
	quoted := false
	for i := 0; i < min(len(b), 4096); i++ {
		switch c := b[i]; {
		case i == 0 && c != '[':
			return nil
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted && i+1 < len(b) && b[i+1] == ' ':
			return b[i+2:]
		case c == ']' && !quoted && (i+1 == len(b) || b[i+1] != '['):
			return nil
		}
	}
	return nil
}

// takeTag reads "NAME[PID]" or "NAME" and what follows it.
func (env *envelope) takeTag(tag []byte) bool {
	name, rest, boxed := bytes.Cut(tag, []byte("["))
	pid, whole := bytes.CutSuffix(rest, []byte("]"))
	if len(name) == 0 || boxed && (!whole || len(pid) == 0 || !allDigits(pid)) {
		return false
	}
	return env.takeTagOf(name, boxed)
}

func (env *envelope) takeTagOf(name []byte, pid bool) bool {
	env.name, env.pid = name, pid
	switch {
	case string(name) == "asterisk":
		env.tag = asteriskTag
	case pid && !isOtherProgram(name):
		env.tag = someTag
	default:
		env.tag = otherTag
	}
	env.kind = syslogMessage
	env.takeRepeated()
	if len(env.text) == 0 || levelAt(env.text) == levelNone {
		env.kind = syslogConsole // or anything else that is no message of Asterisk's
	}
	return true
}

// otherPrograms write what strangers send them into syslog. No container of
// Asterisk's has such a name.
var otherPrograms = [][]byte{
	[]byte("sshd"), []byte("kernel"), []byte("sudo"), []byte("su"), []byte("cron"), []byte("crond"), []byte("systemd"), []byte("nginx"), []byte("httpd"), []byte("apache"), []byte("php"),
	[]byte("named"), []byte("dnsmasq"), []byte("dhcp"), []byte("postfix"), []byte("dovecot"), []byte("exim"), []byte("sendmail"), []byte("kamailio"), []byte("opensips"), []byte("rtpengine"),
	[]byte("mysql"), []byte("mariadb"), []byte("postgres"), []byte("ntpd"), []byte("chronyd"), []byte("rsyslogd"), []byte("syslog"), []byte("fail2ban"), []byte("pbxjail"), []byte("python"), []byte("node"), []byte("perl"), []byte("java"),
	[]byte("logger"), []byte("root"), []byte("haproxy"), []byte("snmpd"), []byte("vsftpd"), []byte("proftpd"), []byte("in.tftpd"), []byte("openvpn"), []byte("charon"), []byte("dropbear"), []byte("uhttpd"), []byte("lighttpd"),
}

func isOtherProgram(name []byte) bool {
	for _, other := range otherPrograms {
		n := len(other)
		if len(name) >= n && bytes.EqualFold(name[:n], other) && (len(name) == n || !isLetter(name[n])) { // "postfix/smtpd", "php-fpm", "apache2", not "subway"
			return true
		}
	}
	return false
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// isPriority knows "daemon.notice".
func isPriority(b []byte) bool {
	facility, level, ok := bytes.Cut(b, []byte("."))
	if !ok {
		return false
	}
	switch string(level) {
	case "emerg", "panic", "alert", "crit", "err", "error", "warn", "warning", "notice", "info", "debug":
	default:
		return false
	}
	switch string(facility) {
	case "kern", "user", "mail", "daemon", "auth", "security", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp":
		return true
	}
	return len(facility) == 6 && string(facility[:5]) == "local" && facility[5] >= '0' && facility[5] <= '7'
}

var lastMessage = []byte("last message repeated ")

// mostRepeated bounds how many records one line can stand for.
const mostRepeated = 1000

// takeRepeated opens rsyslog's "message repeated N times: [TEXT]".
func (env *envelope) takeRepeated() {
	rest, ok := bytes.CutPrefix(env.text, []byte("message repeated "))
	if !ok {
		return
	}
	n, rest := cutNumber(rest)
	rest, ok = bytes.CutPrefix(rest, []byte(" times: ["))
	if rest, closed := bytes.CutSuffix(bytes.TrimSuffix(rest, []byte("\r")), []byte("]")); ok && closed && n > 0 {
		env.times, env.text = n, bytes.TrimPrefix(rest, blank)
	}
}

// lastRepeated reads the "last message repeated N times" of other syslogds, or 0.
func lastRepeated(b []byte) int {
	n, rest := cutNumber(b[len(lastMessage):])
	if string(rest) != " times" && string(rest) != " times\r" {
		return 0
	}
	return n
}

// cutNumber reads decimal digits, at most mostRepeated.
func cutNumber(b []byte) (n int, rest []byte) {
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		n = min(n*10+int(b[i]-'0'), mostRepeated)
	}
	return n, b[i:]
}
