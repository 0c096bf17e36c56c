package actions

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// flows ends the connections of who is banned, as conntrack knows them: a rule of
// another firewall that accepts ESTABLISHED would let them go on. Before conntrack,
// in raw, there is nothing to end.
type flows struct {
	handle *netlink.Handle // nil: nothing to do

	mu    sync.Mutex
	ended map[netip.Prefix]bool // whose flows are to end
	next  time.Time             // not before
}

// flowsRest is how many times longer than the last walk through conntrack's table
// the next one waits: in a burst one walk ends the flows of many.
const flowsRest = 4

func openFlows(hook string) (*flows, error) {
	f := &flows{ended: map[netip.Prefix]bool{}}
	if hook == "raw" {
		return f, nil
	}
	h, err := netlink.NewHandle(unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	f.handle = h
	return f, h.SetSocketTimeout(lockWait * time.Second)
}

func (f *flows) close() {
	if f.handle != nil {
		f.handle.Close()
	}
}

// end ends the flows from and to these prefixes: now, or where the table was just
// walked through, with the next Check. What fails is told there.
func (f *flows) end(prefixes ...netip.Prefix) {
	if f.handle == nil {
		return
	}
	f.mu.Lock()
	for _, p := range prefixes {
		f.ended[p] = true
	}
	f.mu.Unlock()
	_ = f.settle(time.Now()) // it is kept, and tried again by Check
}

// settle ends what waits. What fails is tried again.
func (f *flows) settle(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.handle == nil || len(f.ended) == 0 || now.Before(f.next) {
		return nil
	}
	var errs []error
	for _, family := range []netlink.InetFamily{unix.AF_INET, unix.AF_INET6} {
		_, err := f.handle.ConntrackDeleteFilters(netlink.ConntrackTable, family, of(f.ended))
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) { // a kernel without conntrack
			err = nil
		}
		errs = append(errs, err)
	}
	f.next = now.Add(flowsRest * time.Since(now))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("end the flows of %d banned: %w", len(f.ended), err)
	}
	clear(f.ended)
	return nil
}

// of are the flows of some prefixes.
type of map[netip.Prefix]bool

// MatchConntrackFlow implements netlink.CustomConntrackFilter.
func (o of) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	for _, ip := range [][]byte{flow.Forward.SrcIP, flow.Reverse.SrcIP} {
		a, _ := netip.AddrFromSlice(ip)
		a = a.Unmap()
		for bits := a.BitLen(); bits > 0; bits-- {
			if p, _ := a.Prefix(bits); o[p] {
				return true
			}
		}
	}
	return false
}
