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
