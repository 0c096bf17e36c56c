package parsers

import (
	"bytes"
	"net/netip"
	"time"
)

// A text log does not escape newlines. A sender that gets a newline into a field can write
// whole lines, and such a line can look like a record. doubt counts how many bytes after the
// current line can still be such text.
//
// It begins with each record that may contain a newline; only records that are known to
// contain none begin no doubt. It lasts for as many bytes as the text of that record can have.
// An end marker would not help, because the sender could write it too.
//
// A record in doubt is believed in two cases: its thread is known (Threads), or it names the
// address that sent all the records whose text it may be.
type doubt struct {
	bytes   int       // how many bytes are in doubt: the largest number of those below
	others  int       // bytes of records whose sender is not known
	senders [4]sender // bytes of records whose sender is known
	used    int       // how many of senders are in use
	since   time.Time // when the latest of these records arrived
	strict  bool      // a record's first line shows that more lines follow
	exact   bool      // a record's first line says how many bytes follow
	recipe  bool      // only lines of the dialplan recipe may follow
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
	// doubtLasts is how long after the beginning of a record the rest of its text can still
	// arrive. Asterisk writes a record at once.
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

// doubted reports whether a line may be text of the record before it. If so, it notes the
// length of the line, which pass subtracts later.
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

// pass subtracts the current line from the bytes that are in doubt.
func (d *doubt) pass(n int) {
	d.bytes -= n
	d.others -= n
	for i := range d.used {
		d.senders[i].bytes -= n
	}
}

// goOn puts the n bytes after the current line in doubt, because they may be its text. by is
// the address that wrote this text, if it is known for certain; otherwise it is invalid.
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

// sure ends all doubt, because the current line certainly began a record.
func (p *Parser) sure() {
	if p.doubt.bytes != 0 || p.doubt.used != 0 || p.doubt.strict || p.doubt.fresh != 0 {
		p.doubt = doubt{}
	}
}

// reach returns how many bytes after its first line a record can have. strict: the first line
// shows that more lines follow. exact: it says how many bytes follow.
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

// fileReach is the longest possible record of a source file that has no rule for it. The files
// that never write text of a caller are listed; any other file may write it.
func fileReach(r *record) int {
	if r.level == levelOther {
		return dumpReach
	}
	switch string(r.file) {
	case "loader.c", "config.c", "config_options.c", "res_sorcery_config.c", "res_musiconhold.c", "asterisk.c", "indications.c", "iax2/provision.c",
		"res_http_media_cache.c", "taskprocessor.c", "threadpool.c", "astobj2.c", "sorcery.c", "res_timing_timerfd.c", "res_timing_dahdi.c",
		"res_stun_monitor.c", "dnsmgr.c", "acl.c", "security_events.c":
		return 0
	case "db.c": // its other records contain the value that was to be stored
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

// headlessReach is what reach is, for a line that does not begin a record.
func headlessReach(line []byte) (n int, exact bool) {
	switch {
	case len(line) == 0, string(line) == "-- end of packet.", isBanner(line), isCallDetail(line), isBacktrace(line):
		return 0, false
	case bytes.HasPrefix(line, arrow):
		return packetSize(line)
	}
	return dumpReach, false
}

// dumpSize returns how many bytes of a dumped packet follow the record. Most records say how
// long the packet is (exact); for the others the limit is the logger's buffer. Anyone can send
// such a packet. Its level depends on pjproject.conf, so the level is not checked.
func dumpSize(r *record) (n int, exact bool) {
	switch string(r.file) {
	case "pjproject":
		// pjproject:pjsip/src/pjsip/sip_transport.c, sip_endpoint.c
		_, rest, ok := bytes.Cut(r.msg, errorProcessing)
		if !ok || bytes.Contains(r.msg, rsyslogNewline) {
			return 0, false
		}
		if !bytes.HasSuffix(r.msg, colon) { // another message: its number may mean something else
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
