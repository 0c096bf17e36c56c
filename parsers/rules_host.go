package parsers

import (
	"bytes"
	"strconv"
)

// freepbx is FreePBX's log of log-ins to its web interface and to UCP, freepbx_security.log.
// From 15 on, Monolog writes it, and puts a blank in place of a newline
// (freepbx/framework:amp_conf/htdocs/admin/libraries/BMO/Logger.class.php, createLogDriver). Versions
// before write the user name as it came: a name with a newline writes whole lines. Nothing of
// a log that holds a line of such a version is believed.
func freepbx() program {
	g := program{name: "freepbx", service: GUI, head: bracketHead, mark: "[freepbx_security.NOTICE]: "}
	g.add("G1 freepbx wrong log-in", BadPassword, Proven, Point, "freepbx/framework:amp_conf/htdocs/admin/libraries/utility.functions.php, freepbx_log_security; freepbx/ucp",
		"Authentication failure for <account> from <addr> [] []", "Authentication failure for <account> from <addr>")
	g.login("G5 freepbx log-in", "freepbx/ucp:htdocs/includes/User.class.php, _authenticate", "Authentication successful for <account> from <addr> [] []", "Authentication successful for <account> from <addr>")
	return g
}

// issabel is the audit log of Issabel's web interface, and of Elastix. It writes at most 20 bytes
// of a user name, with all but letters and digits escaped as in a URL.
func issabel() program {
	g := program{name: "issabel", service: GUI, head: bracketHead}
	const src, begins = "issabel/framework:html/index.php", "LOGIN <account>: Authentication Failure to Web Interface login. "
	for _, end := range []string{"", " "} {
		g.add("G2 issabel wrong password", BadPassword, Proven, Point, src, begins+"Failed password for <text> from <addr>."+end)
		g.add("G3 issabel unknown user", UnknownAccount, Proven, Point, src, begins+"Invalid user <text> from <addr>."+end)
		g.add("G4 issabel second factor", BadPassword, Proven, Point, src, begins+"Failed two factore code for <text> from <addr>."+end)
		g.login("G6 issabel log-in", src, "LOGIN <account>: Web Interface login successful. Accepted password for <text> from <addr>."+end)
	}
	return g
}

// vsftpd writes the user name before the address, and nothing of the caller's behind it where a
// log-in failed. It writes a "?" in place of bytes that cannot be printed. Behind `Client "ADDR", ` of
// its other lines comes a path or a command of the caller, which may look like the end of a log-in: so a
// line with that text before the log-in charges no address, and protects none.
func vsftpd() program {
	g := program{name: "vsftpd", service: FTP, tags: []string{"vsftpd"}, head: vsftpdHead}
	const src = "vsftpd:logging.c, vsf_log_do_log_vsftpd_format"
	g.add("F1 ftp wrong password", BadPassword, Proven, Point, src, `[<account>] FAIL LOGIN: Client "<addr>"`)
	g.add("F2 ftp user not allowed", ACL, Proven, Point, src, `[<account>] FAIL LOGIN: Client "<addr>", "User is not in the allow user list."`)
	g.login("F3 ftp log-in", src, `[<account>] OK LOGIN: Client "<addr>"`)
	for i := range g.rules {
		g.rules[i].unique = []byte(`", `)
	}
	return g
}

// isAnonymous knows the names that need no password.
func isAnonymous(account []byte) bool {
	return bytes.EqualFold(account, []byte("ftp")) || bytes.EqualFold(account, []byte("anonymous"))
}

