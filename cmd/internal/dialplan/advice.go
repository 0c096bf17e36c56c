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

// advice is what an admin has to do with the lines, as the comment that comes before them.
func advice(drivers []Driver, format Format) string {
	var b strings.Builder
	b.WriteString(`pbxjail logs unknown calls with these lines, and refuses them (jailctl help dialplan).
The lines use no System, no shell and no AGI. FILTER keeps only letters, digits and a few signs
of what the caller wrote. The address is where the packet came from, and not a header.

`)
	where := file[format]
	fmt.Fprintf(&b, "1. Put them into %s.\n", where[0])
	if format == FreePBX {
		b.WriteString(freepbxRoute)
	} else {
		b.WriteString("2. Calls without an account must reach [pbxjail-guests]:\n")
		for _, driver := range Drivers {
			if slices.Contains(drivers, Driver(driver)) {
				b.WriteString(guests[Driver(driver)])
			}
		}
		b.WriteString("   Numbers that callers without an account may call: write each into [pbxjail-guests].\n")
	}
	fmt.Fprintf(&b, `3. Log writes a record of level WARNING, as Asterisk itself does: no other file is needed. A log
   in logger.conf must have this level, below [logfiles]. messages has it as shipped:
     messages => notice,warning,error
   After a change: asterisk -rx 'logger reload'
4. asterisk -rx '%s'
5. To test: call 900123 without an account, for example with
     sipp -sn uac -s 900123 -m 1 ADDRESS-OF-THE-PBX
   and then: jailctl parse /var/log/asterisk/messages
`, where[1])
	return b.String()
}

// guests say how calls without an account get into the context.
var guests = map[Driver]string{
	PJSIP: `   pjsip.conf:
     [anonymous]
     type=endpoint
     context=pbxjail-guests
     disallow=all
     allow=ulaw
   Without [anonymous] Asterisk refuses such calls and logs them: pbxjail counts that too.
`,
	ChanSIP: `   sip.conf, below [general]:
     allowguest=yes
     context=pbxjail-guests
   With allowguest=no Asterisk refuses such calls and logs them: pbxjail counts that too.
`,
	IAX2: `   iax.conf:
     [guest]
     type=user
     context=pbxjail-guests
   Without [guest] Asterisk refuses such calls and logs them: pbxjail counts that too.
`,
}

// freepbxRoute is how a call without an account gets to a custom context of FreePBX.
// freepbx/core:etc/extensions.conf, from-sip-external and from-pstn.
const freepbxRoute = `   You need the lines only if "Allow Anonymous Inbound SIP Calls" is Yes (Settings, Asterisk SIP
   Settings). With No, from-sip-external of FreePBX logs such calls, and pbxjail counts these
   records. With Yes, from-sip-external passes each call on to from-pstn, to the inbound routes.
2. Admin, Custom Destinations: add one with the target
     pbxjail-unknown,s,1
   Connectivity, Inbound Routes: add one without DID Number and without CallerID Number, and set
   its destination to this Custom Destination. It gets the calls that no other route takes. Calls
   of your trunks to such a number are refused there too, but not logged.
`
