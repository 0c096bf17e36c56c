package lab

import (
	"bytes"
	"net/netip"
	"testing"
)

func TestAnswerCarriesTheNumber(t *testing.T) {
	from, to := netip.MustParseAddrPort("[2001:db8::1]:40000"), netip.AddrPortFrom(PBX6, Port)
	for _, want := range []int{0, 1, 4711} {
		response, ok := answer(options(from, to, want))
		if got, numbered := sequence(response); !ok || !numbered || got != want {
			t.Errorf("got %d, %v, %v, want %d", got, ok, numbered, want)
		}
	}
}

func TestNoAnswerToWhatIsNoRequest(t *testing.T) {
	response, _ := answer(options(netip.AddrPortFrom(PBX4, 1), netip.AddrPortFrom(PBX4, 2), 3))
	for _, packet := range []string{"", "hello", "OPTIONS sip:x SIP/2.0", "GET / HTTP/1.1\r\n\r\n", string(response)} {
		if got, ok := answer([]byte(packet)); ok {
			t.Errorf("%q was answered: %q", packet, got)
		}
	}
}

func TestSequenceOfAnswersOnly(t *testing.T) {
	for _, packet := range []string{
		"", "SIP/2.0 200 OK\r\n\r\n", "SIP/2.0 200 OK\r\nCSeq: x OPTIONS\r\n\r\n",
		string(options(netip.AddrPortFrom(PBX4, 1), netip.AddrPortFrom(PBX4, 2), 3)),
	} {
		if got, ok := sequence([]byte(packet)); ok {
			t.Errorf("%q: got number %d, want none", packet, got)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(options(netip.AddrPortFrom(PBX4, 1), netip.AddrPortFrom(PBX4, 2), 3))
	f.Add([]byte("SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\n\r\n"))
	f.Fuzz(func(t *testing.T, packet []byte) {
		response, ok := answer(packet)
		if !ok {
			return
		}
		if !bytes.HasPrefix(response, []byte("SIP/2.0 200 OK\r\n")) {
			t.Errorf("answer to %q: %q", packet, response)
		}
		if _, again := answer(response); again {
			t.Errorf("an answer would be answered: two of us would never stop: %q", response)
		}
	})
}
