package parsers

import (
	"bytes"
	"net/netip"
	"time"
)

// A text log escapes nothing, so a line that looks like a record may be text of the record
// before it: a sender that gets a newline into a field can write whole lines. Doubt is how
// many bytes after the current line can still be such text. It begins with each record whose
// text may hold a newline (all records except those known to hold none), and is as long as
// that text can be. A record in doubt is believed if its thread is known (Threads), or if it
// names the same address that sent each record whose text it may be. Only bytes count: the
// sender could write an end marker too.
type doubt struct {
	bytes   int       // the most of those below
	others  int       // of records whose sender is not known
	senders [4]sender // of records whose sender is
	used    int
	since   time.Time // arrival of the latest
	strict  bool      // a first line shows that it goes on
	exact   bool      // a first line counts what is to come
	recipe  bool      // only lines of the dialplan recipe may go on
	fresh   uint64    // the thread that the record itself made known
	hit     uint32    // the known thread of the last line, which one of few guesses finds
}

// sender is an address, and how many of the next bytes it may have written.
type sender struct {
	addr     netip.Addr
	bytes    int
	evidence Evidence
}

const (
	// doubtLasts is how long after its record's arrival a record's text can still
	// come: it is written at once.
	doubtLasts = 300 * time.Millisecond
	// dumpReach bounds a record: what the logger's buffer holds.
	dumpReach = 8192
	// pjprojectReach bounds a record of that library: its PJ_LOG_MAX_SIZE, 4,000 bytes as
	// recorded with Asterisk 16 and 22, and the marks around it.
	pjprojectReach = 4200
	// accountReach bounds the account of a PJSIP event, which is cut before it is
	// written: to 36 bytes, as recorded with Asterisk 16 and 22.
	accountReach = 64
	// iaxReach bounds one element of IAX2: its length is a byte. RFC 5456 8.6.
	iaxReach = 256
	// extenReach bounds a number that PJSIP was asked for: AST_MAX_EXTENSION and more.
	extenReach = 128
	// httpReach bounds what a request over HTTP can give as a user name: http.c's
	// MAX_HTTP_LINE_LENGTH and MAX_POST_CONTENT.
	httpReach = 4096
)

// doubted reports whether a line may be the text of the record before it, and
// takes it off what can still come.
func (p *Parser) doubted(line []byte, arrived time.Time) bool {
	d := &p.doubt
	if d.bytes <= 0 {
		if d.used > 0 || d.strict || d.fresh != 0 {
			*d = doubt{}
		}
		return false
	}
	if !arrived.IsZero() && !d.since.IsZero() && arrived.Sub(d.since) > doubtLasts {
		*d = doubt{}
		return false
	}
	p.passed = p.weight(line)
	return true
}

// pass takes the line at hand off what can still come.
func (d *doubt) pass(n int) {
	d.bytes -= n
	d.others -= n
	for i := range d.used {
		d.senders[i].bytes -= n
	}
}

// goOn says that n bytes after the line at hand may be its text. by is who wrote
// it, where that is known for sure if the line begins a record.
func (p *Parser) goOn(n int, strict bool, arrived time.Time, by netip.Addr, evidence Evidence) {
	if n <= 0 {
		return
	}
	d := &p.doubt
	d.bytes = max(d.bytes, n)
	d.since, d.recipe = arrived, false
	p.doubter = append(p.doubter[:0], p.env.writer...)
	d.strict = d.strict || strict
	if !by.IsValid() {
		d.others = max(d.others, n)
		return
	}
	at := d.used
	for i := range d.used {
		if s := &d.senders[i]; s.addr == by {
			s.bytes, s.evidence = max(s.bytes, n), min(s.evidence, evidence)
			return
		} else if s.bytes <= 0 {
			at = i
		}
	}
	if at == len(d.senders) {
		d.others = max(d.others, n)
		return
	}
	d.senders[at] = sender{by, n, evidence}
	d.used = max(d.used, at+1)
}

// wroteAll reports whether a sent each record whose text the current line may be: such text
// charges no other address. The evidence is the lowest of these records.
func (d *doubt) wroteAll(a netip.Addr) (least Evidence, ok bool) {
	if d.others > 0 {
		return 0, false
	}
	least = Proven
	for i := range d.used {
		switch s := &d.senders[i]; {
		case s.bytes <= 0:
		case s.addr != a:
			return 0, false
		default:
			least, ok = min(least, s.evidence), true
		}
	}
	return least, ok
}