// postfix writes the address behind the name that DNS has for it, which has no bracket
// (postfix:src/util/valid_hostname.c), and before all that the client sends. It writes a "?" in
// place of bytes that cannot be printed.
func postfix() program {
	g := program{name: "postfix", service: Mail, tags: []string{"postfix*/smtpd"}, strip: []string{"warning: "}}
	add := func(id string, k Kind, p Points, src string, ours func([]byte) bool, forms ...string) {
		first := len(g.rules)
		g.add(id, k, Proven, p, "postfix:src/smtpd/"+src, forms...)
		for i := first; i < len(g.rules); i++ {
			g.rules[i].ours = ours
		}
	}
	const log = "smtpd_sasl_glue.c, smtpd_sasl_authenticate"
	add("M1 mail wrong password", BadPassword, Point, log, isMailFailure,
		"<word>[<addr>]: SASL <word> authentication failed: <text>, sasl_username=<account>", "<word>[<addr>]:<number>: SASL <word> authentication failed: <text>, sasl_username=<account>",
		"<word>[<addr>]: SASL <word> authentication failed: <text>", "<word>[<addr>]: SASL <word> authentication failed:", "<word>[<addr>]: SASL <word> authentication failed",
		"<word>[<addr>]:<number>: SASL <word> authentication failed: <text>")
	add("M2 mail too many errors", Rate, Point, "smtpd.c, smtpd_proto", nil, "too many errors after AUTH from <word>[<addr>]")
	// A program that sends without a log-in does this for each receiver: one sender counts once.
	add("M3 mail relay denied", NotAllowed, Point, "smtpd_check.c, check_relay", nil, "NOQUEUE: reject: RCPT from <word>[<addr>]: 554 5.7.1 <text>: Relay access denied; <text>")
	relay := &g.rules[len(g.rules)-1]
	relay.once, relay.same = true, mailSender
	const sent = "postfix:src/smtpd/smtpd.c, smtpd_sasl_mail_log"
	g.login("M4 mail log-in", sent, "<word>: client=<word>[<addr>], sasl_method=<word>, sasl_username=<account>", "<word>: client=<word>[<addr>]:<number>, sasl_method=<word>, sasl_username=<account>")
	return g
}

// mailSender is the sender in "from=<SENDER> to=<RECEIVER> proto=...".
func mailSender(got *found) []byte {
	_, rest, _ := bytes.Cut(got.text, []byte("from=<"))
	sender, _, _ := bytes.Cut(rest, []byte(">"))
	return sender
}

// isMailFailure reports whether SASL failed because of the server, or because the client asked
// for a mechanism that is not offered: that is no guess.
func isMailFailure(reason []byte) bool {
	for _, begins := range []string{"Connection lost to authentication server", "Invalid authentication mechanism", "generic failure", "Temporary ", "temporary ", "no mechanism available", "no worthy mechs"} {
		if bytes.HasPrefix(reason, []byte(begins)) {
			return true
		}
	}
	return false
}

// openvpn writes the address before all that a peer sends. What a peer does after it has
// answered our TLS proves its address. Over UDP, one forged packet writes "cannot locate HMAC".
// "TLS handshake failed" counts nothing: a bad line does that too.
func openvpn() program {
	g := program{name: "openvpn", service: VPN, tags: []string{"openvpn", "ovpn-*"}, head: datedHead}
	g.add("O1 vpn wrong password", BadPassword, Proven, Point, "openvpn:src/openvpn/ssl_verify.c, verify_user_pass", "<hostport> TLS Auth Error: Auth Username/Password verification failed for peer")
	first := len(g.rules)
	g.add("O2 vpn bad certificate", BadPassword, Proven, half, "openvpn:src/openvpn/ssl_verify_openssl.c, verify_callback", "<hostport> VERIFY ERROR: <text>")
	g.rules[first].ours = isOldCertificate
	g.add("O3 vpn no key", Malformed, Seen, half, "openvpn:src/openvpn/tls_crypt.c, ssl_pkt.c", "TLS Error: cannot locate HMAC in incoming packet from [AF_INET]<hostport>")
	key := &g.rules[len(g.rules)-1]
	key.once = true // a client with an old key repeats its packet
	key.same = func(got *found) []byte { return strconv.AppendUint(nil, uint64(got.port), 10) }
	g.login("O4 vpn log-in", "openvpn:src/openvpn/ssl.c, key_method_2_read; multi.c", "<hostport> [<account>] Peer Connection Initiated with <text>")
	return g
}

// isOldCertificate reports whether a certificate is one of ours that is too old, or whether our own
// list of revoked ones is: that is no guess.
func isOldCertificate(reason []byte) bool {
	_, why, _ := bytes.Cut(reason, []byte("error=")) // the first is openvpn's own; a name in a certificate follows
	for _, begins := range []string{"certificate has expired", "certificate is not yet valid", "CRL ", "unable to get certificate CRL"} {
		if bytes.HasPrefix(why, []byte(begins)) {
			return true
		}
	}
	return false
}
