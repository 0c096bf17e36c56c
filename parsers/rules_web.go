package parsers

import "bytes"

// Apache's error log. Apache escapes control bytes and newlines (httpd:server/log.c,
// ap_escape_errorlog_item), and writes the address before all that a client sends.
func apache() program {
	g := program{name: "apache", service: Web, head: apacheHead}
	const basic, digest = "httpd:modules/aaa/mod_auth_basic.c", "httpd:modules/aaa/mod_auth_digest.c"
	add := func(id string, k Kind, p Points, src string, forms ...string) { g.add(id, k, Proven, p, src, forms...) }
	add("H1 web unknown user", UnknownAccount, Point, basic, "<either> user <account> not found: <text>", "<either> user <account> not found")
	add("H2 web wrong password", BadPassword, Point, basic, `<either> user <account>: authentication failure for "<text>`)
	for _, begins := range []string{"", "Digest: "} { // 2.2 writes it
		add("H2 web wrong password", BadPassword, Point, digest, "<either> "+begins+"user <account>: password mismatch: <text>")
		add("H1 web unknown user", UnknownAccount, Point, digest, "<either> "+begins+"user `<account>' in realm `<text>' not found: <text>")
		add("H3 web bad digest", Malformed, half, digest, "<either> "+begins+"realm mismatch - got `<text>", "<either> "+begins+"unknown algorithm `<text>",
			"<either> "+begins+"invalid qop `<text>", "<either> "+begins+"invalid nonce <text> received - length is not <text>", "<either> "+begins+"invalid nonce <text> received - user attempted time travel")
	}
	add("H4 web wrong scheme", Malformed, half, basic, "<either> client used wrong authentication scheme: <text>")
	first := len(g.rules)
	add("H5 web denied", ACL, half, "httpd:modules/aaa/mod_authz_core.c, mod_access_compat.c", "<either> client denied by server configuration: <text>")
	add("H6 web no such script", Scan, half, "httpd:modules/generators/mod_cgi.c; php:sapi/apache2handler", "<either> script '<session>' not found or unable to stat<text>", "<either> script not found or unable to stat: <session>")
	for i := first; i < len(g.rules); i++ {
		g.rules[i].once, g.rules[i].same = true, deniedPath // a page asks for the same file again and again
	}
	for i := range g.rules {
		switch g.rules[i].kind {
		case ACL:
			g.rules[i].ours = isOpenPath
		case Malformed:
			g.rules[i].once = true // all parts of one page do so, after a restart or a change of the realm
		}
	}
	return g
}

// deniedPath is the path in a record about a file. H6 has it in its first text.
func deniedPath(got *found) []byte {
	path := got.session
	if len(path) == 0 {
		path = got.text
	}
	path, _, _ = bytes.Cut(path, []byte(", referer: "))
	return path
}

// isOpenPath reports whether a path that the server denies is none that only attackers ask for: a
// page of ours may refer to a picture or a script that is denied.
func isOpenPath(path []byte) bool {
	name, _, _ := bytes.Cut(path, []byte(", referer: "))
	for {
		_, after, hidden := bytes.Cut(name, []byte("/."))
		if !hidden {
			return true
		}
		if !bytes.HasPrefix(after, []byte("well-known")) {
			return false
		}
		name = after
	}
}

// accessLog is the access log of Apache and nginx. nginx's error log is not read: nginx
// writes user names and paths there as they came, with newlines (seen with nginx 1.22.1), so
// a client can write whole lines about other addresses.
func accessLog() program {
	g := program{name: "access log", service: Web, read: readAccess}
	const src = "nginx:src/http/modules/ngx_http_log_module.c; httpd:modules/loggers/mod_log_config.c"
	g.add("H7 web refused user", BadPassword, Proven, Point, src, `<addr> - <account> [<text>] "<text>" 401 <text>`)
	g.add("H8 web scanner's path", Scan, Proven, Point, src, `<addr> - <text> [<text>] "<text>" 404 <text>`)
	g.rules[1].once = true // a monitor, or a page of a broken application, asks for one path again and again
	g.rules[1].same = func(got *found) []byte { return got.text }
	return g
}

func readAccess(g *program, line []byte) (r readLine) {
	a, ok := parseAccess(line)
	if !ok {
		return r
	}
	r = readLine{known: true, peer: a.peer, account: a.user, stamp: a.stamp}
	switch {
	case a.status == "401" && string(a.user) != "-" && len(a.user) > 0: // without a user: the browser was asked for one
		r.rule = &g.rules[0]
	case isScan(a):
		r.rule = &g.rules[1]
		r.same, _, _ = bytes.Cut(a.path, []byte("?"))
	}
	return r
}

