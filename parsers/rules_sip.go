package parsers

// Messages of chan_sip, 1.4 to 20. Registration and call refusals name the
// packet's source (sin, p->recv); others name p->sa, which Via maddr sets.

func chanSIPRules() []rule {
	r := rule{levels: notice, service: SIP, channel: ChannelNotice, evidence: Seen}
	register := r
	register.twin = true // from 11 on
	register.id, register.src = "C1 sip registration", "asterisk 1.4-20:channels/chan_sip.c, handle_request_register"
	register.form = newForm("Registration from '<*account>' failed for '<either>' - <reason>")
	register.reasons = []reason{
		{text: "Wrong password", id: "C1 sip wrong password", kind: BadPassword, points: Point},
		{text: "No matching peer found", id: "C3 sip no matching peer", kind: UnknownAccount, points: twice},
		{text: "Username/auth name mismatch", id: "C2 sip auth name mismatch", kind: BadPassword, points: Point},
		{text: "Not a local domain", id: "C4 sip not a local domain", kind: UnknownAccount, points: twice},
		{text: "Peer is not supposed to register", id: "C5 sip not supposed to register", kind: NotAllowed, points: Point},
		{text: "Device does not match ACL", id: "C6 sip device acl", kind: ACL, points: twice},
		{text: "ACL error (permit/deny)", id: "C6 sip device acl", kind: ACL, points: twice},
		{text: "Device not configured to use this transport type", id: "C7 sip wrong transport", kind: NotAllowed, points: half},
		{text: "Unknown failure", id: "C9 sip unknown failure", kind: NotAllowed, points: half},
	}
	call := r
	call.id, call.kind, call.points, call.src = "C10 sip unknown extension", UnknownExtension, twice, "asterisk 1.8-20:channels/chan_sip.c, handle_request_invite"
	call.form = newForm("Call from '<account>' (<either>) to extension '<*dialled>' rejected because extension not found in context '<name>'.")
	call.before, call.twin, call.tail = true, true, dumpReach // twin from 13 on
	call.unique = []byte(") to extension '")
	tooLarge := r
	tooLarge.id, tooLarge.levels, tooLarge.kind, tooLarge.points, tooLarge.evidence = "C18 sip packet too large", warning, Malformed, twice-half, Proven
	tooLarge.form, tooLarge.src = newForm("Rejecting TCP/TLS packet from '<either>' because way too large: <number>"), "asterisk 1.8, 11-20:channels/chan_sip.c, sip_tcptls_read"
	claimed := func(id, text string, k Kind, p Points) rule {
		n := r
		n.id, n.kind, n.points, n.evidence, n.doubt, n.form = id, k, p, Claimed, viaMaddr, newForm(text)
		n.src = "asterisk 1.4-20:channels/chan_sip.c"
		return n
	}
	return []rule{
		register, call, tooLarge,
		goesOn(claimed("C15 sip no hint", "Got SUBSCRIBE for extension <*dialled> from <either>, but there is no hint for that extension.", UnknownExtension, half)),
		claimed("C16 sip unknown command", "Unknown SIP command '<*text>' from '<either>'", Malformed, Point),
		claimed("C17 sip invalid to", "Invalid to address: '<*account>' from <either> (missing sip:) trying to use anyway...", Malformed, half),
	}
}

// goesOn marks a rule whose text chan_sip has decoded, newlines and all.
func goesOn(r rule) rule {
	r.tail = dumpReach
	return r
}
