package parsers

import "bytes"

// IAX2. A call token makes the sender answer from its address first (since
// 1.4.26.2, AST-2009-006), so what comes after one is proven.
func iax2Rules() []rule {
	r := rule{levels: notice | warning, service: IAX2, channel: ChannelNotice, evidence: Proven, src: "asterisk 1.4-:channels/chan_iax2.c"}
	with := func(id, text string, k Kind, p Points) rule {
		n := r
		n.id, n.form, n.kind, n.points = id, newForm(text), k, p
		n.tail = iaxReach * n.form.texts()
		return n
	}
	unproven := func(n rule, levels levelSet) rule {
		n.evidence, n.levels = Seen, levels
		return n
	}
	return []rule{
		texts(1, with("I4 iax2 md5", "Host <either> failed MD5 authentication for '<account>' (<text> != <text>)", BadPassword, Point)),
		with("I6 iax2 failed to authenticate", "Host <either> failed to authenticate as <account>", BadPassword, Point),
		before(with("I1 iax2 no registration", "No registration for peer '<*account>' (from <either>)", UnknownAccount, twice)),
		with("I2 iax2 not dynamic", "Peer '<*account>' is not dynamic (from <either>)", NotAllowed, Point),
		texts(0, with("I3 iax2 denied", "Host <either> denied access to register peer '<account>'", ACL, twice)),
		texts(0, with("I5 iax2 plaintext", "Host <either> did not provide proper plaintext password for '<account>'", BadPassword, Point)),
		texts(2, with("I10 iax2 rejected", "Rejected connect attempt from <either>, who was trying to reach '<dialled>'", UnknownAccount, twice-half)),
		texts(2, with("I11 iax2 unknown extension", "Rejected connect attempt from <either>, request '<dialled>' does not exist", UnknownExtension, twice)),
		texts(2, with("I11 iax2 unknown extension", "Rejected dial attempt from <either>, request '<dialled>' does not exist", UnknownExtension, twice)),
		guestCall(with("I18 iax2 guest call", "Accepting UNAUTHENTICATED call from <either>:<text>", GuestCall, half+half/2)),
		unproven(with("I9 iax2 empty registration", "Empty registration from <either>", Malformed, Point), notice),
		unproven(with("I13 iax2 call token", "Address <either> failed CallToken hash inspection", Malformed, Point), warning),
		unproven(with("I13 iax2 call token late", "Too much delay in IAX2 calltoken timestamp from address <either>", Malformed, half), warning),
		unproven(with("I14 iax2 no call token", "Call rejected, CallToken Support required. If unexpected, resolve by placing address <either> in the calltokenoptional list or setting user <account> requirecalltoken=no", Scan, Point), errorly),
		unproven(with("I15 iax2 call numbers", "maxcallnumber limit of <number> for <either> has been reached!", Rate, twice+half), errorly),
		unproven(with("I16 iax2 short frame", "Rejecting packet from '<either>' that is flagged as a <word> frame but is too short", Malformed, half), warning),
		until11(unproven(with("I16 iax2 short frame", "Rejecting packet from '<dotted>' that is flagged as a <word> frame but is too short", Malformed, half), warning)),
		unproven(with("I16 iax2 meta trunk", "Unknown meta trunk cmd from '<either>': dropping", Malformed, half), warning),
		unproven(with("I16 iax2 trunk", "Unable to accept trunked packet from '<either>': No matching peer", Malformed, half), warning),
	}
}

// texts says how many elements of the caller's stand in the text of a rule: a peer's
// name is ours where the record says that there is such a peer.
func texts(n int, r rule) rule {
	r.tail = n * iaxReach
	return r
}

// until11 marks a form that later versions write otherwise.
func until11(r rule) rule {
	r.src = "asterisk 1.4-11:channels/chan_iax2.c"
	return r
}

// before marks a rule whose address comes after a name that the caller chose, byte
// by byte.
func before(r rule) rule {
	r.before = true
	return r
}

// guestCall narrows a rule to the lines that tell of a call taken without an
// account. The admin allowed guests, so one weighs little; many are toll fraud.
func guestCall(r rule) rule {
	r.levels = verbose
	return r
}

// The manager interface is TCP. An unknown user writes two of these.
// asterisk:main/manager.c:2287, 2324.
func managerRules() []rule {
	r := rule{levels: notice, service: AMI, channel: ChannelNotice, evidence: Proven, src: "asterisk 1.4-:main/manager.c, authenticate"}
	with := func(id, text string, k Kind, p Points, l levelSet) rule {
		n := r
		n.id, n.form, n.kind, n.points, n.levels, n.twin = id, newForm(text), k, p, l, l == notice
		n.tail = httpReach * n.form.texts() // user names of AMI over HTTP may hold newlines
		return n
	}
	return []rule{
		with(ruleNoSuchUser, "<addr> tried to authenticate with nonexistent user '<account>'", UnknownAccount, twice, notice),
		with(ruleWrongLogin, "<addr> failed to authenticate as '<account>'", BadPassword, Point, notice),
		texts(0, with("A2 ami acl", "<addr> failed to pass IP ACL as '<account>'", ACL, twice-half, notice)),
		with("A7 ami line too long", "Discarding message from <addr>. Line too long: <text>", Malformed, half, warning),
		with("A4 ami never logged in", "Client from <addr>, failed to authenticate in <number> seconds", Rate, half, verbose),
	}
}

