// Package dialplan writes lines of Asterisk's dialplan for an admin to paste: the catch-all
// that logs unknown calls, and the check that ends calls of barred accounts. jailctl and the
// checks of doctor call it. It must never write a line that gives text of a caller to a
// shell, to an expression or to the name of a file: pbxlab e2e-dialplan attacks its lines.
package dialplan

import (
	"fmt"
	"slices"
	"strings"
)

// Driver is a channel driver of Asterisk, as an admin writes its name.
type Driver string

const (
	PJSIP   Driver = "pjsip"
	ChanSIP Driver = "chan_sip"
	IAX2    Driver = "iax2"
)

// Drivers are those that Unknown knows.
var Drivers = []string{string(PJSIP), string(ChanSIP), string(IAX2)}

// Format is the kind of file that the lines are for.
type Format string

const (
	FreePBX Format = "freepbx" // extensions_custom.conf of FreePBX
	Plain   Format = "plain"   // extensions.conf
	AEL     Format = "ael"     // extensions.ael
)

// Formats are those that Unknown knows.
var Formats = []string{string(FreePBX), string(Plain), string(AEL)}

// channel is what the dialplan can ask a channel of a driver.
type channel struct {
	driver Driver
	kind   string // CHANNEL(channeltype), which is also the word in the log
	guest  string // an expression that is true for a caller without an account
	addr   string // where the packet came from: no header changes it
	agent  string // the user agent, which the caller writes; "": the driver has none
}

// channels say for each driver what Asterisk 16 to 22 has. CHANNEL(peerip) of chan_sip and
// its URI are no address of a packet: the Via header and the Contact header change them.
// asterisk:channels/chan_pjsip.c chan_pjsip_incoming_request, channels/sip/dialplan_functions.c
// sip_acf_channel_read, channels/chan_iax2.c acf_channel_read.
var channels = []channel{
	{PJSIP, "PJSIP", `"${CHANNEL(endpoint):0:9}" = "anonymous"`, "${CHANNEL(pjsip,remote_addr)}", "${PJSIP_HEADER(read,User-Agent)}"},
	{ChanSIP, "SIP", `"${CHANNEL(peername)}" = ""`, "${CHANNEL(recvip)}", "${CHANNEL(useragent)}"},
	{IAX2, "IAX2", `"${CHANNEL(peername)}" = "guest"`, "${CHANNEL(peerip)}", ""},
}

// What FILTER() keeps of a caller's text. None of them is a quote, a comma, a colon, a
// bracket, a dollar or a sign of a shell: parsers reads the line by these characters.
const (
	ofNumber = `0-9A-Za-z+*#._\x2d`
	ofName   = `0-9A-Za-z ._\x2d`
	ofAgent  = `0-9A-Za-z ._/+\x2d`
)

// filtered is a text of the caller with only these characters. It is cut in a step of its
// own: in ${FILTER(...,TEXT):0:40} a bracket of TEXT ends the call of FILTER early, and the
// caller chooses the length. asterisk:main/pbx_variables.c parse_variable_name.
func filtered(characters, text string) string { return "${FILTER(" + characters + "," + text + ")}" }

// step is one priority of an extension.
type step struct {
	label  string // other steps go to it; "": none does
	when   string // an expression: the step goes to a label if it is true; "": it calls app
	target string
	app    string
}

