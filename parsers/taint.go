package parsers

import (
	"bytes"
	"time"
)

// taint is how much of what follows belongs to a record that an attacker wrote
// into. Bytes are what counts: he can write an end marker himself.
type taint struct {
	bytes int
	since time.Time // arrival of the record; a record is written at once, so much later text is another one
}

const (
	// taintLasts is how long after its record's arrival tainted text can still come.
	taintLasts = 2 * time.Second
	// dumpReach bounds a raw packet in the log: what the logger's buffer holds.
	dumpReach = 8192
)

// tainted reports whether a line of n bytes begins inside such a record.
func (p *Parser) tainted(n int, arrived time.Time) bool {
	if p.taint.bytes <= 0 {
		return false
	}
	if !arrived.IsZero() && !p.taint.since.IsZero() && arrived.Sub(p.taint.since) > taintLasts {
		p.taint = taint{}
		return false
	}
	p.taint.bytes -= n
	return true
}

// startTaint sees to it that a packet dumped behind its record, or the rest of a
// record whose text holds newlines, is not believed.
func (p *Parser) startTaint(r *record, open bool, arrived time.Time) {
	n := 0
	switch {
	case r.whole:
		return
	case open:
		n = dumpReach
	default:
		n = dumpSize(r)
	}
	if n > p.taint.bytes {
		p.taint = taint{bytes: n, since: arrived}
	}
}

// dumpSize is how many bytes of packet follow the record. Most of them count
// their packet; the logger's buffer bounds those that do not. The packet needs
// no known sender, and the level is a matter of pjproject.conf.
func dumpSize(r *record) int {
	var count []byte
	switch string(r.file) {
	case "pjproject":
		// pjproject:pjsip/src/pjsip/sip_transport.c, sip_endpoint.c
		_, rest, ok := bytes.Cut(r.msg, errorProcessing)
		if !ok {
			return 0
		}
		if bytes.HasSuffix(r.msg, colon) { // else the message is another one, and what it counts unknown
			count = rest
		}
	case "res_pjsip_logger.c", "manager.c", "res_ari.c":
		// "pjsip set logger on" and its like: asterisk:res/res_pjsip_logger.c:354
		if !bytes.HasPrefix(r.msg, arrow) {
			return 0
		}
		_, count, _ = bytes.Cut(r.msg, []byte("("))
	case "chan_sip.c":
		// "sip set debug on" begins its record with a newline: asterisk 1.4-20:channels/chan_sip.c
		if r.level != levelVerbose || len(r.msg) > 0 {
			return 0
		}
	default:
		return 0
	}
	if bytes.Contains(r.msg, rsyslogNewline) {
		return 0 // syslog keeps it in one line
	}
	n := 0
	for _, c := range count {
		if c < '0' || c > '9' {
			break
		}
		n = min(n*10+int(c-'0'), dumpReach)
	}
	if n == 0 {
		return dumpReach
	}
	return n
}

var (
	errorProcessing = []byte("Error processing ")
	arrow           = []byte("<--- ")
	rsyslogNewline  = []byte("#012")
	rsyslogTab      = []byte("#011")
)
