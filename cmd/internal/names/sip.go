package names

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// dns is what is asked of a resolver.
type dns interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, addrs []*net.SRV, err error)
	LookupNAPTR(ctx context.Context, name string) ([]naptr, error)
}

// SIP is a lookup for New: it finds the addresses of a name, and of the hosts that its SRV
// and NAPTR records name. servers are the name servers of this machine, which are asked for
// NAPTR; nil asks none.
func SIP(servers func() []netip.AddrPort) func(ctx context.Context, host string) ([]netip.Addr, error) {
	return (&sipLookup{dns: system{net.DefaultResolver, servers}}).lookup
}

// sipServices are where a provider may name other hosts for its domain, when no NAPTR
// record says where: RFC 3263 4.1.
var sipServices = [...][2]string{{"sip", "udp"}, {"sip", "tcp"}, {"sips", "tcp"}}

// maxTargets is how many hosts of one service are looked up.
const maxTargets = 8

// serviceTimeout is how long the records of services hold up those of the name itself.
const serviceTimeout = 3 * time.Second

// sipLookup finds the addresses of a name, and of the hosts that its records name: a
// provider calls from any of them. It remembers the latter, so that a name server which does
// not answer for them takes none away.
type sipLookup struct {
	dns dns

	mu    sync.Mutex
	known map[string][]netip.Addr // by service and name; guarded by mu
}

// lookup asks all at once. It fails where the name itself has no address, and no service
// has one either.
func (l *sipLookup) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	short, cancel := context.WithTimeout(ctx, serviceTimeout)
	defer cancel()
	var others sync.WaitGroup
	var found [len(sipServices) + 1][]netip.Addr
	for i, s := range sipServices {
		others.Go(func() { found[i] = l.service(short, s, host) })
	}
	others.Go(func() { found[len(sipServices)] = l.pointed(short, host) })
	list, err := l.dns.LookupNetIP(ctx, "ip", host)
	others.Wait()
	for _, more := range found {
		list = append(list, more...)
	}
	if len(list) > 0 {
		return list, nil
	}
	return nil, err
}

// service finds the addresses of the hosts of one service of a name.
func (l *sipLookup) service(ctx context.Context, s [2]string, host string) []netip.Addr {
	list, failed := l.targets(ctx, s[0], s[1], host, maxTargets)
	return l.remember(s[0]+"."+s[1]+"."+host, list, failed)
}

// targets finds the addresses of at most so many hosts that an SRV record names. failed: a
// name server did not answer, so there may be more.
func (l *sipLookup) targets(ctx context.Context, service, proto, name string, most int) (list []netip.Addr, failed bool) {
	_, targets, err := l.dns.LookupSRV(ctx, service, proto, name)
	failed = err != nil && !missing(err)
	for _, t := range targets[:min(len(targets), most)] {
		addrs, bad := l.host(ctx, t.Target)
		list, failed = append(list, addrs...), failed || bad
	}
	return list, failed
}

// host finds the addresses of a host that a record names. "." says that there is none.
func (l *sipLookup) host(ctx context.Context, name string) (list []netip.Addr, failed bool) {
	if name = canonical(name); !strings.Contains(name, ".") {
		return nil, false
	}
	list, err := l.dns.LookupNetIP(ctx, "ip", name)
	return list, err != nil && !missing(err)
}

// pointed finds the addresses of the hosts that the NAPTR records of a name lead to. Flag s
// leads to an SRV record, a to a host; others are not for SIP: RFC 3263 4.1.
func (l *sipLookup) pointed(ctx context.Context, host string) []netip.Addr {
	records, err := l.dns.LookupNAPTR(ctx, host)
	failed := err != nil
	var list []netip.Addr
	seen := map[string]bool{}
	for _, r := range records[:min(len(records), maxRecords)] {
		service, name := strings.ToUpper(r.service), canonical(r.replacement)
		sip := strings.HasPrefix(service, "SIP+D2") || strings.HasPrefix(service, "SIPS+D2")
		if !sip || name == "" || seen[name] {
			continue
		}
		seen[name] = true
		var addrs []netip.Addr
		bad := false
		switch strings.ToLower(r.flags) {
		case "s":
			addrs, bad = l.targets(ctx, "", "", name, maxTargets)
		case "a":
			addrs, bad = l.host(ctx, name)
		}
		list, failed = append(list, addrs...), failed || bad
	}
	return l.remember("naptr."+host, list, failed)
}

// remember keeps what was found for the time when a name server does not answer, and then
// adds it.
func (l *sipLookup) remember(key string, list []netip.Addr, failed bool) []netip.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	if failed {
		return append(list, l.known[key]...)
	}
	if len(list) == 0 {
		delete(l.known, key)
		return nil
	}
	if l.known == nil || len(l.known) >= maxNames*(len(sipServices)+1) {
		l.known = map[string][]netip.Addr{}
	}
	l.known[key] = list
	return list
}

// missing reports whether a name server knows that there is no such record.
func missing(err error) bool {
	d, ok := errors.AsType[*net.DNSError](err)
	return ok && d.IsNotFound
}
