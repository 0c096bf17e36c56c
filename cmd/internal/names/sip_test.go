package names

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
)

// records is a name server. A name that it does not know is not found; down fails for SRV and NAPTR.
type records struct {
	hosts map[string][]netip.Addr
	srv   map[string][]*net.SRV
	naptr map[string][]naptr
	down  bool
}

func notFound(name string) error {
	return &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (r *records) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if list := r.hosts[host]; list != nil {
		return slices.Clone(list), nil
	}
	return nil, notFound(host)
}

func (r *records) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if r.down {
		return "", nil, &net.DNSError{Err: "timeout", Name: name, IsTimeout: true}
	}
	if list := r.srv["_"+service+"._"+proto+"."+name]; list != nil {
		return name, list, nil
	}
	return "", nil, notFound(name)
}

func (r *records) LookupNAPTR(_ context.Context, name string) ([]naptr, error) {
	if r.down {
		return nil, &net.DNSError{Err: "timeout", Name: name, IsTimeout: true}
	}
	return r.naptr[name], nil
}

// TestSIPLookup: a provider calls from any host that its domain names.
func TestSIPLookup(t *testing.T) {
	r := &records{
		hosts: map[string][]netip.Addr{
			"example.net": addrs("192.0.2.1"), "a.example.net": addrs("192.0.2.11", "2001:db8::11"), "b.example.net": addrs("192.0.2.12"),
		},
		srv: map[string][]*net.SRV{
			"_sip._udp.example.net":   {{Target: "a.example.net."}, {Target: "gone.example.net."}},
			"_sips._tcp.example.net":  {{Target: "B.example.net."}},
			"_sip._tcp.example.net":   {{Target: "."}},
			"_sip._udp.only.srv.test": {{Target: "b.example.net."}},
			"_sip._udp.b.example.net": {{Target: "b.example.net."}},
		},
		naptr: map[string][]naptr{"example.net": {{"s", "SIP+D2U", "_sip._udp.b.example.net"}, {"", "SIP+D2T", "a.example.net"}}},
	}
	l := &sipLookup{dns: r}
	ask := func(host string) []netip.Addr {
		t.Helper()
		list, err := l.lookup(t.Context(), host)
		if err != nil {
			t.Fatal(err)
		}
		return usable(list)
	}
	all := addrs("192.0.2.1", "192.0.2.11", "192.0.2.12", "2001:db8::11")
	if got := ask("example.net"); !slices.Equal(got, all) {
		t.Errorf("got %v, want %v", got, all)
	}
	if got, want := ask("only.srv.test"), addrs("192.0.2.12"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	r.down = true
	if got := ask("example.net"); !slices.Equal(got, all) {
		t.Errorf("got %v while SRV is not answered, want %v as before", got, all)
	}
	r.down, r.srv, r.naptr = false, nil, nil
	if got, want := ask("example.net"), addrs("192.0.2.1"); !slices.Equal(got, want) {
		t.Errorf("got %v after the records are gone, want %v", got, want)
	}
	if list, err := l.lookup(t.Context(), "missing.example.net"); err == nil {
		t.Errorf("got %v of a name without any record", list)
	}
}
