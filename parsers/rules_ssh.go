package parsers

import "strings"

// sshd of OpenSSH. What it writes, and what a caller writes of it:
//
//   - Each message is one syslog record. sshd escapes control bytes and newlines with
//     vis(3), so one such byte of a caller becomes four (openssh:log.c:398, do_log).
//   - It cuts each record at 500 bytes (openssh:log.c:420). A user name is cut at 100 bytes
//     in most messages (openssh:auth.c:294), but at 187 in "Connection closed by invalid
//     user" (openssh:packet.c:2054, where the name is the preamble), before it is escaped.
//     There a caller can make the record end in the middle of its name, for example in
//     " 198.51.100.8 port 22 [preauth]". So a record of 500 bytes charges no address.
//   - The address comes after the name, and nothing of the caller's follows it in the
//     messages below: the right-most " from ADDR port N ssh2" is sshd's own.
//   - Text of the caller follows "ssh2: ": of a certificate, its key id, of any length
//     (openssh:auth.c:243, format_method_key); of a hostbased log-in, its user and host. Such
//     messages (Failed publickey, Failed hostbased) have no rule.
//     A key that was tried before may leave such a text behind a wrong password too, so a
//     name with " ssh2:" in it charges no address.
//   - "Received disconnect" ends in a text of the caller (openssh:packet.c:1889). Its address
//     comes first, so only the beginning of the message is believed.
//
// With UseDNS, "User x from" and "PAM:" have a host name in place of the address. Names are
// not looked up here. A name that looks like an address is refused by sshd itself
// (openssh:packet.c:593).
//
// sshd speaks TCP, so its addresses have answered us: proven.
func sshd() program {
	g := program{name: "sshd", service: SSH, tags: []string{"sshd", "sshd-session", "sshd-auth"}, strip: []string{"error: ", "fatal: "}, most: 500}
	add := func(id string, k Kind, p Points, src string, forms ...string) {
		for _, text := range forms {
			g.rules = append(g.rules, rule{id: id, form: newForm(text), service: SSH, channel: ChannelNotice, kind: k, evidence: Proven, points: p, src: "openssh:" + src})
		}
	}
	const peer = " from <addr> port <number> ssh2"
	const log = "auth.c:294, auth_log"
	add("S1 ssh unknown user", UnknownAccount, Point, log,
		"Failed password for invalid user <account>"+peer, "Failed keyboard-interactive for invalid user <account>"+peer)
	add("S2 ssh wrong password", BadPassword, Point, log,
		"Failed password for <account>"+peer, "Failed keyboard-interactive for <account>"+peer)
	// Through PAM. A line "Failed keyboard-interactive/pam" often follows, and counts nothing.
	for _, why := range []string{"Authentication failure", "authentication failure", "Authentication error", "authentication error", "User not known to the underlying authentication module"} {
		add("S3 ssh pam unknown user", UnknownAccount, Point, "auth-pam.c:919, sshpam_query", maybePreauth("PAM: "+why+" for illegal user <account> from <addr>")...)
		add("S4 ssh pam", BadPassword, Point, "auth-pam.c:919, sshpam_query", maybePreauth("PAM: "+why+" for <account> from <addr>")...)
	}
	// A wrong password often follows, and counts too: so half a point.
	add("S5 ssh invalid user", UnknownAccount, half, "auth.c:498, getpwnamallow",
		"Invalid user <account> from <addr> port <number>", "Invalid user <account> from <addr>", "Illegal user <account> from <addr>")
	// The client left before it logged in, often after the lines above. An account that
	// exists counts less: a machine whose key is out of date does this too.
	for _, end := range []string{"Connection closed by", "Connection reset by", "Disconnected from"} {
		add("S6 ssh left, unknown user", UnknownAccount, half, "packet.c:2074, sshpkt_vfatal", end+" invalid user <account> <addr> port <number> [preauth]")
		add("S7 ssh left", NotAllowed, half/2, "packet.c:2074, sshpkt_vfatal", end+" authenticating user <account> <addr> port <number> [preauth]")
	}
	// A client that offers many keys ends so, without one wrong password.
	add("S8 ssh too many attempts", Rate, half, "auth.c:335, auth_maxtries_exceeded", maybePreauth("maximum authentication attempts exceeded for <account>"+peer)...)
	for _, why := range []string{"not listed in AllowUsers", "listed in DenyUsers", "not in any group", "a group is listed in DenyGroups", "none of user's groups are listed in AllowGroups"} {
		add("S9 ssh user not allowed", ACL, half, "auth.c:175, allowed_user", "User <account> from <addr> not allowed because "+why)
	}
	add("S10 ssh root refused", NotAllowed, Point, "auth.c:367, auth_root_allowed", maybePreauth("ROOT LOGIN REFUSED FROM <addr> port <number>")...)
	add("S10 ssh root refused", NotAllowed, Point, "auth.c, auth_root_allowed (before 7.0)", "ROOT LOGIN REFUSED FROM <addr>")
	add("S11 ssh refused by tcp wrappers", ACL, Point, "sshd.c, main (before 6.7, and Debian)", "refused connect from <text> (<addr>)")
	add("S12 ssh client library gave up", BadPassword, half, "packet.c:1889, ssh_packet_read_poll_seqnr",
		"Received disconnect from <addr>: 3: <text>: Auth fail", "Received disconnect from <addr>: 3: <text>: Auth fail [preauth]",
		"Received disconnect from <addr> port <number>:3: <text>: Auth fail", "Received disconnect from <addr> port <number>:3: <text>: Auth fail [preauth]")
	add("S13 ssh no common algorithm", Malformed, half/2, "packet.c:2096, sshpkt_vfatal", "Unable to negotiate with <addr> port <number>: no matching <text>")
	// Health checks in another protocol do this too.
	add("S14 ssh not the protocol", Malformed, half/2, "packet.c:2108, sshpkt_vfatal; kex.c, kex_exchange_identification",
		"banner exchange: Connection from <addr> port <number>: invalid format", "Bad protocol version identification '<text>' from <addr> port <number>")
	add("S15 ssh broken packets", Malformed, half, "packet.c:2108, sshpkt_vfatal",
		"ssh_dispatch_run_fatal: Connection from <addr> port <number>: message authentication code incorrect [preauth]",
		"ssh_dispatch_run_fatal: Connection from <addr> port <number>: Connection corrupted [preauth]")
	// So does a person who was asked for the password and went away.
	add("S16 ssh never logged in", Rate, half/2, "sshd.c:380, child_reap; sshd.c, grace_alarm_handler (before 9.8)",
		"Timeout before authentication for connection from <addr> to <text>, pid = <number>", "Timeout before authentication for <addr> port <number>", "Timeout before authentication for <addr>")
	// It repeats what sshd has counted already.
	add("S17 ssh dropped", Rate, half/2, "sshd.c:623, drop_connection",
		"drop connection #<number> from <hostport> on <text> penalty: <text>")
	for i := range g.rules {
		g.rules[i].unique = []byte(" ssh2:") // what follows it may be of a key, and the address before it the sender's
	}
	// What a client's certificate says follows "ssh2: ". The name of an account that exists has
	// no blank, so the first address is sshd's own.
	g.login("S18 ssh log-in", "openssh:auth.c:294, auth_log", "Accepted <word> for <word>"+peer, "Accepted <word> for <word>"+peer+": <text>")
	return g
}

// maybePreauth is a form as a process before and after the log-in writes it.
func maybePreauth(text string) []string {
	return []string{text, strings.TrimSuffix(text, " [preauth]") + " [preauth]"}
}
