package parsers

import "bytes"

// bracketHead takes off "[DATE] ".
func bracketHead(line []byte) (h ownHead) {
	if len(line) == 0 || line[0] != '[' {
		return h
	}
	end := bytes.Index(line[:min(len(line), maxStamp)], []byte("] "))
	if end < 0 {
		return h
	}
	h = ownHead{stamp: line[1:end], text: line[end+2:]}
	if levelAt(h.text) != levelNone { // a record of Asterisk
		return ownHead{}
	}
	return h
}

// datedHead takes off "DATE " in one of two forms: "2024-03-05 06:07:08" and
// "Tue Mar  5 06:07:08 2024".
func datedHead(line []byte) (h ownHead) {
	n := max(isoLen(line), ctimeStamp(line))
	if n == 0 || n >= len(line) || line[n] != ' ' {
		return h
	}
	return ownHead{stamp: line[:n], text: line[n+1:]}
}

// vsftpdHead takes off "Tue Mar  5 06:07:08 2024 [pid 1638] ".
func vsftpdHead(line []byte) (h ownHead) {
	h = datedHead(line)
	rest, ok := bytes.CutPrefix(h.text, []byte("[pid "))
	if !ok {
		return ownHead{}
	}
	pid, rest, ok := bytes.Cut(rest, []byte("] "))
	if !ok || len(pid) == 0 || !allDigits(pid) {
		return ownHead{}
	}
	h.text = rest
	return h
}

// apacheHead takes off "[DATE] [MODULE:LEVEL] [pid N:tid N] [client ADDR:PORT] AH01234: ". All
// of it is Apache's own text, so each bracket ends at the first "] ".
// httpd:server/log.c, do_errorlog_default.
func apacheHead(line []byte) (h ownHead) {
	h = bracketHead(line)
	for range 3 {
		inside, rest, ok := bytes.Cut(h.text, []byte("] "))
		if !ok || len(inside) == 0 || inside[0] != '[' {
			return ownHead{}
		}
		if bytes.HasPrefix(inside, []byte("[evasive")) { // it denies those who ask often, who may be honest
			return ownHead{}
		}
		h.text = rest
		peer, client := bytes.CutPrefix(inside, []byte("[client "))
		if !client {
			peer, client = bytes.CutPrefix(inside, []byte("[remote "))
		}
		if !client {
			continue
		}
		h.peer = peer
		if code, message, ok := bytes.Cut(rest[:min(len(rest), 16)], []byte(": ")); ok && len(code) > 2 && string(code[:2]) == "AH" && allDigits(code[2:]) {
			h.text = rest[len(rest[:min(len(rest), 16)])-len(message):]
		}
		return h
	}
	return ownHead{}
}

// access is a line of a web server's access log in the common or combined form:
//
//	203.0.113.5 - USER [05/Mar/2024:06:07:08 +0000] "GET /path HTTP/1.1" 401 179 "-" "agent"
//
// The address begins the line. Both servers escape quotes and newlines in what a client sends,
// so the first quote begins the request and the next one ends it.
// nginx:src/http/modules/ngx_http_log_module.c, ngx_http_log_escape; httpd:modules/loggers/mod_log_config.c
type access struct {
	peer, user, stamp, path []byte
	status                  string
}

func parseAccess(line []byte) (a access, ok bool) {
	n := bytes.IndexByte(line[:min(len(line), 48)], ' ')
	if n <= 0 || n != addrToken(line) {
		return a, false
	}
	a.peer = line[:n]
	quote := n + 1 + quoteIn(line[n+1:])
	if quote == len(line) {
		return a, false
	}
	front, rest := line[n+1:quote], line[quote+1:]
	open := bytes.LastIndex(front, []byte(" ["))
	front, closed := bytes.CutSuffix(front, []byte("] "))
	if open < 0 || !closed {
		return a, false
	}
	a.stamp = front[open+2:]
	_, a.user, ok = bytes.Cut(front[:open], []byte(" ")) // what identd(8) says comes first
	if !ok {
		return a, false
	}
	end := quoteIn(rest)
	if end+5 > len(rest) || rest[end+1] != ' ' || !allDigits(rest[end+2:end+5]) {
		return a, false
	}
	a.status = string(rest[end+2 : end+5])
	if _, a.path, ok = bytes.Cut(rest[:end], []byte(" ")); ok {
		a.path, _, _ = bytes.Cut(a.path, []byte(" "))
	}
	return a, true
}

// quoteIn finds the first quote that no backslash escapes; len(b): there is none.
func quoteIn(b []byte) int {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return len(b)
}
