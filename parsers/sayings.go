package parsers

import "bytes"

// saying is what a message of Asterisk that no rule reads may hold of a caller: at
// most so many bytes that could be newlines and lines of his own, and behind them
// what Asterisk writes last, where that is known. A caller may make his first line look
// like another message that begins in the same way, so there is an end only where all
// messages that begin so have it.
type saying struct {
	reach int
	end   string
}

// own is a saying without any text of a caller's that could hold a newline.
var own = saying{}

// sayingOf knows messages by source file and beginning. Each bound is that of the
// buffer which the text comes from; what is not known may be as long as a record.
func sayingOf(r *record) (s saying, known bool) {
	begins := func(text string) bool { return bytes.HasPrefix(r.msg, []byte(text)) }
	if r.level == levelOther {
		return sayingOfDebug(r)
	}
	switch string(r.file) {
	case "pbx.c":
		switch {
		case begins("Executing ["): // asterisk:main/pbx.c, pbx_extension_helper
			return saying{dumpReach, "\") in new stack"}, true
		case begins("Spawn extension ("): // a number, and a channel's name: each fits its field
			return saying{4 * extenReach, "'"}, true
		}
		return own, string(r.msg) == "Asterisk PBX Core Initializing"
	case "pbx_builtins.c":
		return saying{extenReach, ")"}, begins("Goto (")
	case "bridge_channel.c":
		return saying{4 * extenReach, ">"}, begins("Channel ") && bytes.HasSuffix(r.msg, []byte(">"))
	case "chan_sip.c":
		return sayingOfSIP(r)
	case "chan_iax2.c":
		switch {
		case string(r.msg) == "MD5 secret mismatch", begins("Peer '") && bytes.Contains(r.msg, []byte("' is now ")), begins("Accepting AUTHENTICATED call from "):
			return own, true
		case begins("Hungup 'IAX2/"):
			return saying{iaxReach, "'"}, true
		}
		return saying{reach: 3 * iaxReach}, true
	case "manager.c": // an account that logged in is one of manager.conf
		return own, r.level == levelVerbose && (begins("Connect attempt from '") || begins("HTTP Connect attempt from '") ||
			(begins("Manager '") || begins("HTTP Manager '")) && !bytes.Contains(r.msg, []byte(", hanging up ")))
	case "res_http_websocket.c":
		return own, string(r.msg) == "Web socket closed abruptly" || r.level == levelVerbose && begins("WebSocket connection from '")
	case "app_dial.c", "app_queue.c":
		return sayingOfChannels(r)
	case "file.c":
		if begins("<") { // a dialplan may play what was dialled
			return saying{dumpReach, "')"}, true
		}
		return own, r.level == levelVerbose && isStartup(r.msg)
	case "res_musiconhold.c":
		if begins("Started music on hold, ") || begins("Stopped music on hold ") {
			return saying{reach: 2 * extenReach}, true
		}
	case "res_pjsip_registrar.c", "res_pjsip/pjsip_options.c":
		return sayingOfContact(r)
	case "res_pjsip/pjsip_configuration.c": // an endpoint is one of pjsip.conf
		return own, begins("Endpoint ") && (bytes.HasSuffix(r.msg, []byte(" is now Reachable")) || bytes.HasSuffix(r.msg, []byte(" is now Unreachable")))
	case "stasis_channels.c": // the name of a channel comes first, and fits its field
		if end := " had invalid UTF-8 sequences which were replaced"; bytes.HasSuffix(r.msg, []byte(end)) {
			return saying{extenReach, end}, true
		}
		return own, string(r.msg) == "Error creating message"
	case "json.c": // a format of Asterisk's own, and what its library says of it
		return own, begins("Error building JSON from '{")
	case "": // asterisk:main/logger.c ast_log_backtrace; its lines have no head
		return own, isBacktrace(r.msg)
	case "sip/reqresp_parser.c": // a header
		return saying{dumpReach, "'"}, begins("No closing bracket found in '")
	case "res_pjsip.c":
		if begins("CallerID Name '") { // behind the name, which can hold no newline, is a number that fits its field
			return saying{extenReach, "' has invalid UTF-8 characters which were replaced"}, true
		}
		return own, begins("Local IPv") || begins("Could not create dialog with endpoint ")
	case "res_pjsip_header_funcs.c":
		return own, string(r.msg) == "This function requires a PJSIP channel."
	case "db.c":
		return own, string(r.msg) == "Couldn't execute statement: database is locked"
	case "translate.c", "netsock2.c", "res_srtp.c", "res_resolver_unbound.c", "res_pjsip/pjsip_resolver.c", "res_security_log.c", "http.c", "res_rtp_asterisk.c":
		return own, r.level == levelVerbose && isStartup(r.msg)
	}
	return own, false
}

