package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pbxjail/jails/home"
)

// asteriskLists are what an Asterisk answers, by action.
type asteriskLists map[string][]string

func (l asteriskLists) List(_ context.Context, item func([]byte) bool, action string, fields ...[2]string) error {
	for _, f := range fields {
		action += " " + f[1]
	}
	for _, packet := range l[action] {
		if !item([]byte(packet)) {
			return errors.New("too long")
		}
	}
	return nil
}

const allCommands = "Response: Success\r\nPJSIPShowContacts: x (Priv: system,all)\r\nPJSIPShowEndpoints: x\r\nPJSIPShowEndpoint: x\r\nSIPpeers: x\r\nIAXpeerlist: x\r\n"

func contact(account, uri string) string {
	return fmt.Sprintf("Event: ContactList\r\nObjectName: %s;@1\r\nEndpoint: %[1]s\r\nUri: %s\r\n", account, uri)
}

func TestRegistrations(t *testing.T) {
	var r registrations
	err := r.list(t.Context(), asteriskLists{
		"PJSIPShowContacts":         {contact("101", "sip:101@203.0.113.5"), contact("102", "sip:102@0.0.0.0/0")},
		"PJSIPShowEndpoints":        {"Event: EndpointList\r\nObjectName: 101\r\nContacts: 101/sip:101@203.0.113.5,\r\n", "Event: EndpointList\r\nObjectName: carrier\r\nContacts: a,b,\r\n"},
		"PJSIPShowEndpoint carrier": {"Event: ContactStatusDetail\r\nURI: sip:198.51.100.20\r\nEndpointName: carrier\r\nID: carrier@@1\r\n", contact("carrier", "sip:203.0.113.66")},
		"PJSIPShowEndpoint 101":     {"Event: ContactStatusDetail\r\nURI: sip:203.0.113.66\r\nEndpointName: 101\r\nID: 101@@1\r\n"},
		"SIPpeers":                  {"Event: PeerEntry\r\nChanneltype: SIP\r\nObjectName: 201\r\nIPaddress: 203.0.113.6\r\nDynamic: yes\r\n", "Event: PeerEntry\r\nChanneltype: SIP\r\nObjectName: t2\r\nIPaddress: 198.51.100.21\r\nDynamic: no\r\n"},
		"IAXpeerlist":               {"Event: PeerEntry\r\nChanneltype: IAX\r\nObjectName: 301\r\nIPaddress: 203.0.113.7\r\nDynamic: yes\r\n"},
	}, []byte(allCommands))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range r.phones {
		got = append(got, p.Account+"="+p.Addr.String())
	}
	for _, f := range r.trunks {
		got = append(got, "trunk "+f.Prefix.String())
	}
	if want := "101=203.0.113.5 201=203.0.113.6 301=203.0.113.7 trunk 198.51.100.21/32 trunk 198.51.100.20/32"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s: what registered is no trunk", strings.Join(got, " "), want)
	}
}

// Without rights there is no list, and this is an error with what to do.
func TestRegistrationsWithoutRights(t *testing.T) {
	var r registrations
	if err := r.list(t.Context(), asteriskLists{}, []byte("Response: Success\r\nPing: x\r\n")); err == nil {
		t.Error("got no error")
	}
}

// A list of a million takes no more memory than a long one, and the rest is known to be missing.
func TestRegistrationsAreBounded(t *testing.T) {
	var many, trunks, endpoints []string
	for i := range 1_000_000 {
		many = append(many, contact("101", fmt.Sprintf("sip:x@203.%d.%d.%d", i>>16&255, i>>8&255, i&255)))
	}
	for i := range 3 * maxTrunks {
		trunks = append(trunks, fmt.Sprintf("Event: PeerEntry\r\nChanneltype: SIP\r\nObjectName: t\r\nIPaddress: 198.51.%d.%d\r\nDynamic: no\r\n", i>>8, i&255))
		endpoints = append(endpoints, fmt.Sprintf("Event: EndpointList\r\nObjectName: e%d\r\nContacts: a,\r\n", i))
	}
	var r registrations
	err := r.list(t.Context(), asteriskLists{"PJSIPShowContacts": many, "PJSIPShowEndpoints": endpoints, "SIPpeers": trunks}, []byte(allCommands))
	if err == nil || len(r.phones) != home.MaxRegistered || len(r.trunks) > maxTrunks || len(r.endpoints) > mostAsked {
		t.Errorf("got %d phones, %d trunks, %d endpoints, %v", len(r.phones), len(r.trunks), len(r.endpoints), err)
	}
}
