package manager

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"pbxjail/parsers"
)

// packet is lines as Asterisk writes them.
func packet(lines ...string) []byte { return []byte(strings.Join(lines, "\r\n") + "\r\n") }

// newChannel is as Asterisk 22 writes it.
func newChannel(caller, exten string) []byte {
	return packet("Event: Newchannel", "Privilege: call,all", "SystemName: pbx", "Channel: PJSIP/1001-00000000", "ChannelState: 4", "ChannelStateDesc: Ring",
		"CallerIDNum: "+caller, "CallerIDName: <unknown>", "ConnectedLineNum: <unknown>", "ConnectedLineName: <unknown>", "Language: en", "AccountCode: ",
		"Context: from-internal", "Exten: "+exten, "Priority: 1", "Uniqueid: pbx-1795788548.0", "Linkedid: pbx-1795788548.0")
}

// dial is how Asterisk calls a number over a trunk, for a caller with any words.
func dial(caller string) []byte {
	return packet("Event: DialBegin", "Privilege: call,all", "Channel: PJSIP/201-0000002a", "ChannelState: 4", "CallerIDNum: "+caller, "CallerIDName: x",
		"Exten: 00972591234567", "Uniqueid: 1.1", "Linkedid: 1.1", "DestChannel: PJSIP/trunk-0000002b", "DestUniqueid: 1.2", "DialString: 00972591234567@trunk")
}

func callWords(c *Call) string {
	return fmt.Sprintf("%d doubtful=%t channel=%s %d/%s unique=%s linked=%s caller=%s number=%s context=%s dest=%s dialled=%s status=%s cause=%d %d/%d",
		c.Kind, c.Doubtful, c.Channel, c.Service, c.Account, c.Unique, c.Linked, c.Caller, c.Number, c.Context, c.Dest, c.Dialled, c.Status, c.Cause, c.Seconds, c.Billed)
}

