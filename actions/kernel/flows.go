package kernel

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"pbxjail/configs/hint"
)

// Flows ends the connections of banned addresses. It deletes their conntrack entries,
// because a rule of another firewall that accepts ESTABLISHED would let them continue. As
// an option it also ends our own TCP sockets. In the hook raw, which is before conntrack,
// there are no conntrack entries to delete.
type Flows struct {
	handle  *netlink.Handle // nil: conntrack is left alone
	refused error           // why, where it should not be
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
	} else if Refused(err) != err { // the bans are enforced all the same
		f.handle, f.refused, err = nil, Refused(err), nil
	}
	if err != nil {
		f.Close()
		return nil, Cannot(err, "reach the list of open connections in the kernel")
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

// Degraded lists what cannot be ended, for the result of Setup. It is not tried again
// before the next Setup.
func (f *Flows) Degraded() (list []string) {
	if f.refused != nil {
		list = append(list, Note("packets of banned addresses on open connections pass if an earlier rule accepts them, because pbxjail cannot end these connections", f.refused))
	}
	if f.sockets == nil {
		return list
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sockets.unable = f.sockets.try(); f.sockets.unable == nil {
		return list
	}
	return append(list, Note("packets of banned addresses are dropped, but their open TCP connections stay until they time out, because pbxjail cannot close them", f.sockets.unable))
}

// ends reports whether there is anything to end connections in. mu is held.
func (f *Flows) ends() bool {
	return f.handle != nil || f.sockets != nil && f.sockets.unable == nil
}

// End ends the flows from and to banned addresses: now, or with the next Check if the
// tables were read a moment ago. Check reports what fails. Of a ban that does not close
// every port, only the flows of its ports end.
func (f *Flows) End(list []Ordered) {
	now := time.Now()
	f.mu.Lock()
	if f.ends() {
		for _, m := range list {
			e := ended{closed: m.Closed}
			if m.Seconds > 0 {
				e.until = now.Add(time.Duration(m.Seconds) * time.Second)
			}
			f.ended[m.Prefix] = e
		}
	}
	f.mu.Unlock()
	_ = f.Settle(now) // it is kept, and tried again by Check
}

// Forget stops ending the flows of addresses that are no longer banned.
func (f *Flows) Forget(p netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.ended, p)
}

// Settle ends the flows that wait and whose source is still banned. What fails is tried again.
func (f *Flows) Settle(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Before(f.next) {
		return nil
	}
	maps.DeleteFunc(f.ended, func(_ netip.Prefix, e ended) bool { return !e.until.IsZero() && e.until.Before(now) })
	if len(f.ended) == 0 || !f.ends() {
		return nil
	}
	all, err := f.walk()
	f.next = now.Add(flowsRest * time.Since(now))
	if err != nil {
		return hint.Add(RetryHint, fmt.Errorf("cannot end the open connections of %d banned addresses: %w", len(f.ended), err))
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

// of are the bans whose flows end.
type of map[netip.Prefix]ended

// ended says which flows of a prefix end.
type ended struct {
	until  time.Time // when its ban is over; zero: never
	closed []Port    // nil: every port
}

// has reports whether a ban holds an address, and closes one of our ports that a flow of it
// goes to. A flow has two where addresses are translated.
func (o of) has(a netip.Addr, proto uint8, ports ...uint16) bool {
	for bits := a.BitLen(); bits > 0; bits-- {
		p, _ := a.Prefix(bits)
		if e, there := o[p]; there && e.closes(proto, ports) {
			return true
		}
	}
	return false
}

func (e ended) closes(proto uint8, ports []uint16) bool {
	if e.closed == nil {
		return true
	}
	word := map[uint8]string{unix.IPPROTO_UDP: "udp", unix.IPPROTO_TCP: "tcp"}[proto]
	return slices.ContainsFunc(e.closed, func(c Port) bool {
		return c.Proto == word && slices.ContainsFunc(ports, func(p uint16) bool { return c.From <= p && p <= c.To })
	})
}

// MatchConntrackFlow implements netlink.CustomConntrackFilter. In a flow that we opened,
// our port is at the other end.
func (o of) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	from, _ := netip.AddrFromSlice(flow.Forward.SrcIP)
	to, _ := netip.AddrFromSlice(flow.Reverse.SrcIP)
	proto := flow.Forward.Protocol
	return o.has(from.Unmap(), proto, flow.Forward.DstPort, flow.Reverse.SrcPort) ||
		o.has(to.Unmap(), proto, flow.Forward.SrcPort, flow.Reverse.DstPort)
}
