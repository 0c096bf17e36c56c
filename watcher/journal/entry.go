// Package journal reads entries of systemd's journal, as "journalctl -o json" writes them,
// and hands them out as lines of a syslog: one line is one entry. The daemon follows a
// unit with it, and jailctl reads saved entries with it.
//
// An entry has a boundary that its writer cannot move: a newline in its text is data. So
// the text becomes one line, with its control characters written as #012. The head of the
// line is made of fields that journald itself fills in and that no writer can set
// (systemd.journal-fields(7), "Trusted Journal Fields"); only the name behind the host
// name may be the writer's, and never the name of Asterisk for another program.
//
// The package must never start a program itself, never give a program anything but a
// unit's name and a cursor of checked form, and never hold more than a bounded piece of
// the journal in memory.
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"time"
)

// Entry is what pbxjail wants of one entry. The zero value is no entry.
type Entry struct {
	Line   []byte    // as syslog writes it, without a newline; valid until the next Decode
	Time   time.Time // when journald received it
	Cursor string    // its place in the journal; "" where it has none of the known form
}

// Decoder decodes entries one after another. The zero value is ready. It is for one
// goroutine.
type Decoder struct{ line, text []byte }

var (
	errForm = errors.New("this is not an entry of the journal in JSON")
	errText = errors.New("MESSAGE of this entry is neither text nor bytes")

	cursorForm = regexp.MustCompile(`^[A-Za-z0-9=;]{1,256}$`)
)

// asterisk is the name of the process whose records are believed.
const asterisk = "asterisk"

// Decode reads one JSON object. It refuses what is no entry, or has no text that is one.
func (d *Decoder) Decode(raw []byte) (Entry, error) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return Entry{}, errForm
	}
	micros, err := strconv.ParseInt(text(fields["__REALTIME_TIMESTAMP"]), 10, 64)
	if err != nil || micros < 0 || micros > latest {
		return Entry{}, errForm
	}
	e := Entry{Time: time.UnixMicro(micros).UTC()}
	if cursor := text(fields["__CURSOR"]); cursorForm.MatchString(cursor) {
		e.Cursor = cursor
	}
	message, ok := d.message(fields["MESSAGE"])
	if !ok {
		return e, errText
	}
	name, pid := writer(fields)
	d.line = e.Time.AppendFormat(d.line[:0], "2006-01-02T15:04:05.000000-07:00")
	d.line = append(append(d.line, ' '), word(text(fields["_HOSTNAME"]), "localhost")...)
	d.line = append(append(d.line, ' '), name...)
	if pid != "" {
		d.line = append(append(append(d.line, '['), pid...), ']')
	}
	d.line = append(d.line, ": "...)
	if byLine(text(fields["_TRANSPORT"])) && startsWithLevel(message) {
		d.line = append(d.line, ' ')
	}
	d.line = appendEscaped(d.line, message)
	e.Line = d.line
	return e, nil
}

// latest is the end of the year 9999, in microseconds.
const latest = 253402300799 * 1e6

// byLine knows what cuts its text at newlines before journald sees it: the standard
// output of a service ("stdout"). A caller's newline begins an entry there. Asterisk
// writes a date before each record to its console, so an entry that begins with a level
// is the rest of a record.
func byLine(transport string) bool { return transport != "syslog" && transport != "journal" }

func startsWithLevel(message []byte) bool {
	return len(message) > 0 && message[0] >= 'A' && message[0] <= 'Z' && levelForm.Match(message[:min(len(message), 32)])
}

var levelForm = regexp.MustCompile(`^[A-Z]+ ?\[`)

// writer is the name and the process number of who wrote an entry. SYSLOG_IDENTIFIER is
// the writer's own word, so a process that is not named asterisk cannot use that name.
func writer(fields map[string]json.RawMessage) (name, pid string) {
	process := word(text(fields["_COMM"]), "unknown")
	name = word(text(fields["SYSLOG_IDENTIFIER"]), process)
	if name == asterisk || process == asterisk {
		name = process
	}
	if pid = text(fields["_PID"]); !processNumber.MatchString(pid) {
		pid = ""
	}
	return name, pid
}

var processNumber = regexp.MustCompile(`^[0-9]{1,10}$`)

// text is a field with one value of text, or "".
func text(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// message is the text of an entry: a string, or an array of bytes where it holds others
// than those of printed text. journalctl writes null for a text that is too long, and an
// array of texts for a field that is there twice: both are refused.
func (d *Decoder) message(raw json.RawMessage) ([]byte, bool) {
	switch {
	case len(raw) == 0:
		return nil, false
	case raw[0] == '"':
		d.text = append(d.text[:0], text(raw)...)
		return d.text, true
	case raw[0] != '[':
		return nil, false
	}
	d.text = d.text[:0]
	inside := bytes.TrimSuffix(raw[1:], []byte("]"))
	for number := range bytes.SplitSeq(inside, []byte(",")) {
		n, err := strconv.ParseUint(string(bytes.TrimSpace(number)), 10, 8)
		if err != nil {
			return nil, false
		}
		d.text = append(d.text, byte(n))
	}
	return d.text, len(d.text) > 0
}

// word is s as one word of the head of a line. What cannot be in one is replaced.
func word(s, instead string) string {
	const most = 64
	if s == "" {
		return instead
	}
	b := []byte(s[:min(len(s), most)])
	for i, c := range b {
		if !nameByte(c) {
			b[i] = '_'
		}
	}
	return string(b)
}

func nameByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '.' || c == '_' || c == '-' || c == '/' || c == '@' || c == '+'
}

// appendEscaped writes control characters as rsyslog does: # and three octal digits.
func appendEscaped(line, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			line = append(line, '#', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		} else {
			line = append(line, c)
		}
	}
	return line
}
