package sensor

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"pbxjail/parsers"
)

func address(n int) netip.Addr {
	b := [16]byte{0: 0x20, 1: 1, 2: 0x0d, 3: 0xb8}
	binary.BigEndian.PutUint64(b[8:], uint64(n))
	return netip.AddrFrom16(b)
}

// TestMemoryIsBounded: the sender chooses how many addresses, calls, agents and
// connections there are.
func TestMemoryIsBounded(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	l := newLab(t, Options{})
	l.quiet = true
	for i := range 25_000 {
		from := netip.AddrPortFrom(address(i), 5060)
		l.tcp, l.port = false, 5060
		l.ask(from, "INVITE", fmt.Sprint("someone with a long name ", i), fmt.Sprint("and a long number ", i))
		l.packet(from, false, strings.Replace(strings.Replace(l.last.text(), "Phone 1", fmt.Sprint("a user agent with a long name ", i), 1), "z9", "z8", 1))
		l.answer(401, challenge(fmt.Sprint("nonce", i)))
		if i%4 == 0 {
			l.dial(from, []uint16{5060, 5038, 8088}[i%3])
			l.packet(from, false, "GET /a HTTP/1.1\r\nX: "+string(make([]byte, 2000)))
		}
		clear(l.points)
		clear(l.once)
	}
	t.Logf("the tables are full: %d KiB", (int64(heap())-int64(before))>>10)
	if got := int64(heap()) - int64(before); got > 15<<18 {
		t.Errorf("got %d KiB, want no more than 3.75 MiB", got>>10)
	}
	s := l.s
	if st := s.Stats(); st.Transactions > defaultTransactions || st.Evicted == 0 {
		t.Errorf("got %+v", st)
	}
	if len(s.peers.slots) > defaultAddresses+1 || len(s.conns.index) > maxConns || s.conns.held > maxAllHeld || len(s.agents.byName) > maxAgents || len(s.nonces.ring) > maxNonces {
		t.Errorf("got %d addresses, %d connections, %d bytes, %d agents, %d nonces", len(s.peers.slots)-1, len(s.conns.index), s.conns.held, len(s.agents.byName), len(s.nonces.ring))
	}
	runtime.KeepAlive(l)
}

// TestHoldsWhoIsKnown: a flood of made-up addresses does not push out those that
// logged in.
func TestHoldsWhoIsKnown(t *testing.T) {
	l := newLab(t, Options{Addresses: 64})
	l.quiet = true
	l.login(phone, "1001")
	for i := range 1000 {
		l.ask(netip.AddrPortFrom(address(i), 5060), "OPTIONS", "x", "y")
	}
	if p := l.s.peers.find(phone.Addr()); p == nil || p.login == 0 {
		t.Error("the phone's log-in was forgotten")
	}
}

// TestTheUnspecifiedAddress is one like others: it is not the entry that holds the ring.
func TestTheUnspecifiedAddress(t *testing.T) {
	l := newLab(t, Options{Addresses: 2})
	none := netip.IPv6Unspecified()
	if l.s.peers.find(none) != nil || l.s.peers.find(netip.Addr{}) != nil {
		t.Error("got an entry of an empty table")
	}
	for _, a := range []netip.Addr{none, address(1), none, address(2), address(3), none} {
		p := l.s.peers.take(a, 7)
		if p == &l.s.peers.slots[0] || l.s.peers.find(a) != p || netip.AddrFrom16(p.addr) != a {
			t.Errorf("%v: got the entry of %v", a, netip.AddrFrom16(p.addr))
		}
	}
	if l.s.peers.find(address(1)) != nil || l.s.peers.evicted != 3 {
		t.Errorf("got %d entries that made room, want 3", l.s.peers.evicted)
	}
}

func TestOrdinaryPacketsCostNoMemory(t *testing.T) {
	l := newLab(t, Options{})
	l.quiet = true
	var texts []Packet
	record := func(out bool, text string) {
		p := Packet{Src: phone, Dst: netipPBX(5060), Out: out, Data: []byte(text)}
		if out {
			p.Src, p.Dst = p.Dst, p.Src
		}
		texts = append(texts, p)
	}
	for i := range 64 {
		r := request{from: phone, method: "REGISTER", user: "1001", call: fmt.Sprint("c", i), cseq: 1, branch: fmt.Sprint("z9hG4bK", i), tag: "t"}
		record(false, r.text(credentials("1001", "n", "a")))
		record(true, lines("SIP/2.0 200 OK", "Via: SIP/2.0/UDP x;branch="+r.branch, "From: <sip:1001@x>;tag=t", "To: <sip:1001@x>;tag=u", "Call-ID: "+r.call, "CSeq: 1 REGISTER"))
		record(false, "\r\n\r\n")
	}
	emit := func(*parsers.Event) {}
	play := func() {
		for i := range texts {
			texts[i].Time = l.now
			l.s.Packet(&texts[i], emit)
			l.now = l.now.Add(time.Second)
		}
	}
	for range 20 {
		play()
	}
	if n := testing.AllocsPerRun(50, play); n > 2 { // of 192 packets; a map may grow now and then
		t.Errorf("got %v allocations for %d packets", n, len(texts))
	}
}

