package names

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// lookupAt is the lookup of SIP with one name server.
func lookupAt(s *server) *sipLookup {
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.addr.String())
	}}
	return &sipLookup{dns: system{r, func() []netip.AddrPort { return []netip.AddrPort{s.addr} }}}
}

func find(t *testing.T, l *sipLookup, name string) []netip.Addr {
	t.Helper()
	list, err := l.lookup(t.Context(), name)
	if err != nil {
		t.Fatalf("%s: got %v, want addresses", name, err)
	}
	return usable(list)
}

// TestNAPTR: a provider's NAPTR records lead to hosts that no other record of its name does.
func TestNAPTR(t *testing.T) {
	s := newServer(t)
	s.put("voip.test", host("192.0.2.1"), host("2001:db8::1"),
		pointer("S", "SIP+D2U", "_sip._udp.edge.test"), pointer("s", "sips+d2t", "_sips._tcp.edge.test"),
		pointer("a", "SIP+D2T", "direct.test"), pointer("u", "E2U+sip", "enum.test"), pointer("s", "SIP+D2U", "_sip._udp.edge.test"))
	s.put("_sip._udp.edge.test", srv("a.edge.test"), srv("b.edge.test"))
	s.put("_sips._tcp.edge.test", srv("b.edge.test"))
	s.put("_sip._tcp.voip.test", srv("c.edge.test"))
	s.put("a.edge.test", host("192.0.2.11"))
	s.put("b.edge.test", host("192.0.2.12"), host("2001:db8::12"))
	s.put("c.edge.test", host("192.0.2.13"))
	s.put("direct.test", host("192.0.2.14"))
	s.put("enum.test", host("192.0.2.99"))
	s.put("only.test", pointer("s", "SIP+D2U", "_sip._udp.edge.test"))
	l := lookupAt(s)
	want := addrs("192.0.2.1", "192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14", "2001:db8::1", "2001:db8::12")
	if got := find(t, l, "voip.test"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := find(t, l, "only.test"), addrs("192.0.2.11", "192.0.2.12", "2001:db8::12"); !slices.Equal(got, want) {
		t.Errorf("got %v, want those of NAPTR alone: %v", got, want)
	}
	if _, err := l.lookup(t.Context(), "gone.test"); err == nil {
		t.Error("got no error of a name without any record")
	}
	s.breakDown(true)
	if got, want := find(t, l, "only.test"), addrs("192.0.2.11", "192.0.2.12", "2001:db8::12"); !slices.Equal(got, want) {
		t.Errorf("got %v while the name server fails, want what was known: %v", got, want)
	}
}

// TestNAPTRIsBounded: the owner of a domain in Asterisk's files cannot choose how much is
// asked.
func TestNAPTRIsBounded(t *testing.T) {
	s := newServer(t)
	for i := range 100 {
		service := fmt.Sprintf("_sip._udp.n%d.test", i)
		s.put("many.test", pointer("s", "SIP+D2U", service))
		for j := range 100 {
			s.put(service, srv(fmt.Sprintf("h%d.n%d.test", j, i)))
			s.put(fmt.Sprintf("h%d.n%d.test", j, i), host(fmt.Sprintf("198.51.%d.%d", i, j)))
		}
	}
	list, err := lookupAt(s).lookup(t.Context(), "many.test")
	if err != nil || len(list) == 0 || len(list) > maxRecords*maxTargets {
		t.Errorf("got %d addresses, %v, want some and no more than %d", len(list), err, maxRecords*maxTargets)
	}
	if tcp := s.count("tcp " + typeNAPTR.String()); tcp != 1 {
		t.Errorf("got %d questions over TCP for an answer that was cut, want 1", tcp)
	}
	if most := 2 * maxRecords * maxTargets; s.count("udp TypeA") > most {
		t.Errorf("got %d questions for addresses, want no more than %d", s.count("udp TypeA"), most)
	}
}

// TestNAPTRServers: the next name server is asked where one does not answer well.
func TestNAPTRServers(t *testing.T) {
	bad, good := newServer(t), newServer(t)
	bad.breakDown(true)
	good.put("voip.test", pointer("a", "SIP+D2U", "host.test"))
	ask := func(servers ...netip.AddrPort) ([]naptr, error) {
		return system{nil, func() []netip.AddrPort { return servers }}.LookupNAPTR(t.Context(), "voip.test")
	}
	if got, err := ask(bad.addr, good.addr); err != nil || len(got) != 1 || got[0].replacement != "host.test" {
		t.Errorf("got %v, %v, want the record of the second", got, err)
	}
	if got, err := ask(bad.addr); err == nil {
		t.Errorf("got %v, want an error", got)
	}
	if got, err := ask(); err != nil || got != nil {
		t.Errorf("got %v, %v without a server, want none", got, err)
	}
}

// TestReadNAPTR: an answer to another question is none.
func TestReadNAPTR(t *testing.T) {
	query, err := question(7, "voip.test")
	if err != nil {
		t.Fatal(err)
	}
	reply := func(name string, response bool) []byte {
		n := dnsmessage.MustNewName(name)
		m := dnsmessage.Message{
			Header:    dnsmessage.Header{ID: 7, Response: response},
			Questions: []dnsmessage.Question{{Name: n, Type: typeNAPTR, Class: dnsmessage.ClassINET}},
			Answers: []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: n, Type: typeNAPTR, Class: dnsmessage.ClassINET},
				Body:   pointer("s", "SIP+D2U", "_sip._udp.voip.test"),
			}},
		}
		text, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, tc := range map[string]struct {
		answer []byte
		want   int
	}{
		"an answer":             {reply("Voip.test.", true), 1},
		"one to another":        {reply("other.test.", true), -1},
		"a question":            {reply("voip.test.", false), -1},
		"one that is cut short": {reply("voip.test.", true)[:40], -1},
		"nothing":               {nil, -1},
	} {
		list, _, err := readNAPTR(tc.answer, query)
		if (err != nil) != (tc.want < 0) || err == nil && len(list) != tc.want {
			t.Errorf("%s: got %v, %v, want %d records", name, list, err, tc.want)
		}
	}
}

// FuzzReadNAPTR: whatever a name server answers, few records come of it, with names that can
// be asked for.
func FuzzReadNAPTR(f *testing.F) {
	query, err := question(7, "voip.test")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(query)
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true}, Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("voip.test."), Type: typeNAPTR, Class: dnsmessage.ClassINET}}}
	for _, data := range [][]byte{naptrBytes("s", "SIP+D2U", "", "_sip._udp.voip.test"), naptrBytes("u", "E2U+sip", "!^.*$!sip:x@y!", ""), {0, 1, 0, 1, 255}, {0, 1, 0, 1, 0, 0, 0, 0xc0, 12}} {
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: typeNAPTR, Class: dnsmessage.ClassINET},
			Body:   &dnsmessage.UnknownResource{Type: typeNAPTR, Data: data},
		})
		text, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		list, cut, err := readNAPTR(answer, query)
		if len(list) > maxRecords || (cut || err != nil) && len(list) > 0 {
			t.Errorf("got %d records, cut %t, error %v", len(list), cut, err)
		}
		for _, r := range list {
			if len(r.replacement) > maxBytes || len(r.flags) > 255 || len(r.service) > 255 {
				t.Errorf("got a record that is too long: %q", r)
			}
		}
	})
}
