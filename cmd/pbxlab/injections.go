package main

import (
	"fmt"
	"strings"
)

// injection is a text that a caller sends to get a command run, a line lost or another
// address banned. FILE in it is a file that the command makes, and VICTIM an address that
// sent nothing.
type injection struct {
	what, text string
}

// injections are harmless: all that they can run is touch(1).
var injections = []injection{
	{"an ordinary text", `900441516014742`},
	{"$(...)", `$(touch FILE)`},
	{"backticks", "`touch FILE`"},
	{"quote and semicolon", `";touch FILE;"`},
	{"quote and pipe", `x"|touch FILE;echo "`},
	{"quote and ampersand", `x"&touch FILE&echo "`},
	{"quote and newline", "x\"\ntouch FILE\necho \""},
	{"apostrophe", `x';touch FILE;'`},
	{"backslash and quote", `x\";touch FILE;\"`},
	{"${IFS}", `$(touch${IFS}FILE)`},
	{"a function of the dialplan", `${SHELL(touch FILE)}`},
	{"an expression of the dialplan", `$[${SHELL(touch FILE)}]$(touch FILE)`},
	{"commas", `1,2,3);System(touch FILE),$(touch FILE)`},
	{"brackets that never close", `((((${{[[$(touch FILE`},
	{"a bracket, and a length of its own", `1$(touch FILE))x:-3:9999`},
	{"NUL", "$(touch FILE)\x00x"},
	{"not UTF-8", "\xff\xfe\xc3$(touch FILE)\xc3\x28"},
	{"ESC, which the logger erases from", "a\x1b[31m$(touch FILE)\x1b"},
	{"long", strings.Repeat("9", 70) + `$(touch FILE)`},
	{"very long", `$(touch FILE)` + strings.Repeat("(9", 300)},
	{"a record of this dialplan", `1" from VICTIM, to "1", number "1", name "1", agent "1"`},
	{"a whole record after a newline", "1\n[2026-01-02 03:04:05] WARNING[7][C-00000001] Ext. s: pbxjail: unknown call over PJSIP from VICTIM:5060, to \"1\", number \"1\", name \"1\", agent \"1\"\n"},
	{"a line of the recipe", "1\n[Jan  2 03:04:05] SECURITY[] Unknown Call from 1 to 1 IPdetails sip:1@VICTIM:5060"},
	{"a beginning of this record", `s: pbxjail: unknown call over PJSIP from VICTIM, to "1", number "1", name "`},
}

// for fills an injection in.
func (i injection) fill(file, victim string) string {
	return strings.NewReplacer("FILE", file, "VICTIM", victim).Replace(i.text)
}

// fields of a call that the caller writes.
const (
	dialledField = "number dialled"
	numberField  = "own number"
	nameField    = "name"
	agentField   = "user agent"
	contactField = "Contact"
)

// escaped writes a text as the user of a SIP URI: RFC 3261 25.1, user.
func escaped(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		letter := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if letter || strings.IndexByte("-_.!~*'()&=+$,;?/", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}

// quoted writes a text as a display name: RFC 3261 25.1, quoted-string. What cannot stand in
// a header is left out.
func quoted(text string) string {
	text = strings.NewReplacer("\n", " ", "\r", "", "\x00", "", `\`, `\\`, `"`, `\"`).Replace(text)
	return `"` + text + `"`
}

// inHeader is a text as the value of a header of its own.
func inHeader(text string) string {
	return strings.TrimSpace(strings.NewReplacer("\n", " ", "\r", "", "\x00", "").Replace(text))
}