func TestHeard(t *testing.T) {
	l := newLab(t, Options{})
	start := l.now
	heard := func(name string, a netip.Addr, svc parsers.Service, at time.Time, want Heard) {
		t.Helper()
		if got := l.s.Heard(a, svc, at); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	heard("before anything", phone.Addr(), parsers.PJSIP, start, CannotTell)
	l.packet(phone, false, "\r\n\r\n")
	heard("it was just heard", phone.Addr(), parsers.PJSIP, l.now, WasHeard)
	heard("both stacks have one port", phone.Addr(), parsers.SIP, l.now, WasHeard)
	heard("before the sensor began", other.Addr(), parsers.PJSIP, start.Add(-time.Second), CannotTell)
	l.after(10 * time.Minute)
	l.packet(other, false, "\r\n\r\n")
	l.login(other, "1001")
	heard("it sent something ten minutes ago", phone.Addr(), parsers.PJSIP, l.now, NotHeard)
	heard("another service", other.Addr(), parsers.IAX2, l.now, NotHeard)
	heard("any service", other.Addr(), parsers.Dialplan, l.now, WasHeard)
	heard("a record of the past", other.Addr(), parsers.PJSIP, start.Add(5*time.Minute), NotHeard)
	heard("mapped", netip.AddrFrom16(other.Addr().As16()), parsers.PJSIP, l.now, WasHeard)
	if !l.s.Complete(phone.Addr(), parsers.PJSIP, l.now) || !l.s.Complete(other.Addr(), parsers.PJSIP, l.now) {
		t.Error("all was read")
	}
	if got := l.s.Suspects(nil, parsers.PJSIP, l.now); len(got) != 1 || got[0] != other.Addr() {
		t.Errorf("got the suspects %v, want %v", got, other.Addr())
	}
	if got := l.s.Suspects(nil, parsers.AMI, l.now); len(got) != 0 {
		t.Errorf("got the suspects %v, want none", got)
	}
	l.s.Gap(l.now)
	heard("packets were missed", phone.Addr(), parsers.PJSIP, l.now, CannotTell)
	heard("he was heard all the same", other.Addr(), parsers.PJSIP, l.now, WasHeard)
	heard("before the gap", phone.Addr(), parsers.PJSIP, l.now.Add(-3*time.Minute), NotHeard)
	if l.s.Complete(other.Addr(), parsers.PJSIP, l.now) {
		t.Error("packets were missed")
	}

	l = newLab(t, Options{Ports: []Port{{Number: 5060, Service: parsers.PJSIP}}})
	l.packet(phone, false, "\r\n\r\n")
	l.after(time.Hour)
	heard("a port that is not watched", other.Addr(), parsers.IAX2, l.now, CannotTell)
	heard("a port that is", other.Addr(), parsers.PJSIP, l.now, NotHeard)
}

// TestForgettingIsNoProof: an address that had to make room may have been heard.
func TestForgettingIsNoProof(t *testing.T) {
	l := newLab(t, Options{Addresses: 16})
	l.packet(phone, false, "\r\n\r\n")
	l.after(10 * time.Minute)
	for i := range 40 {
		l.packet(netip.AddrPortFrom(address(i), 5060), false, "\r\n\r\n")
	}
	if got := l.s.Heard(address(0), parsers.PJSIP, l.now); got != CannotTell {
		t.Errorf("got %v, want cannot tell", got)
	}
}

func TestLearnsPorts(t *testing.T) {
	for _, learn := range []bool{false, true} {
		l := newLab(t, Options{LearnPorts: learn})
		l.port = 5099
		l.packet(other, false, "random bytes that are no SIP")
		l.ask(other, "REGISTER", "1001", "")
		l.answer(403)
		if got := len(l.events) == 1; got != learn {
			t.Errorf("learn %v: got %v", learn, l.events)
		}
	}
}

func TestAgents(t *testing.T) {
	l := newLab(t, Options{})
	for range 3 {
		l.login(phone, "1001")
	}
	l.login(other, "1002")
	l.n++
	l.ask(other, "OPTIONS", "x", "y")
	list := l.s.Agents()
	if len(list) != 1 || !list[0].Name.Is("Phone 1") || list[0].LoggedIn != 2 || list[0].Addresses != 2 || list[0].Requests != 9 || fmt.Sprint(list[0].Accounts) != "[1001 1002]" {
		t.Errorf("got %+v", list)
	}
}

// TestFinished: those who look on see each transaction once.
func TestFinished(t *testing.T) {
	var got []string
	l := newLab(t, Options{Finished: func(x *Transaction) {
		got = append(got, fmt.Sprintf("%v %s %v %v %s %v out %v", x.Service, x.Method, x.Account, x.Number, x.Answer, x.Took, x.Out))
	}})
	l.ask(phone, "INVITE", "1001", "900")
	l.answer(100)
	l.answer(404)
	l.answer(404)
	l.ask(phone, "OPTIONS", "1001", "901")
	l.after(time.Minute)
	want := []string{"pjsip INVITE 1001 900 404 2ms out false", "pjsip OPTIONS 1001 901 no answer 1m0.001s out false"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func BenchmarkPacket(b *testing.B) {
	s := New(Options{})
	now := seven
	emit := func(*parsers.Event) {}
	var texts [512]Packet
	for i := range texts {
		r := request{from: netip.AddrPortFrom(address(i/8), 5060), method: "REGISTER", user: "1001", call: fmt.Sprint("c", i), cseq: 1, branch: fmt.Sprint("z9hG4bK", i), tag: "t"}
		texts[i] = Packet{Src: r.from, Dst: netipPBX(5060), Data: []byte(r.text())}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := &texts[i%len(texts)]
		p.Time = now
		now = now.Add(time.Millisecond)
		s.Packet(p, emit)
	}
}
