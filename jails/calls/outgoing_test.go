package calls

import "testing"

func TestOutgoing(t *testing.T) {
	for _, tt := range []struct{ dialled, dial, dest, want string }{
		{"00972591234567", "PJSIP/00972591234567@trunk,300,T", "trunk", "00972591234567"},
		{"0972591234567", "PJSIP/+972591234567@trunk", "trunk", "0972591234567"},
		{"900972591234567", "SIP/trunk/00972591234567", "trunk", "900972591234567"},
		{"00972591234567", "trunk/sip:00972591234567@192.0.2.1:5060", "trunk", "00972591234567"},
		{"00972591234567", "00972591234567@trunk", "trunk", "00972591234567"},
		{"*721", "PJSIP/0097259123456@trunk", "trunk", "0097259123456"},        // a short code of the dialplan
		{"s", "Local/0097259123456@from-internal", "0097259", "0097259123456"}, // a call that is forwarded
		{"442071234567", "PJSIP/201,20", "201", ""},                            // it came in, and rings at a phone
		{"442071234567", "PJSIP/201/sip:201@203.0.113.7:5060", "201", ""},
		{"442071234567", "PJSIP/201&PJSIP/202", "201", ""},
		{"442071234567", "PJSIP/442071234567", "442071234567", ""},                   // an account with such a name
		{"442071234567", "phone/sip:0097259123456789@203.0.113.7:5060", "phone", ""}, // the phone chose the user of its contact
		{"442071234567", "PJSIP/phone/sips:0097259123456789@203.0.113.7:5060&PJSIP/phone", "phone", ""},
		{"442071234567", "0097259123456", "", ""}, // a phone with such a name, in a dial that is doubtful
		{"442071234567", "phone/sip:1@203.0.113.7&PJSIP/0097259123456@trunk", "", "0097259123456"},
		{"00972591234567", "PJSIP/00972591234567@phone", "phone", "00972591234567"}, // a gateway that registers
		{"00972591234567", "PJSIP/gateway/sip:00972591234567@192.0.2.1", "gateway", "00972591234567"},
		{"phone/sip:00972591234567", "phone/sip:00972591234567@trunk", "phone", "00972591234567"}, // the caller writes the dial
		{"", "phone/sip:00972591234567@192.0.2.1@trunk", "phone", "00972591234567"},
		{"00972591234567", "SIP/phone/00972591234567", "phone", "00972591234567"},
		{"00972591234567", "Local/0097259123456@phone", "", "0097259123456"},
		{"00972591234567", "0097259123456@phone", "", "0097259123456"}, // a phone of this name is not called
		{"201", "PJSIP/201", "201", ""},
		{"00972591234567", "", "", ""},
	} {
		phone := func(account string) bool { return account == "phone" || account == "0097259123456" }
		if got, _ := Outgoing(tt.dialled, tt.dial, tt.dest, phone); got != tt.want {
			t.Errorf("%s, dial %s: got %q, want %q", tt.dialled, tt.dial, got, tt.want)
		}
	}
}

func TestTrunks(t *testing.T) {
	var known Trunks
	known.Learn("")
	known.Learn("trunk")
	if !known.Has("trunk") || known.Has("") || known.Has("201") {
		t.Errorf("got %v", known)
	}
}