func TestCall(t *testing.T) {
	for _, c := range []struct {
		name   string
		packet []byte
		want   string // "": no call
	}{
		{"a call begins", newChannel("1001", "600"), "1 doubtful=false channel=PJSIP/1001-00000000 1/1001 unique=pbx-1795788548.0 linked=pbx-1795788548.0 caller=1001 number=600 context=from-internal dest= dialled= status= cause=0 0/0"},
		{"a caller writes another channel", newChannel("1\r\nChannel: SIP/9-1", "600"), "1 doubtful=true channel=PJSIP/1001-00000000 1/1001 unique=pbx-1795788548.0 linked=pbx-1795788548.0 caller=1 number=600 context=from-internal dest= dialled= status= cause=0 0/0"},
		{"a caller writes another number", newChannel("1\r\nExten: 100", "972"), "1 doubtful=true channel=PJSIP/1001-00000000 1/1001 unique=pbx-1795788548.0 linked=pbx-1795788548.0 caller=1 number=100 context=from-internal dest= dialled= status= cause=0 0/0"},
		{"a caller writes another Uniqueid", newChannel("1", "6\r\nUniqueid: x"), "1 doubtful=true channel=PJSIP/1001-00000000 1/1001 unique=pbx-1795788548.0 linked=pbx-1795788548.0 caller=1 number=6 context=from-internal dest= dialled= status= cause=0 0/0"},
		{"a dial", packet("Event: DialBegin", "Channel: SIP/a-b-01", "CallerIDNum: 1", "Exten: 00972", "Uniqueid: 1.0", "Linkedid: 1.0", "DestChannel: PJSIP/trunk-02", "DestUniqueid: 1.1", "DialString: trunk/sip:00972@x"),
			"2 doubtful=false channel=SIP/a-b-01 2/a-b unique=1.0 linked=1.0 caller=1 number=00972 context= dest=PJSIP/trunk-02 dialled=trunk/sip:00972@x status= cause=0 0/0"},
		{"a dial that hides what Asterisk calls", dial("201\r\nDestChannel: PJSIP/00972591234567-1"), "2 doubtful=true channel=PJSIP/201-0000002a 1/201 unique=1.1 linked=1.1 caller=201 number=00972591234567 context= dest= dialled=00972591234567@trunk status= cause=0 0/0"},
		{"a dial with another DialString", dial("201\r\nDialString: 202"), "2 doubtful=true channel=PJSIP/201-0000002a 1/201 unique=1.1 linked=1.1 caller=201 number=00972591234567 context= dest= dialled=00972591234567@trunk status= cause=0 0/0"},
		{"a dial with very many lines", dial("201" + strings.Repeat("\r\na:", 2*maxFields)), "2 doubtful=true channel=PJSIP/201-0000002a 1/201 unique= linked= caller=201 number= context= dest= dialled=00972591234567@trunk status= cause=0 0/0"},
		{"a dial without a calling channel", packet("Event: DialBegin", "DestChannel: PJSIP/trunk-02", "DestCallerIDNum: x\r\nChannel: PJSIP/201-01", "DestUniqueid: 1.1", "DialString: 00972591234567@trunk"),
			"2 doubtful=true channel= 7/ unique= linked= caller= number= context= dest= dialled=00972591234567@trunk status= cause=0 0/0"},
		{"channels with variables", packet("Event: DialBegin", "Channel: PJSIP/201-1", "Uniqueid: 1.0", "ChanVariable: a=1", "ChanVariable: b=1", "DestChannel: PJSIP/t-2", "DestChanVariable: a=1", "DestChanVariable: b=1", "DialString: 1@t"),
			"2 doubtful=false channel=PJSIP/201-1 1/201 unique=1.0 linked= caller= number= context= dest=PJSIP/t-2 dialled=1@t status= cause=0 0/0"},
		{"its end", packet("Event: DialEnd", "Channel: IAX2/x-1", "Uniqueid: 1.0", "DestChannel: SIP/t-2", "DialStatus: ANSWER"), "3 doubtful=false channel=IAX2/x-1 3/x unique=1.0 linked= caller= number= context= dest=SIP/t-2 dialled= status=ANSWER cause=0 0/0"},
		{"a hangup", packet("Event: Hangup", "Channel: Local/5@x-1;2", "Uniqueid: 1.0", "Cause: 16", "Cause-txt: Normal"), "4 doubtful=false channel=Local/5@x-1;2 7/5@x unique=1.0 linked= caller= number= context= dest= dialled= status= cause=16 0/0"},
		{"a record", packet("Event: Cdr", "Source: 1001", "Destination: 00972", "DestinationContext: out", "Channel: PJSIP/1001-1", "DestinationChannel: PJSIP/t-2", "Duration: 61", "BillableSeconds: 60", "Disposition: ANSWERED", "UniqueID: 1.0"),
			"5 doubtful=false channel=PJSIP/1001-1 1/1001 unique=1.0 linked= caller=1001 number=00972 context=out dest=PJSIP/t-2 dialled= status=ANSWERED cause=0 61/60"},
		{"a forged record", packet("Event: Cdr", "Source: 1\r\nChannel: PJSIP/1002-1", "Channel: PJSIP/1001-1", "UniqueID: 1.0"), "5 doubtful=true channel= 7/ unique=1.0 linked= caller=1 number= context= dest= dialled= status= cause=0 0/0"},
		{"another event", packet("Event: DeviceStateChange", "Device: PJSIP/1001"), ""},
		{"no event", packet("Response: Success", "Event: Newchannel"), ""},
	} {
		var m Message
		var got Call
		m.Read(c.packet)
		said := ""
		if m.Call(&got) {
			said = callWords(&got)
		}
		if said != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, said, c.want)
		}
	}
}

// security is a security event as Asterisk 22 writes it.
func security(name, service, account, session, remote string, tail ...string) []byte {
	return packet(append([]string{"Event: " + name, "Privilege: security,all", "SystemName: pbx", "EventTV: 2026-11-27T14:09:08.178+0000", "Severity: Error", "Service: " + service, "EventVersion: 1",
		"AccountID: " + account, "SessionID: " + session, "LocalAddress: IPV4/UDP/192.0.2.10/5060", "RemoteAddress: " + remote}, tail...)...)
}