// One NOTICE for every access list. The prefix shows which list:
// asterisk:main/acl.c, ast_apply_acl. Those of Contact and media addresses, and
// of IAX2 users (each is tried in turn, normal calls write it), are no offence.
func aclRules() []rule {
	var rules []rule
	for _, l := range []struct {
		prefix   string
		service  Service
		evidence Evidence
		since    string
	}{
		{"SIP ACL: ", PJSIP, Seen, "12-"}, {"SIP Peer ACL: ", SIP, Seen, "11-20"}, {"IAX2 Peer ACL: ", IAX2, Proven, "11-"},
		{"Manager User ACL: ", AMI, Proven, "11-"}, {"Manager User ACL:", AMI, Proven, "11-"}, {"ARI User ACL", HTTP, Proven, "20-"}, {"HTTP Path ACL", HTTP, Proven, "20-"},
	} {
		rules = append(rules, rule{
			id: "L1 acl", levels: notice, service: l.service, channel: ChannelACL, kind: ACL, evidence: l.evidence, points: twice - half,
			form: newForm(l.prefix + "Rejecting '<addr>' due to a failure to pass ACL '<name>'"), src: "asterisk " + l.since + ":main/acl.c, ast_apply_acl",
		})
	}
	return rules
}

// Refusals of a WebSocket. Some are for what the client asked, others for a failure
// of our own (ownFailure): those say nothing about the client.
// asterisk:res/res_http_websocket.c, ast_websocket_uri_cb.
func websocketRules() []rule {
	return []rule{{
		id: "W1 websocket refused", levels: warning, service: HTTP, channel: ChannelNotice, kind: Malformed, evidence: Proven, points: Point,
		form: newForm("WebSocket connection from '<either>' could not be accepted - <text>"), ours: ownFailure, src: "asterisk 11-:res/res_http_websocket.c",
	}}
}

// ownFailure reports whether Asterisk refused a WebSocket because of itself: no
// keepalive, no session id, no memory, or the module for SIP is not loaded. A phone
// must ask for the protocol "sip"; while a restart loads the modules, every phone
// is refused for it.
func ownFailure(reason []byte) bool {
	if bytes.HasPrefix(reason, []byte("failed to ")) || bytes.HasPrefix(reason, []byte("could not ")) {
		return true
	}
	list, ok := bytes.CutPrefix(reason, []byte("no protocols out of '"))
	if ok {
		list, ok = bytes.CutSuffix(list, []byte("' supported"))
	}
	for ok && len(list) > 0 {
		var word []byte
		word, list, _ = bytes.Cut(list, []byte(","))
		if bytes.EqualFold(bytes.TrimSpace(word), []byte("sip")) {
			return true
		}
	}
	return false
}

func unistimRules() []rule {
	var rules []rule
	for _, text := range []string{"<addr> Packet too short - ignoring", "<addr> Invalid size of a discovery packet", "<addr> Invalid discovery packet"} {
		rules = append(rules, rule{id: "U1 unistim", levels: notice, service: Other, channel: ChannelNotice, kind: Malformed, evidence: Seen, points: Point,
			form: newForm(text), src: "asterisk 1.6-:channels/chan_unistim.c"})
	}
	return rules
}

func mgcpRules() []rule {
	r := rule{id: "U3 mgcp", levels: notice | warning, service: Other, channel: ChannelNotice, kind: Malformed, evidence: Seen, points: Point, src: "asterisk 1.4-20:channels/chan_mgcp.c"}
	verb, message := r, r
	verb.form = newForm("Unknown verb '<*text>' received from <addr>")
	message.form = newForm("Message from <addr> missing identifier")
	return []rule{verb, message}
}

// RuleUnissued is the alarm that a security event could not be written: a caller
// put a byte into it that is not UTF-8. asterisk:main/security_events.c.
const RuleUnissued = "V4 event not issued"

// Messages that the log loses records. They name no address.
func alarmRules() []rule {
	return []rule{
		{id: RuleUnissued, levels: errorly, channel: ChannelNotice, kind: Blind, form: newForm("Failed to issue security event of type <text>"), src: "asterisk 12-:main/security_events.c"},
		{id: "V5 log queue", levels: warning, channel: ChannelNotice, kind: Blind, form: newForm("Log queue threshold (<number>) exceeded.  Discarding <text>"), src: "asterisk 13-:main/logger.c"},
	}
}
