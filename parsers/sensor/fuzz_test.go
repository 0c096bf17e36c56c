package sensor

import (
	"net/netip"
	"testing"
	"time"

	"pbxjail/parsers"
)

// FuzzPackets: whatever is sent, an event names the other side, is not better proven
// than it can be, and is worth something only as an offence; texts are bounded.
func FuzzPackets(f *testing.F) {
	r := request{from: other, method: "REGISTER", user: "1001", call: "c", cseq: 1, branch: "z9hG4bK1", tag: "t"}
	f.Add([]byte(r.text()), []byte(lines("SIP/2.0 401 x", "Via: SIP/2.0/UDP x;branch=z9hG4bK1", "From: <sip:1001@x>;tag=t", "To: <sip:1001@x>;tag=u", "Call-ID: c", "CSeq: 1 REGISTER", challenge("n"))), uint8(0))
	f.Add([]byte(r.text(credentials("1001", "n", "a"))), []byte(lines("SIP/2.0 403 x", "Via: SIP/2.0/UDP x;branch=z9hG4bK1", "From: <sip:1001@x>;tag=t", "To: <sip:1001@x>;tag=as0a1b2c3d", "Call-ID: c", "CSeq: 1 REGISTER")), uint8(1))
	f.Add([]byte("\x80\x05\x00\x00\x00\x00\x00\x00\x00\x00\x06\x01\x06\x03joe"), []byte("\x80\x63\x00\x05\x00\x00\x00\x00\x00\x00\x06\x06"), uint8(2))
	f.Add([]byte(lines("Action: Login", "Username: joe", "Secret: x")), []byte("Asterisk Call Manager/9\r\n"+lines("Response: Error")), uint8(3))
	f.Add([]byte(lines("GET /ws HTTP/1.1", "Upgrade: websocket", "Sec-WebSocket-Protocol: sip")+"\x81\x05hello"), []byte(lines("HTTP/1.1 101 x")+"\x81\x05hello"), uint8(4))
	f.Fuzz(func(t *testing.T, theirs, ours []byte, how uint8) {
		s := New(Options{Transactions: 8, Addresses: 4})
		port := []struct {
			number uint16
			tcp    bool
		}{{5060, false}, {5060, true}, {4569, false}, {5038, true}, {8088, true}}[how%5]
		now := seven
		events := 0
		emit := func(e *parsers.Event) {
			events++
			if e.Addr != other.Addr() || e.Channel != parsers.ChannelWire || e.Line.Len() > 2*maxText || e.Line.Empty() {
				t.Fatalf("got %+v", e)
			}
			if (e.Result == parsers.Offence) != (e.Points > 0) || e.Evidence < parsers.Seen || e.Account.Len() > maxText || e.Time.Before(seven) {
				t.Fatalf("got %+v", e)
			}
			if !port.tcp && port.number == 5060 && e.Evidence == parsers.Proven && len(ours) == 0 {
				t.Fatalf("proven, and we sent nothing: %+v", e)
			}
		}
		send := func(out bool, data []byte, start, end, lost bool) {
			p := Packet{Time: now, TCP: port.tcp, Src: other, Dst: netip.AddrPortFrom(pbx, port.number), Out: out, Data: data, Start: start, End: end, Lost: lost}
			if out {
				p.Src, p.Dst = p.Dst, p.Src
			}
			s.Packet(&p, emit)
			now = now.Add(time.Second)
		}
		send(false, nil, how&8 == 0, false, false)
		half := len(theirs) / 2
		send(false, theirs[:half], false, false, false)
		send(false, theirs[half:], false, false, how&16 != 0)
		send(true, ours, false, false, false)
		send(false, theirs, false, false, false)
		send(true, ours, false, true, false)
		send(false, theirs, false, true, false)
		s.Tick(now.Add(time.Hour), emit)
		if st := s.Stats(); st.Transactions != 0 || s.conns.held < 0 || s.conns.held > maxAllHeld || int(st.Events) != events {
			t.Fatalf("got %+v and %d bytes held", st, s.conns.held)
		}
		for _, p := range s.peers.slots {
			if p.open != 0 {
				t.Fatalf("got %d open challenges of %v when all is over", p.open, p.addr)
			}
		}
	})
}