var failedTail = []string{"Challenge: 1/a", "Response: b", "ExpectedResponse: "}

// TestSecurity: an event counts only if its fields are exactly those that Asterisk writes.
func TestSecurity(t *testing.T) {
	const from, victim = "IPV4/UDP/203.0.113.9/5071", "IPV4/UDP/8.8.8.8/5060"
	for _, c := range []struct {
		name      string
		packet    []byte
		unguarded bool
		want      string // "": no security event
	}{
		{"a wrong password", security("ChallengeResponseFailed", "PJSIP", "1001", "abc", from, failedTail...), false, "offence bad-password 203.0.113.9:5071 1001 abc seen"},
		{"over TCP", bytes.ReplaceAll(security("ChallengeResponseFailed", "PJSIP", "1001", "abc", from, failedTail...), []byte("/UDP/"), []byte("/TCP/")), false, "offence bad-password 203.0.113.9:5071 1001 abc proven"},
		{"a Call-ID with control bytes", security("ChallengeResponseFailed", "PJSIP", "1001", "a\x0b\x1bEvent: x", from, failedTail...), false, "offence bad-password 203.0.113.9:5071 1001 a\\v\\x1bEvent: x seen"},
		{"a quote in the name", security("InvalidAccountID", "AMI", `a"b`, "0x7f", from), false, "offence unknown-account 203.0.113.9:5071 a\\\"b 0x7f seen"},
		{"a log-in", security("SuccessfulAuth", "PJSIP", "1001", "abc", from, "UsingPassword: 1"), false, "signal success 203.0.113.9:5071 1001 abc seen"},
		{"chan_sip, whose address is a claim", security("InvalidPassword", "SIP", "1001", "0x7f", from, "Challenge: a", "ReceivedChallenge: b", "ReceivedHash: c"), false, "offence bad-password 203.0.113.9:5071 1001 0x7f claimed"},
		{"an access list", security("FailedACL", "AMI", "admin", "0x7f", from, "SessionTV: x"), false, "offence acl 203.0.113.9:5071 admin 0x7f seen"},
		{"lines of a caller", security("InvalidAccountID", "PJSIP", "x\r\nSessionID: y\r\nLocalAddress: IPV4/UDP/192.0.2.10/5060\r\nRemoteAddress: "+victim, "abc", from), false, "ambiguous unknown-account invalid AddrPort   "},
		{"a field that is missing", packet("Event: InvalidAccountID", "Privilege: security,all", "EventTV: x", "Severity: x", "Service: PJSIP", "EventVersion: 1", "AccountID: x"), false, "ambiguous unknown-account invalid AddrPort   "},
		{"a field too many", security("SuccessfulAuth", "PJSIP", "1001", "abc", from, "UsingPassword: 1", "X: y"), false, "ambiguous success invalid AddrPort   "},
		{"a line end without CR", security("InvalidAccountID", "PJSIP", "x\ny", "abc", from), false, "ambiguous unknown-account invalid AddrPort   "},
		{"two transports", security("InvalidAccountID", "PJSIP", "x", "abc", "IPV4/TCP/8.8.8.8/5060"), false, "ambiguous unknown-account invalid AddrPort   "},
		{"no guard", security("ChallengeResponseFailed", "PJSIP", "1001", "abc", from, failedTail...), true, "ambiguous bad-password invalid AddrPort 1001 abc seen"},
		{"a log-in without a guard", security("SuccessfulAuth", "PJSIP", "1001", "abc", from, "UsingPassword: 1"), true, "ambiguous success invalid AddrPort 1001 abc seen"},
		{"our own address", security("InvalidAccountID", "AMI", "x", "0x7f", "IPV4/UDP/192.0.2.10/5060"), false, "none unknown-account 192.0.2.10:5060 x 0x7f seen"},
		{"a call", newChannel("1001", "600"), false, ""},
		{"another class", bytes.Replace(security("InvalidAccountID", "PJSIP", "x", "abc", from), []byte("security,all"), []byte("user,all"), 1), false, ""},
		{"an event of another name", security("UserEvent", "PJSIP", "x", "abc", from), false, ""},
		{"an unknown service", security("InvalidAccountID", "XMPP", "x", "abc", from), false, ""},
	} {
		var m Message
		var e parsers.Event
		m.Read(c.packet)
		line, ok := m.Security(&e, !c.unguarded, nil)
		got := ""
		if ok {
			at := "invalid AddrPort"
			if e.Addr.IsValid() {
				at = fmt.Sprintf("%s:%d", e.Addr, e.Port)
			}
			results := map[parsers.Result]string{parsers.None: "none", parsers.Signal: "signal", parsers.Offence: "offence", parsers.Ambiguous: "ambiguous"}
			got = fmt.Sprintf("%s %s %s %s %s %s", results[e.Result], e.Kind, at, e.Account, e.Session, e.Evidence)
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		if ok && (!bytes.HasPrefix(line, []byte("SecurityEvent=")) || len(line) > maxWords+40 || e.Result == parsers.Ambiguous && !e.Suspect) {
			t.Errorf("%s: got %q, suspect %t", c.name, line, e.Suspect)
		}
	}
}

func TestContact(t *testing.T) {
	registered := func(uri string) []byte {
		return packet("Event: ContactList", "ActionID: x", "ObjectType: contact", "ObjectName: 1001;@e48a780b15413d0b9b70b6e278c731aa", "Endpoint: 1001", "Uri: "+uri, "UserAgent: x", "ExpirationTime: 1795788668")
	}
	fixed := func(id, uri string) []byte {
		return packet("Event: ContactStatusDetail", "ActionID: x", "AOR: carrier", "URI: "+uri, "RegExpire: 0", "EndpointName: carrier", "ID: "+id)
	}
	peer := func(tech, addr, dynamic string) []byte {
		return packet("Event: PeerEntry", "Channeltype: "+tech, "ObjectName: 201", "ChanObjectType: peer", "IPaddress: "+addr, "Dynamic: "+dynamic)
	}
	for _, c := range []struct {
		name   string
		packet []byte
		want   string
	}{
		{"a phone", registered("sip:1001@203.0.113.30:43358"), "1001 203.0.113.30  fixed=false"},
		{"IPv6", registered("sips:1001@[2001:db8::5]:5061;transport=tls"), "1001 2001:db8::5  fixed=false"},
		{"a user part with an @", registered("sip:a%40b@203.0.113.30"), "1001 203.0.113.30  fixed=false"},
		{"a name that a phone wrote is no host", registered("sip:1001@Phone.example.net"), "1001 invalid IP phone.example.net fixed=false"},
		{"everybody", registered("sip:1001@0.0.0.0/0"), ""},
		{"this machine", registered("sip:1001@127.0.0.1"), ""},
		{"lines of a caller", registered("sip:x@203.0.113.30\r\nEndpoint: 1002"), ""},
		{"a trunk", fixed("carrier@@0123", "sip:198.51.100.20:5060"), "carrier 198.51.100.20  fixed=true"},
		{"a trunk by its name", fixed("carrier@@0123", "sip:trunk.example.net"), "carrier invalid IP trunk.example.net fixed=true"},
		{"no trunk, but a phone", fixed("carrier;@a@@0123", "sip:203.0.113.30"), "carrier 203.0.113.30  fixed=false"},
		{"what is no name", fixed("carrier@@0123", "sip:$(x).net"), ""},
		{"a peer of chan_sip", peer("SIP", "203.0.113.31", "yes"), "201 203.0.113.31  fixed=false"},
		{"a trunk of chan_sip", peer("SIP", "198.51.100.21", "no"), "201 198.51.100.21  fixed=true"},
		{"a peer without an address", peer("SIP", "-none-", "no"), ""},
		{"a peer of IAX2 without an address", peer("IAX", "(null)", "no"), ""},
		{"a peer of IAX2", peer("IAX", "2001:db8::7", "yes"), "201 2001:db8::7  fixed=false"},
		{"another module", peer("SKINNY", "203.0.113.31", "no"), ""},
	} {
		var m Message
		var got Contact
		m.Read(c.packet)
		said := ""
		if m.Contact(&got) {
			said = fmt.Sprintf("%s %s %s fixed=%t", got.Account, got.Addr, got.Host+got.Named, got.Fixed)
		}
		if said != c.want {
			t.Errorf("%s: got %q, want %q", c.name, said, c.want)
		}
	}
}

// within reports whether a text is a part of b.
func within(text parsers.Text, b []byte) bool {
	raw := text.Raw()
	if len(raw) == 0 {
		return true
	}
	from, at := uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&raw[0]))
	return at >= from && at+uintptr(len(raw)) <= from+uintptr(len(b)) && len(raw) <= maxText
}