func sayingOfSIP(r *record) (s saying, known bool) {
	switch {
	case r.level == levelVerbose && (bytes.HasPrefix(r.msg, []byte("Registered SIP '")) || bytes.HasPrefix(r.msg, []byte("Unregistered SIP '"))):
		return saying{reach: 4 * extenReach}, true // autocreatepeer takes any name
	case bytes.HasPrefix(r.msg, []byte("No field '")) && bytes.HasSuffix(r.msg, []byte("' present to copy")):
		return own, true
	case bytes.HasPrefix(r.msg, []byte("username mismatch, have <")):
		return saying{dumpReach, ">"}, true
	case bytes.HasPrefix(r.msg, []byte("Retransmission timeout reached on transmission ")): // a Call-ID as it came, in a line of its packet
		return own, true
	case bytes.HasPrefix(r.msg, []byte("Peer '")) && bytes.Contains(r.msg, []byte("' is now ")): // autocreatepeer takes any name
		return saying{reach: 4 * extenReach}, true
	case bytes.HasPrefix(r.msg, []byte("Timeout on ")):
		return saying{dumpReach, " invite transaction."}, true
	}
	return own, false
}

// sayingOfContact knows the messages about the contact of an account: the URI fits
// PJSIP_MAX_URL_SIZE, 256. pjsip escapes it but for a host in brackets.
func sayingOfContact(r *record) (s saying, known bool) {
	if r.level != levelVerbose {
		return own, false
	}
	switch begins := func(text string) bool { return bytes.HasPrefix(r.msg, []byte(text)) }; {
	case begins("Added contact '"), begins("Refreshed contact '"):
		return saying{4 * extenReach, " seconds"}, true
	case begins("Removed contact '"), begins("Contact "): // they end in one of several ways
		return saying{reach: 4 * extenReach}, true
	}
	return own, false
}

// sayingOfChannels knows messages that begin with a channel's name, and say of it what
// happens to it and to another channel: each name fits AST_CHANNEL_NAME, 80, and holds a
// number that was dialled where the channel is one of Local.
func sayingOfChannels(r *record) (s saying, known bool) {
	if r.level != levelVerbose {
		return own, false
	}
	for _, begins := range []string{"PJSIP/", "SIP/", "Local/", "IAX2/", "DAHDI/"} {
		if bytes.HasPrefix(r.msg, []byte(begins)) {
			return saying{reach: 2 * extenReach}, true
		}
	}
	return own, bytes.HasPrefix(r.msg, []byte("Nobody picked up in "))
}

// sayingOfDebug knows DEBUG messages, which may be about anything: few are without text of a
// caller's.
func sayingOfDebug(r *record) (s saying, known bool) {
	// asterisk:res/res_pjsip/pjsip_distributor.c, the name of a method is a token
	return own, string(r.file) == "res_pjsip/pjsip_distributor.c" && bytes.HasPrefix(r.msg, []byte("Calculated serializer "))
}

// isStartup knows what modules say of themselves, when they start and when a call
// begins.
func isStartup(msg []byte) bool {
	for _, begins := range []string{
		"Registered translator '", "Registered file format ", "Using SIP ", "Using IAX2 ", "libsrtp", "Starting unbound resolver", "'UDP+IPv", "'TCP+IPv", "'TLS+IPv",
		"Got  RTP packet from ", "Sent RTP packet to ", "Security Logging Enabled", "Bound HTTP", "RTP Allocating from port range",
	} {
		if bytes.HasPrefix(msg, []byte(begins)) {
			return true
		}
	}
	return false
}

// isCallDetail knows the further lines of two records, in Asterisk's own words: of an
// IAX2 call that was accepted, what was asked for and what was chosen; and of chan_sip's
// retransmission, how long it waited.
// asterisk:channels/chan_iax2.c, "Accepting AUTHENTICATED call from"; 1.8-20:channels/chan_sip.c, retrans_pkt
func isCallDetail(line []byte) bool {
	if waited, ok := bytes.CutPrefix(line, []byte("Packet timed out after ")); ok {
		waited, ok = bytes.CutSuffix(waited, []byte("ms with no response"))
		return ok && allDigits(waited)
	}
	text, ok := bytes.CutPrefix(bytes.TrimLeft(line, " "), []byte("> "))
	if !ok {
		return false
	}
	for _, begins := range []string{"requested ", "actual ", "host prefs = ", "priority = ", "encrypted = "} {
		if bytes.HasPrefix(text, []byte(begins)) {
			return true
		}
	}
	return false
}

// isBacktrace knows the lines of a backtrace: "Got 11 backtrace records", "# 0: /usr/sbin/asterisk(...)".
func isBacktrace(line []byte) bool {
	if n, found := bytes.CutPrefix(line, []byte("Got ")); found {
		n, found = bytes.CutSuffix(n, []byte(" backtrace records"))
		return found && len(n) > 0 && allDigits(n)
	}
	number, _, found := bytes.Cut(line[:min(len(line), 8)], colonBlank)
	digits := bytes.TrimLeft(bytes.TrimPrefix(number, []byte("#")), " ")
	return found && len(number) > 1 && number[0] == '#' && len(digits) > 0 && allDigits(digits)
}
