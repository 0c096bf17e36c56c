package parsers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
)

// written is a record built from known parts, as Asterisk would write it: a true
// address, and the sender's own text in every field that is his.
type written struct {
	level, file, fn, msg string
	addr                 netip.Addr
}

var trueAddrs = []netip.Addr{netip.MustParseAddr("203.0.113.5"), netip.MustParseAddr("2001:db8:bad::5")}

// writeRule fills a rule's form. texts are the sender's, in order.
func writeRule(l rule, reason int, addr netip.Addr, texts ...[]byte) written {
	w := written{level: levelFor(l.levels), file: fileOf(l), fn: l.fn, addr: addr}
	next := func() []byte {
		if len(texts) == 0 {
			return []byte("1001")
		}
		t := texts[0]
		texts = texts[1:]
		return t
	}
	var msg strings.Builder
	for i, s := range l.form.steps {
		switch s.field {
		case fieldNone:
			msg.Write(s.lit)
		case fieldAddr:
			msg.WriteString(addr.String())
		case fieldHostport, fieldEither:
			msg.WriteString(netip.AddrPortFrom(addr, 5071).String())
		case fieldGlued:
			fmt.Fprintf(&msg, "%s:5071", addr)
		case fieldDotted:
			if addr.Is6() {
				w.addr = trueAddrs[0]
			}
			fmt.Fprintf(&msg, "%s.5071", w.addr)
		case fieldTransport:
			msg.WriteString("UDP")
		case fieldWord:
			if i == 1 && strings.HasPrefix(l.id, "J1 ") {
				msg.Write(methodText(next()))
			} else {
				msg.WriteString("word")
			}
		case fieldNumber:
			msg.WriteString("5")
		case fieldEndpoint, fieldName:
			msg.WriteString("endpoint")
		case fieldNameaddr:
			fmt.Fprintf(&msg, `"%s" <sip:%s@pbx.example>`, displayText(next()), uriText(next()))
		case fieldReason:
			msg.WriteString(l.reasons[reason%len(l.reasons)].text)
		case fieldText:
			if l.kind == GuestCall { // a newline, and codecs
				continue
			}
			msg.Write(next())
		default:
			msg.Write(next())
		}
	}
	w.msg = msg.String()
	return w
}

func levelFor(l levelSet) string {
	for at, word := range []string{levelNotice: "NOTICE", levelWarning: "WARNING", levelError: "ERROR", levelSecurity: "SECURITY", levelVerbose: "VERBOSE"} {
		if l&(1<<at) != 0 {
			return word
		}
	}
	panic("a rule without levels")
}

// fileOf finds the source file that leads to a rule.
func fileOf(l rule) string {
	for _, file := range []string{
		"res_pjsip/pjsip_distributor.c", "chan_sip.c", "res_pjsip_session.c", "res_pjsip_registrar.c", "res_pjsip_acl.c", "chan_iax2.c", "manager.c",
		"acl.c", "pjproject", "res_http_websocket.c", "chan_unistim.c", "chan_mgcp.c", "Ext. s", "security_events.c", "logger",
	} {
		for _, other := range builtin.rulesOf([]byte(file)) {
			if key(other) == key(l) && other.fn == l.fn {
				return file
			}
		}
	}
	panic("no file leads to " + key(l) + ": add its source file to the list above")
}

// The next three are what a SIP parser lets through: pjproject:pjsip/src/pjsip/sip_parser.c.

// methodText is a token.
func methodText(b []byte) []byte {
	return keep(b, func(c byte) bool {
		return c > ' ' && c < 0x7f && bytes.IndexByte([]byte(`"(),/:;<=>?@[\]{}`), c) < 0
	})
}

// displayText is the inside of a quoted string: a quote comes with its backslash.
func displayText(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '\\' && i+1 < len(b):
			out = append(out, b[i], b[i+1])
			i++
		case b[i] == '"':
			out = append(out, '\\', '"')
		case b[i] != '\\':
			out = append(out, b[i])
		}
	}
	return out
}

// uriText is a user part as pjsip prints it: what needs it is escaped.
func uriText(b []byte) []byte {
	return keep(b, func(c byte) bool {
		return c > ' ' && c < 0x7f && bytes.IndexByte([]byte("\"<>@[\\]^`{|}#"), c) < 0
	})
}

func keep(b []byte, ok func(byte) bool) []byte {
	return bytes.Map(func(r rune) rune {
		if r > 0x7f || !ok(byte(r)) {
			return -1
		}
		return r
	}, b)
}

// headForms are the ways a record reaches a file.
const headForms = 19