// FuzzMessage: fields are parts of the packet without a line end, and so are the texts of a
// call; their number and length are bounded.
func FuzzMessage(f *testing.F) {
	f.Add(newChannel("1001", "600"))
	f.Add(newChannel("1\r\nExten: 2\r\nUniqueid: 3", "4\r\n\r\nEvent: Hangup"))
	f.Add(security("ChallengeResponseFailed", "PJSIP", "1001", "abc", "IPV4/UDP/203.0.113.9/5071", failedTail...))
	f.Add(security("InvalidAccountID", "AMI", "x\r\nRemoteAddress: y", "0x1", "IPV4/TCP/203.0.113.9/5071"))
	f.Add(packet("Event: ContactList", "ObjectName: a;@b", "Endpoint: 1", "Uri: sip:1@203.0.113.1"))
	f.Add(packet("Event: Cdr", "Duration: 99999999999", "Cause: -1"))
	f.Add(bytes.Repeat([]byte("a:\r\n"), maxFields+1))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Message
		m.Read(b)
		if len(m.fields) > maxFields {
			t.Fatalf("got %d fields", len(m.fields))
		}
		for _, field := range m.fields {
			if !bytes.Contains(b, field.Value) || bytes.ContainsAny(field.Key, "\r\n:") || bytes.ContainsAny(field.Value, "\r\n") {
				t.Fatalf("got field %q in %q", field, b)
			}
		}
		var e parsers.Event
		if line, ok := m.Security(&e, true, nil); ok {
			if e.Result == parsers.Offence && (!parsers.Bannable(e.Addr) && e.Addr.IsValid() == false || bytes.Count(b, []byte("\r\nRemoteAddress:")) != 1) {
				t.Fatalf("an offence of %s in %q", e.Addr, b)
			}
			if e.Result == parsers.Ambiguous && e.Addr.IsValid() && e.Service != parsers.SIP || len(line) > maxWords+64 {
				t.Fatalf("got %s for %q, %d bytes", e.Addr, b, len(line))
			}
		}
		var at Contact
		if m.Contact(&at) && !parsers.Bannable(at.Addr) && (at.Host == "" || !at.Fixed) {
			t.Fatalf("got contact %+v", at)
		}
		var c Call
		if !m.Call(&c) {
			return
		}
		for _, text := range []parsers.Text{c.Channel, c.Account, c.Unique, c.Linked, c.Caller, c.Number, c.Context, c.Code, c.Dest, c.Dialled, c.Status} {
			if !within(text, b) {
				t.Fatalf("%q is no part of the packet, or too long", text)
			}
		}
		if bytes.Count(b, []byte("\r\nUniqueid:")) > 1 && c.Kind != CDR && !c.Doubtful {
			t.Fatalf("two lines with one key are not doubtful: %q", b)
		}
	})
}
