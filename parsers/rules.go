package parsers

// rule is one message of Asterisk: the records that may have it, its form, and what it
// means. reasons, when there are any, refine it by the text at its end.
type rule struct {
	id       string
	levels   levelSet
	form     form
	service  Service
	channel  Channel
	kind     Kind
	evidence Evidence
	points   Points
	fn       string                 // the function that must have written it, if the text alone does not show it
	once     bool                   // a repeat for the same account proves nothing new within findtime
	same     func(*found) []byte    // what a repeat is a repeat of, in place of the account; nil: the account
	twin     bool                   // Asterisk also writes a security event for it
	before   bool                   // the sender writes before the address, and may write a newline
	tail     int                    // how far the sender's text can go on behind the line: 0 where it can hold no newline
	doubt    string                 // why this record alone charges no address
	ours     func(text []byte) bool // reports whether the sender's text shows a failure of our own; nil: never
	filtered bool                   // the dialplan of jailctl dialplan writes it, and filters what the caller wrote
	unique   []byte                 // text that must occur only once: twice means two readings
	reasons  []reason
	src      string // who writes it, in which versions, and where: "asterisk 13, 15-20:res/res_x.c:12, function"
}

type reason struct {
	text   string
	id     string
	kind   Kind
	points Points
	more   bool // " after N tries in N ms" may follow: res_pjsip, unidentified_request_count
	once   bool
}

type levelSet uint8

const (
	notice   levelSet = 1 << levelNotice
	warning  levelSet = 1 << levelWarning
	errorly  levelSet = 1 << levelError
	verbose  levelSet = 1 << levelVerbose
	anyLevel levelSet = notice | warning | errorly
)

const (
	half     = Point / 2
	twice    = 2 * Point
	viaMaddr = "chan_sip takes this address from maddr in the Via header, which the caller writes: the NOTICE of the same attempt has the true address"
)

// rulesOf routes by source file. The compiler turns it into a jump, and what no
// rule is for costs nothing more.
func (t *ruleTable) rulesOf(file []byte) []rule {
	switch string(file) {
	case "res_pjsip/pjsip_distributor.c":
		return t.distributor
	case "chan_sip.c":
		return t.chanSIP
	case "res_pjsip_session.c":
		return t.session
	case "res_pjsip_registrar.c":
		return t.registrar
	case "res_pjsip_acl.c":
		return t.pjsipACL
	case "chan_iax2.c":
		return t.iax2
	case "manager.c":
		return t.manager
	case "acl.c":
		return t.acl
	case "pjproject":
		return t.pjproject
	case "res_http_websocket.c":
		return t.websocket
	case "chan_unistim.c":
		return t.unistim
	case "chan_mgcp.c":
		return t.mgcp
	case "Ext. s":
		return t.dialplan
	case "security_events.c", "logger":
		return t.alarms
	}
	return nil
}

// ruleTable holds the compiled rules, one list a source file.
type ruleTable struct {
	distributor, chanSIP, session, registrar, pjsipACL, iax2, manager, acl,
	pjproject, websocket, unistim, mgcp, dialplan, alarms []rule
}

func newRuleTable() *ruleTable {
	return &ruleTable{
		distributor: distributorRules(), session: sessionRules(), registrar: registrarRules(), pjsipACL: pjsipACLRules(),
		pjproject: pjprojectRules(), chanSIP: chanSIPRules(), iax2: iax2Rules(), manager: managerRules(), acl: aclRules(),
		websocket: websocketRules(), unistim: unistimRules(), mgcp: mgcpRules(), dialplan: dialplanRules(), alarms: alarmRules(),
	}
}

// builtin is compiled once and never changes.
var builtin = newRuleTable()
