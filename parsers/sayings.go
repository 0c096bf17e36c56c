package parsers

import "bytes"

// saying is what a message of Asterisk that no rule reads may hold of a caller: at
// most so many bytes that could be newlines and lines of his own, and behind them
// what Asterisk writes last, where that is known.
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
	switch string(r.file) {
	case "pbx.c":
		switch {
		case begins("Executing ["): // asterisk:main/pbx.c, pbx_extension_helper
			return saying{dumpReach, "in new stack"}, true
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
	case "res_pjsip_registrar.c", "res_pjsip/pjsip_options.c": // a URI fits PJSIP_MAX_URL_SIZE, 256
		return saying{reach: 4 * extenReach}, r.level == levelVerbose && (begins("Added contact '") || begins("Removed contact '") || begins("Refreshed contact '") || begins("Contact "))
	case "res_pjsip/pjsip_configuration.c":
		return own, r.level == levelVerbose && begins("Endpoint ") && bytes.Contains(r.msg, []byte(" is now "))
	case "res_pjsip.c":
		return own, begins("Local IPv") || begins("Could not create dialog with endpoint ")
	case "res_pjsip_header_funcs.c":
		return own, string(r.msg) == "This function requires a PJSIP channel."
	case "db.c":
		return own, string(r.msg) == "Couldn't execute statement: database is locked"
	case "translate.c", "file.c", "netsock2.c", "res_srtp.c", "res_resolver_unbound.c", "res_pjsip/pjsip_resolver.c", "res_security_log.c", "http.c", "res_rtp_asterisk.c":
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
	case bytes.HasPrefix(r.msg, []byte("Timeout on ")):
		return saying{dumpReach, " invite transaction."}, true
	}
	return own, false
}

// isStartup knows what modules say of themselves, when they start and when a call
// begins.
func isStartup(msg []byte) bool {
	for _, begins := range []string{
		"Registered translator '", "Registered file format ", "Using SIP ", "Using IAX2 ", "libsrtp", "Starting unbound resolver", "'UDP+IPv", "'TCP+IPv", "'TLS+IPv",
		"Security Logging Enabled", "Bound HTTP", "RTP Allocating from port range",
	} {
		if bytes.HasPrefix(msg, []byte(begins)) {
			return true
		}
	}
	return false
}

// isCallDetail knows the further lines of the record of an IAX2 call that was
// accepted: what was asked for and what was chosen, in Asterisk's own words.
// asterisk:channels/chan_iax2.c, "Accepting AUTHENTICATED call from"
func isCallDetail(line []byte) bool {
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
