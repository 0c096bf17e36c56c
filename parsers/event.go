package parsers

import (
	"bytes"
	"net/netip"
	"time"
)

// Result says what a record is good for. The zero value is None.
type Result uint8

const (
	None      Result = iota // nothing of interest, or nothing that can be charged to anybody
	Signal                  // a success, a challenge, an alarm: never charged
	Offence                 // Addr did something a jail may count
	Ambiguous               // an offence by its words, but its address can be read two ways or is not to be trusted
)

// Kind is what happened, in the words jail files use. The zero value is no kind.
type Kind uint8

const (
	KindNone         Kind = iota
	BadPassword           // a known or unknown account, a wrong password
	UnknownAccount        // an account that does not exist
	UnknownExtension      // a call to a number that does not exist: a dial probe
	GuestCall             // a call without an account reached the catch-all dialplan
	ACL                   // refused by an access list
	NotAllowed            // something the caller had no right to ask
	Malformed             // a packet that no phone sends
	Rate                  // too much, too many, or too slow
	Scan                  // a probe that carries the mark of a scanner
	Unanswered            // a challenge without an answer: no record shows it, jails find it
	Success               // a login
	Challenge             // a challenge was sent: every login starts so
	Blind                 // an alarm: the log is losing records
	Custom                // a jail file's own pattern
	kinds
)

// KindCount is how many kinds there are, for tables by kind.
const KindCount = int(kinds)

// Evidence says how far an address can be trusted; decisions.md, 1. Ordered: a
// larger value is a better one. The zero value is no evidence at all.
type Evidence uint8

const (
	NoEvidence Evidence = iota
	Claimed             // text the caller wrote: Contact, Via, From
	Seen                // the packet's source, which one forged UDP packet can fake
	Proven              // the sender received something from us first
)

// Service is the part of Asterisk that was spoken to, or what another program on the
// machine serves. The zero value is no service.
type Service uint8

const (
	NoService Service = iota
	PJSIP
	SIP
	IAX2
	AMI
	HTTP
	Dialplan
	Other
	SSH // from here on: of other programs (programs.go)
	Web
	GUI // the web interface of the PBX
	FTP
	Mail
	VPN
	Provisioning // files for phones, over HTTP
	services
)

// ServiceCount is how many services there are, for tables by service.
const ServiceCount = int(services)

// Foreign reports whether another program than Asterisk serves it. A log is searched for
// lines of that program only if a jail that reads the log wants them.
func (s Service) Foreign() bool { return s > Other }

// Services is a set of services. The zero value is empty.
type Services uint32

// With returns the set with one more service.
func (s Services) With(one Service) Services { return s | 1<<one }

// Has reports whether a service is in the set.
func (s Services) Has(one Service) bool { return s&(1<<one) != 0 }

// Points are thousandths of one ordinary failure: 1000 is one wrong password.
type Points int32

// Point is one ordinary failure.
const Point Points = 1000

// Event is what one record means. The texts in it alias the caller's block and
// hold only until the callback returns: keep a copy with Text.Clone.
type Event struct {
	Result    Result
	Kind      Kind
	Evidence  Evidence
	Service   Service
	Points    Points     // what the rule finds one such record worth
	Addr      netip.Addr // unmapped; the zero Addr when there is none
	Port      uint16     // 0 when the record has none
	Times     uint16     // how many attempts the record counts for; 0 and 1 are one
	Rule      string     // the row of catalogue.md: its id and name, such as "J1 pjsip no matching endpoint"
	Channel   Channel    // who wrote the record: one attempt is written by several
	Account   Text       // as the caller wrote it
	Number    Text       // as the caller dialled it
	Agent     Text       // the user agent the caller sent
	Session   Text       // Call-ID or session, as far as the record tells
	Challenge Text       // the nonce that was sent or answered
	Digest    uint64     // of the answer to a challenge, on the wire: two that are the same are one guess; 0: not known
	Password  bool       // a Success that used a password
	Once      bool       // a repeat for the same account proves nothing new within findtime
	Same      Text       // what a repeat is a repeat of, where that is not the account, such as a path
	Open      bool       // the record goes on in the next line
	Twin      bool       // Asterisk also writes a security event for it, if these are on
	Before    bool       // text of the sender comes before the address, and may hold a newline
	Suspect   bool       // an Ambiguous record that an attacker seems to have written
	Doubt     string     // why an Ambiguous record charges no address, or who can confirm it
	Pattern   *Pattern   // the jail file's own pattern that matched, or nil
	Time      time.Time  // the record's own clock; zero when it has none
	Line      Text       // the whole record
	Row       uint64     // the number of its line since New, from 1
}

// Guest reports whether the event is a call without an account. A call to a number
// that does not exist is one where its record names no endpoint of ours.
func (e *Event) Guest() bool {
	return e.Kind == GuestCall || e.Kind == UnknownExtension && isGuestName(e.Account.b)
}

// Misdialled reports whether an endpoint of ours called a number that does not exist.
func (e *Event) Misdialled() bool { return e.Kind == UnknownExtension && !isGuestName(e.Account.b) }

// Authenticated reports whether an event is a log-in with a password. The manager always
// asks for one, but its event says that it did not: asterisk:main/manager.c report_auth_success.
func (e *Event) Authenticated() bool {
	return e.Result == Signal && e.Kind == Success && (e.Password || e.Service == AMI)
}

// Refused reports whether an account was refused: with a wrong password, or because
// Asterisk does not know it, or does not let it in from there.
func (e *Event) Refused() bool {
	return e.Pattern == nil && (e.Kind == BadPassword || e.Kind == UnknownAccount || e.Kind == ACL)
}

// isGuestName knows the endpoints that stand for callers without an account: none,
// or those that Asterisk takes for strangers.
// asterisk:res/res_pjsip_endpoint_identifier_anonymous.c, anonymous_identify.
func isGuestName(name []byte) bool {
	name, _, _ = bytes.Cut(name, []byte("@"))
	switch string(name) {
	case "", "anonymous", "unknown", "<unknown>":
		return true
	}
	return false
}

// Channel is a writer of records. The same attempt is written by several
// channels and once or more by each, so channels are witnesses, not sums.
type Channel uint8

const (
	ChannelSecurity Channel = iota // res_security_log
	ChannelNotice                  // the module's own NOTICE, WARNING or ERROR
	ChannelACL                     // acl.c, beside the module's own notice
	ChannelDialplan                // lines a dialplan writes
	ChannelWire                    // no record: packets and our answers to them (package sensor)
	channels
)

// ChannelCount is how many channels there are, for tables by channel.
const ChannelCount = int(channels)
