package doctor

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// trust says who wrote a text in the dialplan.
type trust uint8

const (
	safe    trust = iota // we did, or it has only harmless characters
	unknown              // the dialplan does not say
	caller               // a caller may have: a number, a name, a header
)

// seen are the variables that one question has followed: each is followed once.
type seen map[string]bool

// written is what is known of a text.
type written struct {
	trust trust
	from  []string // the expressions that are not safe, and where they come from
}

func (w *written) add(more written) {
	w.trust = max(w.trust, more.trust)
	for _, text := range more.from {
		if !slices.Contains(w.from, text) {
			w.from = append(w.from, text)
		}
	}
}

// text judges all expressions of a text of a step.
func (d dialplan) text(text string, at step, once seen) (w written) {
	for _, e := range expressions(text) {
		w.add(d.expression(e, at, once))
	}
	return w
}

var (
	callForm     = regexp.MustCompile(`^\s*([A-Za-z_0-9]+)\(`)
	variableForm = regexp.MustCompile(`^\s*([A-Za-z0-9_]+)`)
)

// Functions whose result has no character that a shell acts on, whatever they get; and those
// whose result is made of what they get. Checked against asterisk:funcs/.
var (
	harmlessFunctions = []string{"LEN", "MATH", "RAND", "MD5", "SHA1", "BASE64_ENCODE", "INC", "DEC", "ISNULL", "EXISTS", "REGEX", "FIELDQTY", "GROUP_COUNT", "DIALPLAN_EXISTS", "VALID_EXTEN", "EPOCH"}
	passingFunctions  = []string{"STRFTIME", "IF", "IFTIME", "TOUPPER", "TOLOWER", "SPRINTF", "EVAL", "REPLACE", "STRREPLACE", "QUOTE", "CSV_QUOTE", "URIENCODE", "URIDECODE", "PASSTHRU"}
	namedFunctions    = []string{"CUT", "SHIFT", "POP", "LISTFILTER"} // their first argument names a variable
	callerFunctions   = []string{"CALLERID", "CONNECTEDLINE", "REDIRECTING", "SIP_HEADER", "SIPCHANINFO", "SIPPEER", "PJSIP_HEADER", "PJSIP_HEADERS", "PJSIP_RESPONSE_HEADER", "PJSIP_PARSE_URI", "HASH", "CDR", "MESSAGE", "MESSAGE_DATA", "DB", "IAXVAR", "FAXOPT"}
	// addresses are items of CHANNEL() that Asterisk makes itself.
	ownItems = []string{"recvip", "peerip", "pjsip,remote_addr", "pjsip,local_addr", "state", "channeltype", "uniqueid", "linkedid", "audioreadformat", "audiowriteformat", "rtpsource", "secure_signaling", "secure_media"}
)

// Variables that Asterisk sets to what a caller wrote, and those that it makes itself.
var (
	callerVariables = []string{"CALLERID", "CALLERIDNUM", "CALLERIDNAME", "CALLERANI", "DNID", "RDNIS", "SIPURI", "SIPDOMAIN", "SIPUSERAGENT", "SIPCALLID", "SIPFROMDOMAIN", "SIPREFERTOHDR", "SIPREFERREDBYHDR", "CHANNEL", "BRIDGEPEER", "BLINDTRANSFER", "INVALID_EXTEN", "DIALEDPEERNAME", "DIALEDPEERNUMBER", "FROM_DID", "IAX2USERAGENT"}
	ownVariables    = []string{"EPOCH", "DATETIME", "TIMESTAMP", "UNIQUEID", "LINKEDID", "PRIORITY", "CONTEXT", "HANGUPCAUSE", "SYSTEMNAME", "ENTITYID", "DIALSTATUS", "SYSTEMSTATUS", "ANSWEREDTIME", "DIALEDTIME", "HOSTNAME", "ASTCONFIGDIR", "ASTSPOOLDIR", "ASTVARLIBDIR", "ASTDATADIR", "ASTLOGDIR", "ASTRUNDIR", "ASTAGIDIR", "ASTMODDIR", "ASTKEYDIR", "AGISTATUS", "QUEUESTATUS", "VMSTATUS", "CALLINGPRES", "ARGC"}
)

