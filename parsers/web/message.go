package web

import (
	"bytes"
	"strconv"
)

// Request is the head of an HTTP request. The slices are parts of the bytes given.
type Request struct {
	Method      []byte
	Target      []byte // path and query
	Path        []byte
	Query       []byte
	Agent       []byte
	Credentials []byte // of Authorization, with the scheme: read it, never keep it
	WebSocket   bool   // asks for one
	Protocol    []byte // that is wanted on it
	Length      int    // of the body
	Chunked     bool
	Odd         bool // other readers may see another end of it, and what follows it is not certain
}

// Response is the head of an answer.
type Response struct {
	Status  int
	Length  int // of the body; -1 when it goes on to the end of the connection
	Chunked bool
	Asks    bool // for credentials (WWW-Authenticate)
	JSON    bool // the body is JSON
	SIP     bool // it agrees to SIP in a WebSocket
}

// maxHeaders is how many header lines are looked at.
const maxHeaders = 128

// ReadRequest reads the head at the start of b. n is its length, 0 when it has not
// ended yet; ok is false when it is no HTTP. It reads what Asterisk reads, which takes methods in
// either case, more than one blank, no version, and of two equal headers the first
// (asterisk:main/http.c, httpd_process_request).
func ReadRequest(b []byte, r *Request) (n int, ok bool) {
	*r = Request{}
	line, n, whole := cutLine(b)
	if !whole {
		return 0, len(b) < maxLine
	}
	method, rest := cutBlank(line)
	target, version := cutBlank(rest)
	if len(target) == 0 || !isMethod(method) || len(version) > 0 && (len(version) < 5 || !is(version[:5], "HTTP/")) {
		return n, false
	}
	r.Method, r.Target = method, target
	r.Path, r.Query, _ = bytes.Cut(target, []byte("?"))
	hasLength, hasEncoding := false, false
	n = headers(b, n, func(name, value []byte) {
		switch {
		case is(name, "Authorization"):
			if r.Credentials == nil || !isBasic(r.Credentials) && isBasic(value) {
				r.Credentials = value
			}
		case is(name, "User-Agent"):
			r.Agent = value
		case is(name, "Upgrade"):
			r.WebSocket = is(value, "websocket")
		case is(name, "Sec-WebSocket-Protocol"):
			r.Protocol = value
		case is(name, "Content-Length"):
			number, plain := length(value)
			r.Odd = r.Odd || hasLength || !plain
			if !hasLength {
				r.Length, hasLength = number, true
			}
		case is(name, "Transfer-Encoding"):
			r.Chunked = r.Chunked || !hasEncoding && is(value, "chunked")
			r.Odd = r.Odd || hasEncoding || !r.Chunked
			hasEncoding = true
		}
	})
	r.Odd = r.Odd || r.Chunked && hasLength || bytes.IndexByte(b[:n], 0) >= 0
	return n, true
}

// cutBlank cuts a line at its first blank, as Asterisk does: each byte up to a space is one.
func cutBlank(b []byte) (word, rest []byte) {
	b = bytes.TrimLeftFunc(b, isBlank)
	if end := bytes.IndexFunc(b, isBlank); end >= 0 {
		return b[:end], bytes.TrimFunc(b[end:], isBlank)
	}
	return b, nil
}

func isBlank(r rune) bool { return r <= ' ' }

func isBasic(credentials []byte) bool {
	return len(credentials) > 6 && is(credentials[:6], "Basic ")
}

// ReadResponse reads the head of an answer, as ReadRequest does.
func ReadResponse(b []byte, r *Response) (n int, ok bool) {
	*r = Response{Length: -1}
	line, n, whole := cutLine(b)
	if !whole {
		return 0, len(b) < maxLine
	}
	if !bytes.HasPrefix(line, []byte("HTTP/")) {
		return n, false
	}
	_, rest, _ := bytes.Cut(line, []byte(" "))
	status, _, _ := bytes.Cut(rest, []byte(" "))
	code, err := strconv.Atoi(string(status))
	if err != nil || code < 100 || code > 599 {
		return n, false
	}
	r.Status = code
	n = headers(b, n, func(name, value []byte) {
		switch {
		case is(name, "Content-Length"):
			r.Length, _ = length(value)
		case is(name, "Transfer-Encoding"):
			r.Chunked = true
		case is(name, "WWW-Authenticate"):
			r.Asks = true
		case is(name, "Content-Type"):
			r.JSON = is(value, "application/json")
		case is(name, "Sec-WebSocket-Protocol"):
			r.SIP = is(value, "sip")
		}
	})
	if code < 200 || code == 204 || code == 304 {
		r.Length, r.Chunked = 0, false
	}
	return n, true
}

// maxLine is how long a first line may be.
const maxLine = 4096

func headers(b []byte, n int, yield func(name, value []byte)) int {
	for i := 0; ; i++ {
		line, size, whole := cutLine(b[n:])
		if !whole {
			return 0
		}
		n += size
		if len(line) == 0 {
			return n
		}
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && i < maxHeaders {
			yield(bytes.TrimRightFunc(name, isBlank), bytes.TrimFunc(value, isBlank))
		}
	}
}

func cutLine(b []byte) (line []byte, size int, whole bool) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return nil, 0, false
	}
	return bytes.TrimRightFunc(b[:end], isBlank), end + 1, true
}

func is(b []byte, word string) bool { return len(b) == len(word) && bytes.EqualFold(b, []byte(word)) }

func isMethod(b []byte) bool {
	for _, c := range b {
		if c = lower(c); c < 'a' || c > 'z' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 16
}

// length reads a Content-Length. What cannot be one counts as 0, and is not plain.
func length(b []byte) (n int, plain bool) {
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int(c-'0')
	}
	return n, true
}

// Parameter finds a parameter of a query; nil where there is none. Its name may be
// written in codes (%61ction), as Asterisk reads it; the value is not decoded.
func Parameter(query []byte, name string) []byte {
	for len(query) > 0 {
		var pair []byte
		pair, query, _ = bytes.Cut(query, []byte("&"))
		if key, value, _ := bytes.Cut(pair, []byte("=")); Says(key, name) {
			return value
		}
	}
	return nil
}

// Says reports whether a coded text means a word, in either case. Asterisk takes
// no blanks in front of a value (asterisk:main/manager.c, astman_get_header).
func Says(coded []byte, word string) bool {
	n := 0
	for len(coded) > 0 {
		var c byte
		c, coded = decode(coded)
		if n == 0 && (c == ' ' || c == '\t') {
			continue
		}
		if n == len(word) || lower(c) != lower(word[n]) {
			return false
		}
		n++
	}
	return n == len(word)
}

// Decoded is a coded text as Asterisk reads it, in memory of its own.
func Decoded(coded []byte) []byte {
	text := make([]byte, 0, len(coded))
	for len(coded) > 0 {
		var c byte
		c, coded = decode(coded)
		text = append(text, c)
	}
	return text
}

// decode takes one byte off a coded text (RFC 3986 2.1); a plus is a blank.
func decode(b []byte) (c byte, rest []byte) {
	switch {
	case b[0] == '+':
		return ' ', b[1:]
	case b[0] == '%' && len(b) > 2:
		if n, err := strconv.ParseUint(string(b[1:3]), 16, 8); err == nil {
			return byte(n), b[3:]
		}
	}
	return b[0], b[1:]
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
