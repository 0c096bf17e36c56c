package sip_test

import (
	"fmt"

	"pbxjail/parsers/sip"
)

// Read takes a message apart. All texts are parts of the bytes that were given.
func ExampleRead() {
	packet := []byte("REGISTER sip:pbx.example SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK1\r\n" +
		"From: <sip:201@pbx.example>;tag=1\r\n" +
		"To: <sip:201@pbx.example>\r\n" +
		"Call-ID: 1@203.0.113.9\r\n" +
		"CSeq: 1 REGISTER\r\n" +
		"User-Agent: friendly-scanner\r\n\r\n")
	var m sip.Message
	sip.Read(packet, &m)
	fmt.Println(m.Method == sip.Register, string(m.FromUser), string(m.Agent))
	// Output: true 201 friendly-scanner
}
