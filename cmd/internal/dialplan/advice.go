package dialplan

import (
	"fmt"
	"slices"
	"strings"
)

// file is where the lines of a format go, and the command that makes Asterisk read it.
var file = map[Format][2]string{
	FreePBX: {"/etc/asterisk/extensions_custom.conf", "dialplan reload"},
	Plain:   {"/etc/asterisk/extensions.conf", "dialplan reload"},
	AEL:     {"/etc/asterisk/extensions.ael", "ael reload"},
}

// reloads is the command that makes Asterisk read the file of step 2.
var reloads = map[Driver]string{PJSIP: "pjsip reload", ChanSIP: "sip reload", IAX2: "iax2 reload"}

// advice is what an admin has to do with the lines, as the comment that comes before them.
func advice(drivers []Driver, format Format) string {
	var b strings.Builder
	b.WriteString(`pbxjail logs unknown calls with these lines, and refuses them (jailctl help dialplan).
The lines use no System, no shell and no AGI. FILTER keeps only letters, digits and a few signs
of what the caller wrote. The address is where the packet came from, and not a header.

`)
	b.WriteString(need(drivers, format))
	where := file[format]
	fmt.Fprintf(&b, "1. Put them into %s.\n", where[0])
	reload := "asterisk -rx '" + where[1] + "'"
	if format == FreePBX {
		b.WriteString(freepbxRoute)
		if slices.Contains(drivers, IAX2) {
			b.WriteString(freepbxIAX2)
		}
		b.WriteString(freepbxLog)
		reload += "\n   and in the web interface: Apply Config"
	} else {
		b.WriteString("2. Send calls without an account to [pbxjail-guests]:\n")
		for _, driver := range Drivers {
			if d := Driver(driver); slices.Contains(drivers, d) {
				b.WriteString(guests[d])
				reload += "\n   and then, for step 2: asterisk -rx '" + reloads[d] + "'"
			}
		}
		b.WriteString("   Numbers that callers without an account may call: write each into [pbxjail-guests].\n" +
			"   A trunk that calls from an address which no section names has no account either.\n")
		b.WriteString(plainLog)
	}
	fmt.Fprintf(&b, `4. %s
5. To test: call 900123 without an account, for example with
     sipp -sn uac -s 900123 -m 1 ADDRESS-OF-THE-PBX
   and then: jailctl parse /var/log/asterisk/%s
`, reload, map[bool]string{true: "full", false: "messages"}[format == FreePBX])
	return b.String()
}

// need says who needs the lines: a PBX that refuses calls without an account is safer
// without them.
func need(drivers []Driver, format Format) string {
	text := `You need the lines only if calls without an account reach the dialplan today: jailctl doctor says
so. If Asterisk refuses such calls, leave it so: it logs them, and pbxjail counts these records.
`
	if format == FreePBX && (slices.Contains(drivers, PJSIP) || slices.Contains(drivers, ChanSIP)) {
		text += freepbxSIP
	}
	return text + "\n"
}

const plainLog = `3. Log writes a record of level WARNING, as Asterisk itself does: no other file is needed. A log
   in logger.conf must have this level, below [logfiles]. messages has it as shipped:
     messages => notice,warning,error
   After a change: asterisk -rx 'logger reload'
`

// freepbxLog is about the log that FreePBX keeps: its module Asterisk Logfile Settings writes
// logger_logfiles_additional.conf.
const freepbxLog = `3. Log writes a record of level WARNING. FreePBX keeps such records in /var/log/asterisk/full:
     asterisk -rx 'logger show channels'
   must show this file with WARNING. If it does not: Settings, Asterisk Logfile Settings, Log
   Files: set Warning of the file full to On.
`

// guests say how calls without an account get into the context.
var guests = map[Driver]string{
	PJSIP: `   pjsip.conf:
     [anonymous]
     type=endpoint
     context=pbxjail-guests
     disallow=all
     allow=ulaw
   If pjsip.conf has an [anonymous] already, change only its context.
`,
	ChanSIP: `   sip.conf, below [general]:
     allowguest=yes
     context=pbxjail-guests
   WARNING: a phone or a trunk without a context of its own uses the context of [general]. With
   this change its calls are refused. So look for such sections first:
     grep -nE '^ *(\[|context)' /etc/asterisk/sip*.conf
   Each section below [general] must have a context, or a template that has one: the template
   is the name in brackets behind the section. Where there is none, write the context that
   [general] has now into the section. Accounts in a database need one too. To see the context
   of an account: asterisk -rx 'sip show peer NAME'
   If you cannot do this for all of them, write allowguest=no below [general] in place of both
   lines: then Asterisk refuses calls without an account, and logs them.
`,
	IAX2: `   iax.conf:
     [guest]
     type=user
     context=pbxjail-guests
   If iax.conf has a [guest] already, change only its context.
`,
}

// freepbxSIP is where FreePBX decides over calls without an account.
// freepbx/core:etc/extensions.conf, from-sip-external and from-pstn.
const freepbxSIP = `SIP: "Allow Anonymous Inbound SIP Calls" is No or Yes (Settings, Asterisk SIP Settings). With No,
from-sip-external of FreePBX logs such calls, and pbxjail counts these records: you need no lines.
With Yes, from-sip-external passes each call on to from-pstn, to the inbound routes.
`

// freepbxRoute is how a call without an account gets to a custom context of FreePBX, which
// has one route without a DID and a CallerID at most.
const freepbxRoute = `2. Admin, Custom Destinations: add one with the target
     pbxjail-unknown,s,1
   Connectivity, Inbound Routes: look for a route without DID Number and without CallerID Number.
   If there is one, do NOT change its destination: it takes calls of your trunks, and you would
   lose them. First add a route with its DID Number for each of your numbers, and test each. Until
   all have one, set "Allow Anonymous Inbound SIP Calls" to No in place of these lines.
   If there is none, add one without DID Number and without CallerID Number, and set its
   destination to this Custom Destination. It gets the calls that no other route takes. Calls of
   your trunks to such a number are refused there too, but not logged.
`

// freepbxIAX2 is what holds for IAX2, over which the setting for SIP says nothing.
// asterisk:channels/chan_iax2.c check_access, freepbx/core:etc/iax.conf.
const freepbxIAX2 = `   IAX2: the setting for anonymous SIP calls says nothing about it. Asterisk takes IAX2 calls
   without an account only if there is a section without a secret, such as [guest]. To look:
     grep -n '^\[guest\]' /etc/asterisk/iax*.conf
   If this prints nothing, you need no lines for IAX2. If it is in iax_custom.conf, write there:
     context=from-pstn
   so that its calls come to the inbound routes; then: asterisk -rx 'iax2 reload'
`