// expression judges what is between ${ and }.
func (d dialplan) expression(e string, at step, once seen) (w written) {
	bad := func(t trust) written { return written{t, []string{"${" + e + "}"}} }
	if form := callForm.FindStringSubmatch(e); form != nil {
		return d.function(strings.ToUpper(form[1]), argument(e[len(form[0])-1:], '(', ')'), e, at, once)
	}
	form := variableForm.FindStringSubmatch(e)
	if form == nil {
		return bad(unknown) // ${${NAME}}
	}
	name := strings.ToUpper(form[1])
	switch {
	case name == "EXTEN" || name == "MACRO_EXTEN":
		if fixed(at.exten) {
			return written{}
		}
		return bad(caller)
	case slices.Contains(ownVariables, name):
		return written{}
	case argForm.MatchString(name) && !once[name+"@"+at.context]:
		once[name+"@"+at.context] = true
		n, _ := strconv.Atoi(name[3:])
		return d.arg(n, e, at, once)
	case argForm.MatchString(name):
		return written{} // what it holds is counted already
	}
	values, set := d.sets[name]
	if slices.Contains(callerVariables, name) && !set {
		return bad(caller)
	}
	if !set {
		return bad(unknown)
	}
	if once[name] { // what it holds is counted already
		return written{}
	}
	once[name] = true
	for _, v := range values {
		w.add(d.text(v.value, v.from, once))
	}
	if w.trust == safe {
		return written{}
	}
	return written{w.trust, append([]string{"${" + e + "}"}, w.from...)}
}

// function judges a call of a dialplan function.
func (d dialplan) function(name, args, e string, at step, once seen) written {
	first, _, _ := strings.Cut(args, ",")
	switch {
	case name == "FILTER":
		if harmless(first) {
			return written{}
		}
		return d.text(args, at, once) // it lets too much through
	case name == "CHANNEL":
		if slices.Contains(ownItems, strings.ToLower(strings.ReplaceAll(args, " ", ""))) {
			return written{}
		}
		return written{caller, []string{"${" + e + "}"}}
	case slices.Contains(harmlessFunctions, name):
		return written{}
	case slices.Contains(passingFunctions, name):
		return d.text(args, at, once)
	case slices.Contains(namedFunctions, name):
		if strings.Contains(first, "(") { // ${CUT(CALLERID(num),@,1)}
			return d.expression(parts(args)[0], at, once)
		}
		return d.expression(first, at, once)
	case name == "GLOBAL" || name == "LOCAL" || name == "SHARED":
		return d.expression(first, at, once)
	case name == "ENV":
		key := "ENV(" + strings.ToUpper(strings.TrimSpace(args)) + ")"
		if once[key] { // what it holds is counted already
			return written{}
		}
		once[key] = true
		var w written // one that is not set here comes from the admin who starts Asterisk
		for _, v := range d.sets[key] {
			w.add(d.text(v.value, v.from, once))
		}
		return w
	case slices.Contains(callerFunctions, name):
		return written{caller, []string{"${" + e + "}"}}
	}
	return written{unknown, []string{"${" + e + "}"}}
}

// harmless reports whether FILTER() lets only characters through that no shell acts on. Its
// language has ranges such as 0-9, and \x2d for a dash: asterisk:funcs/func_strings.c filter.
func harmless(allowed string) bool {
	const plain = "+:.,_@/=%[]- *#"
	var list []byte
	for rest := allowed; rest != ""; {
		c, n := character(rest)
		if rest = rest[n:]; !strings.HasPrefix(rest, "-") || len(rest) < 2 {
			list = append(list, c)
			continue
		}
		to, n := character(rest[1:])
		rest = rest[1+n:]
		for ; c < to; c++ {
			list = append(list, c)
		}
		list = append(list, to)
	}
	for _, c := range list {
		letter := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && strings.IndexByte(plain, c) < 0 {
			return false
		}
	}
	return allowed != ""
}

// character is the first one of a text, which may be written as \xNN.
func character(text string) (c byte, length int) {
	if len(text) >= 4 && strings.EqualFold(text[:2], `\x`) {
		if n, err := strconv.ParseUint(text[2:4], 16, 8); err == nil {
			return byte(n), 4
		}
	}
	return text[0], 1
}

var digitsForm = regexp.MustCompile(`^_(?:[0-9*#+XxZzNn-]|\[([^\]]+)\])*$`)

// fixed reports whether an extension can have only harmless characters: "." and "!" of a
// pattern match everything (asterisk:main/pbx.c).
func fixed(exten string) bool {
	if !strings.HasPrefix(exten, "_") {
		return exten != ""
	}
	if !digitsForm.MatchString(exten) {
		return false
	}
	for _, class := range classForm.FindAllStringSubmatch(exten, -1) {
		if !harmless(class[1]) {
			return false
		}
	}
	return true
}

var classForm = regexp.MustCompile(`\[([^\]]+)\]`)
