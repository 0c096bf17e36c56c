package parsers

// Messages of res_pjsip. The address is the packet's source; over UDP anybody
// can forge it. asterisk:res/res_pjsip/pjsip_distributor.c:716, log_failed_request.

func distributorRules() []rule {
	return []rule{
		{
			id: "J1 pjsip request", levels: notice, service: PJSIP, channel: ChannelNotice, evidence: Seen, twin: true,
			form:    newForm("Request '<word>' from '<nameaddr>' failed for '<glued>' (callid: <*session>) - <reason>"),
			reasons: distributorReasons(), src: "asterisk 13-:res/res_pjsip/pjsip_distributor.c:722",
		},
		{
			id: "J7 pjsip request", levels: notice, service: PJSIP, channel: ChannelNotice, evidence: Seen, twin: true,
			form:    newForm("Request from '<nameaddr>' failed for '<glued>' (callid: <*session>) - <reason>"),
			reasons: distributorReasons(), src: "asterisk 12:res/res_pjsip/pjsip_distributor.c",
		},
	}
}

func distributorReasons() []reason {
	return []reason{
		{text: "No matching endpoint found", id: "J1 pjsip no matching endpoint", kind: UnknownAccount, points: twice, more: true, once: true},
		{text: "Failed to authenticate", id: "J5 pjsip failed to authenticate", kind: BadPassword, points: Point},
		{text: "Error to authenticate", id: "J6 pjsip error to authenticate", kind: BadPassword, points: Point},
		{text: "Not match Endpoint ACL", id: "J3 pjsip endpoint acl", kind: ACL, points: half},
		{text: "Not match Endpoint Contact ACL", id: "J4 pjsip contact acl", kind: ACL, points: half},
	}
}

// A call to an extension that does not exist: asterisk:res/res_pjsip_session.c, new_invite.
// The endpoint is a name of pjsip.conf: the caller without an account is "anonymous".
func sessionRules() []rule {
	r := rule{levels: notice, service: PJSIP, channel: ChannelNotice, kind: UnknownExtension, evidence: Seen, points: twice, tail: extenReach}
	old, older, now := r, r, r
	old.id, old.src = "J8 pjsip unknown extension", "asterisk 13, 15:res/res_pjsip_session.c"
	old.form = newForm("Call from '<endpoint>' (<transport>:<hostport>) to extension '<*dialled>' rejected because extension not found in context '<name>'.")
	older.id, older.src = "J9 pjsip unknown extension", "asterisk 12, 14:res/res_pjsip_session.c"
	older.form = newForm("Call from '<endpoint>' (<transport>:<glued>) to extension '<*dialled>' rejected because extension not found in context '<name>'.")
	now.id, now.src = "J10 pjsip unknown extension", "asterisk 16-:res/res_pjsip_session.c:4011"
	now.form = newForm("<endpoint>: Call (<transport>:<hostport>) to extension '<*dialled>' rejected because extension not found in context '<name>'.")
	return []rule{now, old, older}
}

// The endpoint's name is configuration, but most of these come from phones that
// are known: asterisk:res/res_pjsip_registrar.c:841, 1238, 1261, 1286.
func registrarRules() []rule {
	r := rule{levels: warning, service: PJSIP, channel: ChannelNotice, kind: NotAllowed, evidence: Proven, points: half, src: "asterisk 16, 18-:res/res_pjsip_registrar.c"}
	with := func(id, text string, p Points, e Evidence) rule {
		n := r
		n.id, n.form, n.points, n.evidence = id, newForm(text), p, e
		n.tail = dumpReach * n.form.texts() // the user of a URI, as long as the packet
		return n
	}
	return []rule{
		with("J13 pjsip no configured aors", "Endpoint '<endpoint>' (<glued>) has no configured AORs", Point, Seen),
		before(with("J11 pjsip aor not found", "AOR '<*text>' not found for endpoint '<endpoint>' (<glued>)", half, Proven)),
		with("J12 pjsip max contacts", "Registration attempt from endpoint '<endpoint>' (<glued>) to AOR '<*text>' will exceed max contacts of <number>", half/2, Proven),
		with("J14 pjsip non-sip uri", "Endpoint '<endpoint>' (<glued>) attempted to register to an AOR with a non-SIP URI", half, Seen),
		with("J15 pjsip no max contacts", "AOR '<name>' has no configured max_contacts. Endpoint '<endpoint>' (<glued>) unable to register", half, Proven),
	}
}

// One text, two functions: only apply_acl tests the packet's source, the other
// tests the Contact header. asterisk:res/res_pjsip_acl.c:158, 201.
func pjsipACLRules() []rule {
	r := rule{
		id: "J16 pjsip acl", levels: warning, service: PJSIP, channel: ChannelNotice, kind: ACL, evidence: Seen, points: twice - half,
		form: newForm("Incoming SIP message from <glued> did not pass ACL test"), fn: "apply_acl", src: "asterisk 12-:res/res_pjsip_acl.c:158",
	}
	contact := r
	contact.id, contact.fn, contact.evidence, contact.doubt = "J17 pjsip contact acl", "", Claimed, "the same text is written for the Contact header"
	return []rule{r, contact}
}

// Packets that are no SIP. pjproject up to 2.13 dumps the whole packet after
// the message: Parser.taint keeps what follows from being believed.
func pjprojectRules() []rule {
	r := rule{levels: warning | errorly, service: PJSIP, channel: ChannelNotice, kind: Malformed, evidence: Seen, points: half}
	dropping, processing, endpoint := r, r, r
	dropping.id, dropping.src = "J20 pjsip malformed packet", "pjproject 2.14-:pjsip/src/pjsip/sip_transport.c"
	dropping.form = newForm("sip_transport.c Dropping <number> bytes packet from <transport> <glued> : <text>")
	processing.id, processing.src = "J19 pjsip malformed packet", "pjproject -2.13:pjsip/src/pjsip/sip_transport.c"
	processing.form = newForm("sip_transport.c Error processing <number> bytes packet from <transport> <glued> : <text>")
	endpoint.id, endpoint.src = "J19 pjsip missing header", "pjproject:pjsip/src/pjsip/sip_endpoint.c"
	endpoint.form = newForm("sip_endpoint.c Error processing packet from <glued>: <text>")
	return []rule{dropping, processing, endpoint}
}