func (w written) in(form int) string {
	const date = "2024-03-05 06:07:08"
	switch form % headForms {
	case 1:
		return fmt.Sprintf("[%s] %s[1638]: %s:12 %s: %s", date, w.level, w.file, w.function(), w.msg)
	case 2:
		return fmt.Sprintf("Mar  5 06:07:08 pbx asterisk[812]: %s[1638]: %s:12 in %s: %s", w.level, w.file, w.function(), w.msg)
	case 3:
		return fmt.Sprintf("%s[1638]: %s:12 in %s: %s", w.level, w.file, w.function(), w.msg)
	case 4:
		return fmt.Sprintf("[%s] \x1b[1;33m%s\x1b[0m[1638]: \x1b[1;37m%s\x1b[0m:\x1b[1;37m12\x1b[0m \x1b[1;37m%s\x1b[0m: %s", date, w.level, w.file, w.function(), w.msg)
	case 5:
		return w.json(date)
	case 6:
		return fmt.Sprintf("[Mar  5 06:07:08] %s[1638][C-0000000a] %s: %s", w.level, w.file, w.msg)
	}
	if form%headForms >= 8 {
		return w.wrapped(form % headForms)
	}
	return fmt.Sprintf("[%s] %s[1638] %s: %s", date, w.level, w.file, w.msg)
}

// wrapped is the record in the envelope of another program.
func (w written) wrapped(form int) string {
	message := fmt.Sprintf("%s[1638]: %s:12 in %s: %s", w.level, w.file, w.function(), w.msg)
	console := fmt.Sprintf("[Mar  5 06:07:08] %s[1638]: %s:12 %s: %s", w.level, w.file, w.function(), w.msg)
	switch form {
	case 8:
		return "<133>1 2024-03-05T06:07:08.123456+00:00 pbx asterisk 812 - - " + message
	case 9:
		return "2024-03-05T06:07:08.123456+00:00 pbx asterisk 812 - [x@1 a=\"b]\\\"\"] " + message
	case 10:
		return "<30>Mar  5 06:07:08 pbx asterisk[812]: " + message
	case 11:
		return "Mar  5 06:07:08 pbx local0.notice asterisk[812]: " + message
	case 12:
		return "Thu Mar  5 06:07:08 2026 daemon.notice asterisk[812]: " + message
	case 13:
		return "Mar 5 06:07:08 srv docker/pbx[881]: " + console
	case 14:
		return "2024-03-05T06:07:08.123456789Z stdout F " + console
	case 15:
		return string(dockerLog(console+"\n", "stdout"))
	case 16:
		return "2024-03-05T06:07:08.123456789Z " + console
	case 17:
		return fmt.Sprintf("Mar  5 06:07:08 pbx asterisk[812]: [Mar  5 06:07:08] #033[1;33m%s#033[0m[1638]: #033[1;37m%s#033[0m:#033[1;37m12#033[0m #033[1;37m%s#033[0m: %s", w.level, w.file, w.function(), w.msg)
	}
	return "Mar  5 06:07:08 pbx asterisk[812]: message repeated 3 times: [ " + message + "]"
}

// dockerLog is a line of docker's json-file.
func dockerLog(text, stream string) []byte {
	line, err := json.Marshal(struct {
		Log    string `json:"log"`
		Stream string `json:"stream"`
		Time   string `json:"time"`
	}{text, stream, "2024-03-05T06:07:08.123456789Z"})
	if err != nil {
		panic(err)
	}
	return line
}

func (w written) function() string {
	if w.fn == "" {
		return "function"
	}
	return w.fn
}

// json is the [json] formatter's record, in its order of keys.
func (w written) json(date string) string {
	quote := func(s string) string {
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		if enc.Encode(s) != nil {
			panic("no text fails to encode")
		}
		return strings.TrimSpace(out.String())
	}
	return fmt.Sprintf(`{"hostname":"pbx","timestamp":"%s","identifiers":{"lwp":1638,"callid":""},"logmsg":{"location":{"filename":%s,"function":%s,"line":12},"level":"%s","message":%s}}`,
		date, quote(w.file), quote(w.function()), w.level, quote(w.msg+"\n"))
}

// termStrip is what the logger does to a record on its way into a file
// (asterisk:main/term.c, term_strip): it takes out all from an ESC to the next m,
// in place. Where no m follows it stops, and the rest stays as it lay.
func termStrip(s string) string {
	buf := []byte(s)
	out := 0
	for in := 0; in < len(buf); in++ {
		if buf[in] != 0x1b {
			buf[out] = buf[in]
			out++
			continue
		}
		m := bytes.IndexByte(buf[in:], 'm')
		if m < 0 {
			return string(buf)
		}
		in += m
	}
	return string(buf[:out])
}
