package kernel

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Flows ends the connections of who is banned: as conntrack knows them, since a rule of
// another firewall that accepts ESTABLISHED would let them go on; and on option as our
// own sockets. Before conntrack, in raw, it has nothing to end.
type Flows struct {
	handle  *netlink.Handle // nil: conntrack is left alone
	sockets *sockets        // nil: sockets are left alone

	mu    sync.Mutex
	ended of        // whose flows are to end
	next  time.Time // not before
}

// flowsRest is how many times longer than the last walk through the kernel's tables
// the next one waits: in a burst one walk ends the flows of many.
const flowsRest = 4

func OpenFlows(o Options) (f *Flows, err error) {
	f = &Flows{ended: of{}}
	if o.EndTCP {
		if f.sockets, err = openSockets(); err != nil {
			return nil, err
		}
	}
	if o.Hook == "raw" {
		return f, nil
	}
	if f.handle, err = netlink.NewHandle(unix.NETLINK_NETFILTER); err == nil {
		err = f.handle.SetSocketTimeout(LockWait * time.Second)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	return f, nil
}

func (f *Flows) Close() {
	if f.handle != nil {
		f.handle.Close()
	}
	if f.sockets != nil {
		f.sockets.socket.Close()
	}
}

// Degraded says what cannot be ended, as Setup tells it. It is left alone until the next.
func (f *Flows) Degraded() []string {
	if f.sockets == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sockets.unable = f.sockets.try(); f.sockets.unable == nil {
		return nil
	}
	return []string{"TCP connections of the banned stay open until they time out: " + f.sockets.unable.Error()}
}

// ends reports whether there is anything to end connections in. mu is held.
func (f *Flows) ends() bool {
	return f.handle != nil || f.sockets != nil && f.sockets.unable == nil
}

// End ends the flows from and to those who are banned: now, or where the tables were
// just walked through, with the next Check. What fails is told there.
func (f *Flows) End(lists ...[]Member) {
	now := time.Now()
	f.mu.Lock()
	if f.ends() {
		for _, list := range lists {
			for _, m := range list {
				f.ended[m.Prefix] = time.Time{}
				if m.Seconds > 0 {
					f.ended[m.Prefix] = now.Add(time.Duration(m.Seconds) * time.Second)
				}
			}
		}
	}
	f.mu.Unlock()
	_ = f.Settle(now) // it is kept, and tried again by Check
}

// Forget lets the flows of who is let through again be.
func (f *Flows) Forget(p netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ended, p)
}

// Settle ends what waits and is still banned. What fails is tried again.
func (f *Flows) Settle(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Before(f.next) {
		return nil
	}
	maps.DeleteFunc(f.ended, func(_ netip.Prefix, until time.Time) bool { return !until.IsZero() && until.Before(now) })
	if len(f.ended) == 0 || !f.ends() {
		return nil
	}
	all, err := f.walk()
	f.next = now.Add(flowsRest * time.Since(now))
	if err != nil {
		return fmt.Errorf("end the flows of %d banned: %w", len(f.ended), err)
	}
	if all {
		clear(f.ended)
	}
	return nil
}

// walk goes through the tables once, and reports whether that was enough. Sockets come
// first: of a connection that conntrack does not know, many firewalls stop the reset.
func (f *Flows) walk() (all bool, err error) {
	all = true
	var errs []error
	if f.sockets != nil && f.sockets.unable == nil {
		all, err = f.sockets.end(f.ended)
		errs = append(errs, err)
	}
	if f.handle == nil {
		return all, errors.Join(errs...)
	}
	for _, family := range []netlink.InetFamily{unix.AF_INET, unix.AF_INET6} {
		_, err := f.handle.ConntrackDeleteFilters(netlink.ConntrackTable, family, f.ended)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) { // a kernel without conntrack
			err = nil
		}
		errs = append(errs, err)
	}
	return all, errors.Join(errs...)
}

// of are the flows of some prefixes, and when their bans are over; zero: never.
type of map[netip.Prefix]time.Time

// has reports whether one of the prefixes holds an address.
func (o of) has(a netip.Addr) bool {
	for bits := a.BitLen(); bits > 0; bits-- {
		p, _ := a.Prefix(bits)
		if _, there := o[p]; there {
			return true
		}
	}
	return false
}

// MatchConntrackFlow implements netlink.CustomConntrackFilter.
func (o of) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	for _, ip := range [][]byte{flow.Forward.SrcIP, flow.Reverse.SrcIP} {
		if a, _ := netip.AddrFromSlice(ip); o.has(a.Unmap()) {
			return true
		}
	}
	return false
}