// scannerPaths are asked for by scanners, and by no browser on a PBX that does not have them.
var scannerPaths = []string{
	"/.env", "/.git/", "/.aws/", "/.ssh/", "/.vscode/", "/wp-login.php", "/wp-admin", "/wp-content/", "/wp-includes/", "/xmlrpc.php", "/wordpress/",
	"/phpmyadmin", "/pma/", "/myadmin", "/mysqladmin", "/dbadmin", "/adminer", "/cgi-bin/", "/boaform/", "/gponform/", "/hnap1", "/vendor/phpunit",
	"/solr/", "/actuator", "/_ignition/", "/owa/", "/shell?", "/setup.cgi", "/sdk", "/manager/html", "/jmx-console", "/console/", "/geoserver",
	"/a2billing", "/vicidial", "/vtigercrm", "/recordings/misc/", "/digium_phones/ajax.php", "/admin/modules/framework/",
}

// isScan knows requests for what is not there, of paths that scanners ask for.
func isScan(a access) bool {
	switch a.status {
	case "400", "403", "404", "405", "444":
	default:
		return false
	}
	path := a.path
	if isPartOfPage(path) {
		return false
	}
	for bytes.HasPrefix(path, []byte("//")) {
		path = path[1:]
	}
	for _, begins := range scannerPaths {
		if len(path) >= len(begins) && bytes.EqualFold(path[:len(begins)], []byte(begins)) {
			return true
		}
	}
	return false
}

// isPartOfPage knows files that browsers load with a page. A page of ours that refers to such files
// where there are none, such as a WordPress that was moved, makes each visitor ask for them.
func isPartOfPage(path []byte) bool {
	path, _, _ = bytes.Cut(path, []byte("?"))
	dot := bytes.LastIndexByte(path, '.')
	if dot < 0 || bytes.IndexByte(path[dot:], '/') >= 0 {
		return false
	}
	switch string(bytes.ToLower(path[dot+1:])) {
	case "css", "js", "mjs", "map", "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "woff", "woff2", "ttf", "eot", "mp3", "mp4", "webm":
		return true
	}
	return false
}

// provisioning knows who walks through the files of phones, which have the phone's MAC in
// their name. A file that is there counts nothing, and neither does a second request for a
// file of the same phone. A phone that gets one of its files may ask for others that do not
// exist: phones ask for many names (.boot, -all.cfg, -directory.xml).
func provisioning() program {
	g := program{name: "access log", service: Provisioning, read: readProvisioning}
	g.add("P1 provisioning file of another phone", Scan, Proven, Point, "nginx:src/http/modules/ngx_http_log_module.c; httpd:modules/loggers/mod_log_config.c", `<addr> - <text> [<text>] "<text>" 404 <text>`)
	g.rules[0].once = true
	g.login("P2 provisioning file given", "nginx:src/http/modules/ngx_http_log_module.c; httpd:modules/loggers/mod_log_config.c", `<addr> - <text> [<text>] "<text>" 200 <text>`)
	return g
}

func readProvisioning(g *program, line []byte) (r readLine) {
	a, ok := parseAccess(line)
	if !ok {
		return r
	}
	r = readLine{known: true, peer: a.peer, stamp: a.stamp}
	rule := &g.rules[0]
	switch a.status {
	case "404", "403":
	case "200", "206", "304":
		rule = &g.rules[1]
	default:
		return r
	}
	if mac := macOf(a.path); mac != nil {
		r.account, r.rule = bytes.ToLower(mac), rule // a phone may write it in two ways
	}
	return r
}

// macOf finds a MAC address, 12 hexadecimal digits, in the name of a file that a phone asks
// for: "/cfg001565abcdef.xml". Other files with such digits, such as scripts of a web page,
// are none. nil: there is none.
func macOf(path []byte) []byte {
	path, _, _ = bytes.Cut(path, []byte("?"))
	name := path[bytes.LastIndexByte(path, '/')+1:]
	dot := bytes.LastIndexByte(name, '.')
	if dot < 0 {
		return nil
	}
	switch string(bytes.ToLower(name[dot:])) {
	case ".cfg", ".xml", ".conf", ".txt", ".ini", ".boot":
	default:
		return nil
	}
	name = name[:dot]
	for i := 0; i+12 <= len(name); i++ {
		if i > 0 && isHex(name[i-1]) && !bytes.EqualFold(name[max(i-3, 0):i], []byte("spa")) { // Linksys and Cisco
			continue
		}
		n := 0
		for n < 12 && isHex(name[i+n]) {
			n++
		}
		if n == 12 && (i+12 == len(name) || !isHex(name[i+12])) {
			if bytes.HasPrefix(name[i:], []byte("00000000")) { // the file of a whole model, such as y000000000028.cfg
				return nil
			}
			return name[i : i+12]
		}
	}
	return nil
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