// unknown are the steps that log a call of these drivers, and refuse it.
func unknown(drivers []Driver) []step {
	list := []step{
		{app: "Set(PBXJAIL_TO=" + filtered(ofNumber, "${FROM_DID}") + ")"},
		{app: "Set(PBXJAIL_NUMBER=" + filtered(ofNumber, "${CALLERID(num)}") + ")"},
		{app: "Set(PBXJAIL_NAME=" + filtered(ofName, "${CALLERID(name)}") + ")"},
		{app: "Set(PBXJAIL_AGENT=)"},
	}
	var logs []step
	for _, c := range channels {
		if !slices.Contains(drivers, c.driver) {
			continue
		}
		label := strings.ToLower(c.kind)
		list = append(list, step{when: fmt.Sprintf(`"${CHANNEL(channeltype)}" = "%s"`, c.kind), target: label})
		logs = append(logs, step{label: label, when: c.guest, target: label + "-guest"}, step{app: "Hangup(1)"})
		log := step{label: label + "-guest", app: `Log(WARNING,` + Line(c.kind, c.addr, "${PBXJAIL_TO:0:40}", "${PBXJAIL_NUMBER:0:40}", "${PBXJAIL_NAME:0:40}", "${PBXJAIL_AGENT:0:60}") + `)`}
		if c.agent != "" {
			logs = append(logs, step{label: log.label, app: "Set(PBXJAIL_AGENT=" + filtered(ofAgent, c.agent) + ")"})
			log.label = ""
		}
		logs = append(logs, log, step{app: "Hangup(21)"})
	}
	return append(append(list, step{app: "Hangup(1)"}), logs...)
}

// Line is the text of the record, as package parsers reads it: the address comes first, so
// that nothing a caller writes comes before it.
func Line(kind, addr, to, number, name, agent string) string {
	return fmt.Sprintf(`pbxjail: unknown call over %s from %s, to "%s", number "%s", name "%s", agent "%s"`, kind, addr, to, number, name, agent)
}

// Unknown are the lines that log each call without an account and refuse it, with what an
// admin has to do with them. The lines of several drivers can stand in one file.
func Unknown(drivers []Driver, format Format) string {
	var b strings.Builder
	comment := "; "
	if format == AEL {
		comment = "// "
	}
	for line := range strings.Lines(advice(drivers, format)) {
		b.WriteString(strings.TrimRight(comment+line, " \n") + "\n")
	}
	switch format {
	case AEL:
		b.WriteString(entryAEL)
		writeAEL(&b, unknown(drivers))
	case Plain:
		b.WriteString(entryConf)
		writeConf(&b, unknown(drivers))
	default:
		writeConf(&b, unknown(drivers))
	}
	return b.String()
}

// The entry keeps the number that was dialled. The pattern "_." matches the names of
// Asterisk's own extensions too, so h is there: it runs when a call ends.
var (
	entryConf = `[pbxjail-guests]
exten => _.,1,Set(FROM_DID=` + filtered(ofNumber, "${EXTEN}") + `)
 same => n,Goto(pbxjail-unknown,s,1)
exten => s,1,Goto(pbxjail-unknown,s,1)
exten => h,1,NoOp()

`
	entryAEL = `context pbxjail-guests {
	_. => {
		Set(FROM_DID=` + filtered(ofNumber, "${EXTEN}") + `);
		jump s@pbxjail-unknown;
	}
	s => {
		jump s@pbxjail-unknown;
	}
	h => NoOp();
}

`
)

func writeConf(b *strings.Builder, steps []step) {
	b.WriteString("[pbxjail-unknown]\n")
	for i, s := range steps {
		lead := " same => n"
		if i == 0 {
			lead = "exten => s,1"
		}
		if s.label != "" {
			lead += "(" + s.label + ")"
		}
		if s.when != "" {
			s.app = "GotoIf($[" + s.when + "]?" + s.target + ")"
		}
		b.WriteString(lead + "," + s.app + "\n")
	}
}

func writeAEL(b *strings.Builder, steps []step) {
	b.WriteString("context pbxjail-unknown {\n\ts => {\n")
	for _, s := range steps {
		if s.label != "" {
			b.WriteString("\t" + s.label + ":\n")
		}
		if s.when != "" {
			s.app = "if (" + s.when + ") goto " + s.target
		}
		b.WriteString("\t\t" + s.app + ";\n")
	}
	b.WriteString("\t}\n}\n")
}
