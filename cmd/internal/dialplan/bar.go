package dialplan

import "strings"

// Bar are the lines that end calls of an account that is barred, unless it calls one of the
// emergency numbers, with or without one of the codes for an outside line.
//
// The number that is dialled reaches them as digits alone, and the account is the name of the
// channel, which Asterisk writes.
func Bar[T ~string](outside, emergency []T) string {
	var b strings.Builder
	b.WriteString(barHead)
	for _, line := range append([]T{""}, outside...) {
		for _, n := range emergency {
			b.WriteString("exten => b" + string(line+n) + ",1,Return()\n")
		}
	}
	return b.String() + barCheck
}

const (
	barHead = `; Calls of an account that pbxjail has barred end here (jailctl help calls).
; Put this into extensions.conf (FreePBX: extensions_custom.conf), and before each Dial to a trunk:
;  same => n,Gosub(pbxjail-bar,b${FILTER(0-9,${EXTEN})},1)
; FreePBX up to 16 runs this before each call over a trunk:
;  [macro-dialout-trunk-predial-hook]
;  exten => s,1,Gosub(pbxjail-bar,b${FILTER(0-9,${DIAL_NUMBER})},1)
;   same => n,MacroExit()
; Then: asterisk -rx 'dialplan reload'
[pbxjail-bar]
; emergency numbers pass
`
	barCheck = `exten => b,1,Goto(check,1)
exten => _b.,1,Goto(check,1)
; the account is the endpoint or peer: TECHNOLOGY/ACCOUNT-NUMBER
exten => check,1,Set(LOCAL(channel)=${CHANNEL(name)})
 same => n,Set(LOCAL(account)=${CUT(channel,/,2-)})
 same => n,Set(LOCAL(account)=${CUT(account,-,1-$[${FIELDQTY(account,-)} - 1])})
 same => n,GotoIf(${DB_EXISTS(pbxjail-barred/${account})}?barred)
 same => n,Return()
 same => n(barred),Verbose(1,pbxjail: this account is barred)
 same => n,Hangup(21)
`
)
