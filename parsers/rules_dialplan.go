package parsers

import "strings"

// dialplanRules are for lines that a dialplan writes with Log(). Only those from extension s
// are read: in any other extension the prefix is text of the caller.
func dialplanRules() []rule {
	freepbx := rule{
		// freepbx/core:functions.inc.php, from-sip-external
		id: "D1 freepbx unknown caller", levels: warning, service: Dialplan, channel: ChannelDialplan, kind: GuestCall, evidence: Seen, points: twice, before: true,
		form: newForm(`"Rejecting unknown SIP connection from <either>"`), src: "freepbx/core:functions.inc.php, from-sip-external",
	}
	rules := []rule{freepbx}
	for _, over := range []struct {
		channel string
		service Service
	}{{"PJSIP", PJSIP}, {"SIP", SIP}, {"IAX2", IAX2}} {
		rules = append(rules, rule{
			id: "D4 pbxjail unknown call", levels: warning, service: over.service, channel: ChannelDialplan, kind: GuestCall, evidence: Seen, points: twice, filtered: true,
			form: newForm("pbxjail: unknown call over " + over.channel + ` from <either>, to "<dialled>", number "<account>", name "<text>", agent "<agent>"`),
			src:  "pbxjail:cmd/internal/dialplan/dialplan.go, Line",
		})
	}
	return rules
}

// filtered reports whether all texts of the caller have only what FILTER() lets through in
// the dialplan that jailctl dialplan prints, and are no longer than it prints them.
//
// So no part of the line can be a text of another Log(): a number in the prefix of a record
// has 79 bytes at most (mostExten), which end before the agent, and what another dialplan
// writes behind it begins with ": ".
func (f *found) filtered() bool {
	return isPlain(f.dialled, "+*#._-") && isPlain(f.account, "+*#._-") && isPlain(f.text, " ._-") && isPlain(f.agent, " ._/+-") &&
		max(len(f.dialled), len(f.account), len(f.text)) <= mostField && len(f.agent) <= mostAgent
}

// Bytes of a field as the dialplan cuts it.
const (
	mostField = 40
	mostAgent = 60
)

// isPlain reports whether a text has only letters, digits and these signs.
func isPlain(b []byte, signs string) bool {
	for _, c := range b {
		letter := c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && strings.IndexByte(signs, c) < 0 {
			return false
		}
	}
	return true
}
