package lab

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
)

// options is a SIP request such as phones and scanners send (RFC 3261, 11.1).
// seq numbers it; the answer carries the same number.
func options(from, to netip.AddrPort, seq int) []byte {
	return fmt.Appendf(nil, "OPTIONS sip:%[2]s SIP/2.0\r\n"+
		"Via: SIP/2.0/UDP %[1]s;branch=z9hG4bK%[3]d;rport\r\n"+
		"From: <sip:pbxlab@%[1]s>;tag=%[3]d\r\n"+
		"To: <sip:100@%[2]s>\r\n"+
		"Call-ID: %[3]d@%[1]s\r\n"+
		"CSeq: %[3]d OPTIONS\r\n"+
		"Max-Forwards: 70\r\nUser-Agent: pbxlab\r\nContent-Length: 0\r\n\r\n", from, to, seq)
}

// answer turns a request into the 200 that a PBX would send: the headers go
// back as they came (RFC 3261, 8.2.6.2). Anything else has no answer.
func answer(request []byte) (response []byte, ok bool) {
	line, headers, found := bytes.Cut(request, []byte("\r\n"))
	if !found || !bytes.HasSuffix(line, []byte(" SIP/2.0")) {
		return nil, false
	}
	return append([]byte("SIP/2.0 200 OK\r\n"), headers...), true
}

// sequence reads the number of the request that a response answers.
func sequence(response []byte) (seq int, ok bool) {
	if !bytes.HasPrefix(response, []byte("SIP/2.0 ")) {
		return 0, false
	}
	_, rest, found := bytes.Cut(response, []byte("\r\nCSeq: "))
	digits, _, _ := bytes.Cut(rest, []byte(" "))
	seq, err := strconv.Atoi(string(digits))
	return seq, found && err == nil
}
