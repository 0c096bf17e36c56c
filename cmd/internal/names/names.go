// Package names keeps the addresses of host names fresh: of those in ignoreip, and
// of the trunks that Asterisk's configuration names. The daemon uses it; jailctl tunnel uses Host
// alone.
//
// Code that judges lines must never wait for it: Addrs answers from memory. It must never
// get a name from a log, because the writer of the line would then choose which address is
// protected. And it must never forget a good answer because a later lookup failed: a trunk
// stays protected while the DNS is down.
package names

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"pbxjail/configs/prefix"
)

const (
	maxNames = 1000
	maxAddrs = 32 // of one name, the lowest first
	atOnce   = 8  // lookups

	fresh    = 5 * time.Minute // between good answers of a name
	timeout  = 5 * time.Second // of one lookup
	retry    = 5 * time.Second // after the first failure, then twice as long each time, up to fresh
	spread   = 10              // each wait is up to a tenth longer, so that names are not all looked up at the same time
	maxBytes = 253             // of a name
)

// What Addrs says of a name that was never looked up.
var (
	ErrUnknown = errors.New("this host name is not in the configuration")
	ErrPending = errors.New("this host name has not been looked up yet")
)

var errNoAddress = errors.New("DNS has no address for this host name")

// Resolver keeps the addresses of host names fresh. Nothing on the hot path ever
// waits for it. All methods may be called from any goroutine; Run once.
type Resolver struct {
	lookup  func(ctx context.Context, host string) ([]netip.Addr, error)
	changed func()
	wake    chan struct{} // holds one: there may be something to do

	mu    sync.Mutex
	names map[string]*entry // guarded by mu
}

// entry is what is known of a name. Addrs is replaced, never written into.
type entry struct {
	addrs []netip.Addr // the last good answer, sorted
	good  time.Time    // when that came; zero: never
	err   error        // of the last lookup; nil: it was good
	next  time.Time    // when it is looked up again
	fails int          // lookups in a row
	busy  bool         // a lookup is under way
}

// New makes a Resolver that does nothing before Run. lookup must end when its
// context does; nil is SIP(nil). changed, unless nil, is called from Run each time the
// addresses of a name are others than before.
func New(lookup func(ctx context.Context, host string) ([]netip.Addr, error), changed func()) *Resolver {
	if lookup == nil {
		lookup = SIP(nil)
	}
	if changed == nil {
		changed = func() {}
	}
	return &Resolver{lookup: lookup, changed: changed, wake: make(chan struct{}, 1), names: map[string]*entry{}}
}

// Set replaces the names that are followed, and keeps what is known of those that
// stay. Of more than 1000 it follows the first; the others are unknown to Addrs.
func (r *Resolver) Set(hosts []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.names
	r.names = make(map[string]*entry)
	for _, host := range hosts {
		host = canonical(host)
		switch {
		case host == "" || len(host) > maxBytes || r.names[host] != nil:
		case len(r.names) == maxNames:
		case old[host] != nil:
			r.names[host] = old[host]
		default:
			r.names[host] = &entry{err: ErrPending}
		}
	}
	r.nudge()
}

// Addrs is the last good answer for a name and its age. When the last lookup failed, err
// says why, and the answer before it is returned; without one, addrs is empty and age is 0.
func (r *Resolver) Addrs(host string) (addrs []netip.Addr, age time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.names[canonical(host)]
	if e == nil {
		return nil, 0, fmt.Errorf("%q: %w", host, ErrUnknown)
	}
	if !e.good.IsZero() {
		age = time.Since(e.good)
	}
	return slices.Clone(e.addrs), age, e.err
}

// Pending are the names that were never looked up, in order.
func (r *Resolver) Pending() []string {
	return r.those(func(e *entry) bool { return errors.Is(e.err, ErrPending) })
}

// Unanswered are the names of which no address is known, in order.
func (r *Resolver) Unanswered() []string {
	return r.those(func(e *entry) bool { return len(e.addrs) == 0 })
}

func (r *Resolver) those(fit func(*entry) bool) (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, e := range r.names {
		if fit(e) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// answer is what a lookup brought.
type answer struct {
	host  string
	entry *entry // of the Set that asked
	addrs []netip.Addr
	err   error
}

// Run looks names up until ctx ends, and returns nil when no lookup is left.
func (r *Resolver) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	answers := make(chan answer, atOnce) // room for all that are under way: none waits for Run
	timer := time.NewTimer(0)
	defer timer.Stop()
	for under := 0; ; {
		for under < atOnce {
			host, e := r.due()
			if e == nil {
				break
			}
			under++
			wg.Go(func() { answers <- r.ask(ctx, host, e) })
		}
		wait := fresh // when all are taken, an answer comes first
		if under < atOnce {
			wait = r.pause()
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case a := <-answers:
			under--
			if r.keep(a) {
				r.changed()
			}
		case <-r.wake:
		case <-timer.C:
		}
	}
}

// due takes the name that has waited longest, if its time has come.
func (r *Resolver) due() (host string, found *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, e := range r.names {
		if !e.busy && !e.next.After(time.Now()) && (found == nil || e.next.Before(found.next)) {
			host, found = name, e
		}
	}
	if found != nil {
		found.busy = true
	}
	return host, found
}

// pause is how long no name is due.
func (r *Resolver) pause() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	wait := fresh
	for _, e := range r.names {
		if !e.busy {
			wait = min(wait, time.Until(e.next))
		}
	}
	return wait
}

func (r *Resolver) ask(ctx context.Context, host string, e *entry) answer {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	addrs, err := r.lookup(ctx, host)
	if addrs = usable(addrs); err == nil && len(addrs) == 0 {
		err = errNoAddress
	}
	if err != nil {
		err = fmt.Errorf("cannot look up %q: %w", host, err)
	}
	return answer{host, e, addrs, err}
}

// keep notes an answer, and says whether the addresses are others than before.
// It ignores names that a Set has dropped meanwhile.
func (r *Resolver) keep(a answer) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, now := a.entry, time.Now()
	e.busy, e.err = false, a.err
	if a.err != nil {
		wait := min(retry<<min(e.fails, 10), fresh)
		e.fails, e.next = e.fails+1, now.Add(jittered(wait))
		return false
	}
	other := !slices.Equal(e.addrs, a.addrs)
	e.addrs, e.good, e.fails, e.next = a.addrs, now, 0, now.Add(jittered(fresh))
	return other && r.names[a.host] == e
}

func (r *Resolver) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func jittered(d time.Duration) time.Duration { return d + rand.N(d/spread) }

// usable are the addresses a host can have, sorted, each once, not more than 32. A
// name server that blocks answers with 0.0.0.0 or 127.0.0.1: that is no answer.
func usable(addrs []netip.Addr) (list []netip.Addr) {
	for _, a := range addrs {
		a = prefix.Addr(a)
		if a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	list = slices.Compact(list)
	return slices.Clip(list[:min(len(list), maxAddrs)])
}

func canonical(host string) string {
	return strings.TrimSuffix(strings.ToLower(host), ".")
}
