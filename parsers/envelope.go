package parsers

import "bytes"

// envelope is what another program put around a line that Asterisk wrote: syslogd,
// the journal, or what runs a container. It shows who wrote the text, so a head is
// believed only where the text begins. The zero value is a line as Asterisk wrote it.
type envelope struct {
	kind   envelopeKind
	stamp  []byte // its own date; nil: none
	writer []byte // who wrote the text: "pbx asterisk[812]:", "stdout"
	text   []byte // what was written
	tag    tagKind
	name   []byte // of the program, in syslog's tag
	pid    bool   // the tag has a number
	part   bool   // the text goes on in the writer's next line
	times  int    // how many records the text means; 0 is one
	again  int    // there is no text: the line before came so many times more
}

// envelopeKind tells envelopes apart. A log has one of them.
type envelopeKind uint8

const (
	plainLine     envelopeKind = iota
	syslogMessage              // Asterisk's syslog channel: a record is one message
	syslogConsole              // a service's or a container's output, kept by the journal or syslog: a line is one message
	criLine                    // the container runtime interface: containerd, CRI-O, podman's k8s-file
	dockerLine                 // docker's json-file
	stampedLine                // docker logs -t, kubectl logs --timestamps
)

// tagKind says whose text a syslog message is.
type tagKind uint8

const (
	asteriskTag tagKind = iota // Asterisk's own, or a log that holds nothing else
	someTag                    // of a container or a service with a name of its own
	otherTag                   // of another program
)

// maxEnvelope is the greatest length before the text.
const maxEnvelope = 512

// unwrap takes the envelope off a line. It reports false if there is no known envelope. buf is used where the text has to be unescaped, and is returned.
func unwrap(line, buf []byte, env *envelope) (_ []byte, ok bool) {
	if len(line) < 8 {
		return buf, false
	}
	*env = envelope{}
	b := line
	switch c := line[0]; {
	case c == '{':
		return unwrapDocker(line, buf, env)
	case c == '<':
		if b, ok = cutPriority(line); !ok {
			return buf, false
		}
		if rest, modern := bytes.CutPrefix(b, []byte("1 ")); modern {
			if n := isoStamp(rest); n > 0 {
				env.stamp = rest[:n]
				return buf, unwrapModern(rest[n+1:], env)
			}
			return buf, false
		}
	case c >= '0' && c <= '9', c >= 'A' && c <= 'Z':
	default:
		return buf, false
	}
	if n := isoStamp(b); n > 0 {
		env.stamp, b = b[:n], b[n+1:]
		return buf, unwrapCRI(b, env) || unwrapStamped(b, env) || unwrapSyslog(b, env) || unwrapModern(b, env)
	}
	n := max(bsdStamp(b), ctimeStamp(b))
	if n == 0 {
		return buf, false
	}
	env.stamp, b = b[:n], b[n+1:]
	return buf, unwrapSyslog(b, env)
}

// cutPriority takes off syslog's "<30>".
func cutPriority(b []byte) ([]byte, bool) {
	end := bytes.IndexByte(b[:min(len(b), 5)], '>')
	if end < 2 || !allDigits(b[1:end]) {
		return nil, false
	}
	n := 0
	for _, c := range b[1:end] {
		n = n*10 + int(c-'0')
	}
	return b[end+1:], n <= 191 && len(b) > end+8
}

// isoStamp returns the length of "2026-03-02T10:00:00.123456+00:00" that a blank
// follows, or 0.
func isoStamp(b []byte) int {
	if len(b) < 21 || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || !allDigits(b[:4]) {
		return 0
	}
	return max(bytes.IndexByte(b[:min(len(b), 40)], ' '), 0)
}

// bsdStamp returns the length of "Mar  2 10:00:00", "Mar 2 10:00:00" or
// "Mar 12 10:00:00.123456" that a blank follows, or 0.
func bsdStamp(b []byte) int {
	if len(b) < 16 || b[3] != ' ' {
		return 0
	}
	n := 4
	if b[n] == ' ' {
		n++
	}
	day := n
	for n < len(b) && n < day+2 && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	if n == day || len(b) < n+10 || b[n] != ' ' || b[n+3] != ':' || b[n+6] != ':' {
		return 0
	}
	n += 9
	if b[n] == '.' {
		for n++; n < len(b) && b[n] >= '0' && b[n] <= '9'; n++ {
		}
	}
	if n >= len(b) || b[n] != ' ' {
		return 0
	}
	return n
}

// ctimeStamp returns the length of OpenWrt's "Thu Mar  5 06:07:08 2026", or 0.
func ctimeStamp(b []byte) int {
	if len(b) < 26 || b[3] != ' ' {
		return 0
	}
	n := bsdStamp(b[4:])
	if n == 0 || len(b) < n+10 || b[n+9] != ' ' || !allDigits(b[n+5:n+9]) {
		return 0
	}
	return n + 9
}

// isBanner knows "[DATE] Asterisk VERSION built by USER @ HOST on a MACHINE running
// SYSTEM on DATE". asterisk:main/logger.c, init_logger and reload_logger.
func isBanner(line []byte) bool {
	if len(line) == 0 || line[0] != '[' || len(line) > maxEnvelope {
		return false
	}
	end := bytes.Index(line[:min(len(line), maxStamp)], bannerMark)
	if end < 0 {
		return false
	}
	version, rest, ok := bytes.Cut(line[end+len(bannerMark):], []byte(" built by "))
	if !ok || len(version) == 0 || bytes.IndexByte(version, ' ') >= 0 {
		return false
	}
	who, rest, ok := bytes.Cut(rest, []byte(" on a "))
	if !ok || !bytes.Contains(who, []byte(" @ ")) {
		return false
	}
	_, rest, ok = bytes.Cut(rest, []byte(" running "))
	return ok && bytes.Contains(rest, []byte(" on "))
}

var bannerMark = []byte("] Asterisk ")
