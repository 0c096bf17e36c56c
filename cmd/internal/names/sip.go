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

// dns is what is asked of a resolver. *net.Resolver is one.
type dns interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, addrs []*net.SRV, err error)
}

// sipServices are where a provider may name other hosts for its domain: RFC 3263 4.1.
// NAPTR records are not asked for: where a domain has them they point to these.
var sipServices = [...][2]string{{"sip", "udp"}, {"sip", "tcp"}, {"sips", "tcp"}}

// maxTargets is how many hosts of one service are looked up.
const maxTargets = 8

// serviceTimeout is how long the records of services hold up those of the name itself.
const serviceTimeout = 3 * time.Second

// sipLookup finds the addresses of a name, and of the hosts that its SRV records name: a
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
	var found [len(sipServices)][]netip.Addr
	for i, s := range sipServices {
		others.Go(func() { found[i] = l.service(short, s, host) })
	}
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
func (l *sipLookup) service(ctx context.Context, s [2]string, host string) (list []netip.Addr) {
	key := s[0] + "." + s[1] + "." + host
	_, targets, err := l.dns.LookupSRV(ctx, s[0], s[1], host)
	failed := err != nil && !missing(err)
	for _, t := range targets[:min(len(targets), maxTargets)] {
		name := canonical(t.Target)
		if name == "" || !strings.Contains(name, ".") { // "." says that there is no such service
			continue
		}
		addrs, err := l.dns.LookupNetIP(ctx, "ip", name)
		failed = failed || err != nil && !missing(err)
		list = append(list, addrs...)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if failed {
		return append(list, l.known[key]...)
	}
	if len(list) == 0 {
		delete(l.known, key)
		return nil
	}
	if l.known == nil || len(l.known) >= maxNames*len(sipServices) {
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
