package parsers

import (
	"bytes"
)

type level uint8

const (
	levelNone level = iota
	levelNotice
	levelWarning
	levelError
	levelSecurity
	levelVerbose
	levelOther // DEBUG, DTMF, FAX and whatever a module registers
)

// record is one log record, taken apart: asterisk:main/logger.c,
// format_log_default, format_log_plain, format_log_json, ast_log_vsyslog.
type record struct {
	stamp []byte // the date as the log's dateformat wrote it; may be empty
	level level
	name  []byte // of the level, as it is written
	lwp   []byte // thread id
	call  []byte // "[C-00000001" of a record that belongs to a call; nil: none
	file  []byte // "chan_sip.c", "res_pjsip/pjsip_distributor.c", "Ext. s"
	fn    []byte // function, where the form shows it
	msg   []byte
	whole bool // newlines in the text are escaped: no other line belongs to the record
	kind  envelopeKind
	outer []byte // the date of the envelope; nil: none
	key   uint64 // threadKey
	keyed bool   // key is known
}

// maxStamp bounds the search for a date's closing bracket.
const maxStamp = 64

// mostFile bounds the search for the end of a source file's name.
const mostFile = 160

// headStart is how much of a line is searched for control bytes that stand in its head.
const headStart = 48

// parseHead takes the head off a line. ok is false when the line does not begin
// a record. The line holds no newline.
func parseHead(line []byte, r *record) (ok bool) {
	if len(line) < 8 {
		return false
	}
	r.whole, r.kind, r.outer, r.keyed = false, plainLine, nil, false
	switch c := line[0]; {
	case c == '[':
		return parseBracketed(line, r)
	case c == '{':
		return false // parseJSON's
	case c >= 'A' && c <= 'Z' && levelAt(line) != levelNone:
		r.stamp = nil
		return parseLevel(line, r, levelAt(line), true) // the journal's MESSAGE
	default:
		return false
	}
}

// parseBracketed reads "[DATE] LEVEL…". The date may hold brackets of its own,
// so the first "] LEVEL[" ends it.
func parseBracketed(line []byte, r *record) bool {
	window := line[:min(len(line), maxStamp)]
	for from := 1; ; {
		i := bytes.IndexByte(window[from:], ']')
		if i < 0 {
			return false
		}
		i += from
		level := levelNone
		if i+2 < len(line) && line[i+1] == ' ' {
			level = levelAt(line[i+2:])
		}
		if level != levelNone {
			r.stamp = line[1:i]
			return parseLevel(line[i+2:], r, level, false)
		}
		from = i + 1
	}
}

// levelAt reads the level's name, which a "[" must follow. A blank may stand between
// them where the name is one of those that matter.
func levelAt(b []byte) level {
	n := 0
	for n < len(b) && n < 16 && b[n] >= 'A' && b[n] <= 'Z' {
		n++
	}
	if n < 3 || n == len(b) {
		return levelNone
	}
	if b[n] == '[' {
		return levelOf(b[:n])
	}
	if known := levelOf(b[:n]); b[n] == ' ' && n+1 < len(b) && b[n+1] == '[' && known != levelOther {
		return known
	}
	return levelNone
}

func levelOf(name []byte) level {
	switch string(name) {
	case "NOTICE":
		return levelNotice
	case "WARNING":
		return levelWarning
	case "ERROR":
		return levelError
	case "SECURITY":
		return levelSecurity
	case "VERBOSE":
		return levelVerbose
	}
	return levelOther
}

// parseLevel reads "LEVEL[lwp][C-callid]" and what tells the source: " FILE: MSG"
// (default), ": FILE:LINE FUNC: MSG" ([plain]) or ": FILE:LINE in FUNC: MSG"
// (syslog). long says that only the long forms are allowed.
func parseLevel(b []byte, r *record, level level, long bool) bool {
	r.level = level
	r.file, r.fn = nil, nil
	open := bytes.IndexByte(b, '[')
	r.name, b = b[:open], b[open+1:]
	end := bytes.IndexByte(b[:min(len(b), 24)], ']')
	if end < 0 || !allDigits(b[:end]) {
		return false
	}
	r.lwp, r.call, b = b[:end], nil, b[end+1:]
	if bytes.HasPrefix(b, callOpen) {
		end = bytes.IndexByte(b[:min(len(b), 32)], ']')
		if end < 0 {
			return false
		}
		r.call, b = b[:end], b[end+1:]
	}
	switch {
	case len(b) > 1 && b[0] == ':' && b[1] == ' ':
		return parseLong(b[2:], r)
	case long || len(b) == 0 || b[0] != ' ':
		return false
	}
	b = b[1:]
	if len(r.lwp) == 0 { // the dialplan recipe's "SECURITY[] Unknown Call…" names no file
		r.msg = b
		return true
	}
	end = colonBlankIn(b[:min(len(b), mostFile)])
	if end < 0 {
		return false
	}
	r.file, r.msg = b[:end], b[end+2:]
	return true
}

// parseLong reads "FILE:LINE FUNC: MSG", with or without "in" before FUNC.
// [plain] leaves out a line that is 0, as pjproject's is.
func parseLong(b []byte, r *record) bool {
	colon := bytes.IndexByte(b[:min(len(b), 120)], ':')
	if colon <= 0 {
		return false
	}
	r.file, b = b[:colon], b[colon+1:]
	if n := bytes.IndexByte(b[:min(len(b), 12)], ' '); n > 0 && allDigits(b[:n]) {
		b = b[n+1:]
	}
	b = bytes.TrimPrefix(b, inBlank)
	end := bytes.Index(b[:min(len(b), 120)], colonBlank)
	if end < 0 {
		return false
	}
	r.fn, r.msg = b[:end], b[end+2:]
	return true
}

// colonBlankIn finds the first ": ", or returns -1. Its colon is nearly always the first one.
func colonBlankIn(b []byte) int {
	end := bytes.IndexByte(b, ':')
	if end >= 0 && end+1 < len(b) && b[end+1] == ' ' {
		return end
	}
	return bytes.Index(b, colonBlank)
}

func isHostName(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == '[' || c == ']' || c >= 0x7f {
			return false
		}
	}
	return b[len(b)-1] != ':'
}

func allDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

var (
	callOpen   = []byte("[C-")
	colonBlank = []byte(": ")
	inBlank    = []byte("in ")
	blank      = []byte(" ")
)

// hasHead reports whether text holds the head of another record: two records
// glued together (a cut record loses its newline), or an imitation.
func hasHead(text []byte) bool {
	for {
		i := bytes.IndexByte(text, ']')
		if i < 0 || i+2 >= len(text) {
			return false
		}
		text = text[i+1:]
		if text[0] == ' ' && levelAt(text[1:]) != levelNone {
			return true
		}
	}
}