// sure ends all doubt: the line at hand began a record.
func (p *Parser) sure() {
	if p.doubt.bytes != 0 || p.doubt.used != 0 || p.doubt.strict || p.doubt.fresh != 0 {
		p.doubt = doubt{}
	}
}

// reach is how many bytes after its line the text of a record can go on, whether
// the line shows that it does, and whether it counts them.
func (p *Parser) reach(r *record, line []byte, open bool) (n int, strict, exact bool) {
	switch {
	case r.whole || r.kind == syslogMessage:
		return 0, false, false
	case open && p.tail > 0:
		return p.tail, true, false
	case open:
		return dumpReach, true, false
	}
	if n, exact = dumpSize(r); n > 0 {
		return n, true, exact
	}
	if p.tail != tailUnknown {
		return p.upTo(p.tail, len(line), p.end), false, false
	}
	if s, known := sayingOf(r); known {
		p.holds = nil
		return p.upTo(s.reach, len(line), []byte(s.end)), false, false
	}
	return max(fileReach(r)-len(line), 0), false, false
}

const tailUnknown = -1

// fileReach is how long a record can be of which only the source file is known.
// Those that write no text of a caller are named; all others may.
func fileReach(r *record) int {
	if r.level == levelOther {
		return dumpReach
	}
	switch string(r.file) {
	case "loader.c", "config.c", "config_options.c", "res_sorcery_config.c", "res_musiconhold.c", "asterisk.c", "indications.c", "iax2/provision.c",
		"res_http_media_cache.c", "taskprocessor.c", "threadpool.c", "astobj2.c", "sorcery.c", "res_timing_timerfd.c", "res_timing_dahdi.c",
		"res_stun_monitor.c", "dnsmgr.c", "acl.c", "security_events.c":
		return 0
	case "db.c": // others name what was to be stored
		if bytes.HasPrefix(r.msg, []byte("Error executing SQL (COMMIT)")) {
			return 0
		}
	case "cdr.c":
		if bytes.HasPrefix(r.msg, []byte("CDR logging ")) {
			return 0
		}
	case "pjproject":
		return pjprojectReach
	}
	return dumpReach
}

// headlessReach is the same for a line that begins no record.
func headlessReach(line []byte) (n int, exact bool) {
	switch {
	case len(line) == 0, string(line) == "-- end of packet.", isBanner(line), isCallDetail(line):
		return 0, false
	case bytes.HasPrefix(line, arrow):
		return packetSize(line)
	}
	return dumpReach, false
}

// dumpSize is how many bytes of packet follow the record. Most of them count
// their packet; the logger's buffer bounds those that do not. The packet needs
// no known sender, and the level is a matter of pjproject.conf.
func dumpSize(r *record) (n int, exact bool) {
	switch string(r.file) {
	case "pjproject":
		// pjproject:pjsip/src/pjsip/sip_transport.c, sip_endpoint.c
		_, rest, ok := bytes.Cut(r.msg, errorProcessing)
		if !ok || bytes.Contains(r.msg, rsyslogNewline) {
			return 0, false
		}
		if !bytes.HasSuffix(r.msg, colon) { // the message is another one, and what it counts unknown
			return pjprojectReach, false
		}
		if n := leadingNumber(rest); n > 0 {
			return n, true
		}
		return pjprojectReach - len(r.msg), false
	case "res_pjsip_logger.c", "manager.c", "res_ari.c":
		// "pjsip set logger on" and its like: asterisk:res/res_pjsip_logger.c:354
		if !bytes.HasPrefix(r.msg, arrow) || bytes.Contains(r.msg, rsyslogNewline) {
			return 0, false
		}
		return packetSize(r.msg)
	case "chan_sip.c":
		// "sip set debug on" begins its record with a newline: asterisk 1.4-20:channels/chan_sip.c
		if r.level == levelVerbose && len(r.msg) == 0 {
			return dumpReach, false
		}
	}
	return 0, false
}

// packetSize reads "<--- Received SIP request (489 bytes) from …".
func packetSize(msg []byte) (n int, exact bool) {
	_, count, _ := bytes.Cut(msg, []byte("("))
	if n := leadingNumber(count); n > 0 {
		return n, true
	}
	return dumpReach, false
}

func leadingNumber(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		n = min(n*10+int(c-'0'), dumpReach)
	}
	return n
}

var (
	errorProcessing = []byte("Error processing ")
	arrow           = []byte("<--- ")
	rsyslogNewline  = []byte("#012")
	rsyslogTab      = []byte("#011")
)
