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
		{"442071234567", "PJSIP/442071234567", "442071234567", ""}, // an account with such a name
		{"201", "PJSIP/201", "201", ""},
		{"00972591234567", "", "", ""},
	} {
		if got, _ := Outgoing(tt.dialled, tt.dial, tt.dest); got != tt.want {
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
