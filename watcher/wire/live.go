package wire

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pbxjail/configs/hint"
)

// LiveOptions say what is captured. The functions are called from Run's goroutine,
// the first three for each packet: they must be quick, and must not call the Live.
type LiveOptions struct {
	Ports []Port   // that are guarded; SetPorts changes them
	Cards []string // names of network cards; none: all, those that come later too

	Own    func(netip.Addr) bool // whether an address is this host's
	Banned func(netip.Addr) bool // whether the packets of a source are dropped by us; nil: of none
	Known  func(netip.Addr) bool // whether an address is known: it is not left out when too much comes, and our answers to it are read later, within 250 ms; nil: none is known

	Limit int // packets in a second; of more than these a share of the strangers is left out. 0: 8,000

	Gap     func(from, to time.Time) // packets between these times were missed or left out; may be nil
	Problem func(error)              // the capture was interrupted and will be tried again; nil: it works again. May be nil
}

const defaultLimit = 8000

// LiveStats says what a Live did since it was made. All but Shut and Complete only grow.
type LiveStats struct {
	Counts             // of the packets that reached the assembler
	Received uint64    // packets that the kernel handed over
	Dropped  uint64    // for which the kernel had no room
	Sampled  uint64    // left out because too much came
	Banned   uint64    // of banned sources, dropped first thing; the kernel's filter drops the next ones
	Spoofed  uint64    // came in with an address of this host as their source: no answer of ours, whatever they say
	Shut     int       // banned sources in the kernel's filter
	Complete time.Time // since when nothing was missed or left out; zero: the capture does not run
}

// Live captures the packets of this network namespace (AF_PACKET, packet(7)). It
// needs CAP_NET_RAW. Make one with NewLive. Its methods may be called from any
// goroutine, Run only once at a time.
type Live struct {
	opts    LiveOptions
	guarded atomic.Pointer[portSet]

	mu       sync.Mutex // guards what follows
	ports    []Port
	filtered lists  // the addresses in the kernel's filters
	rings    *rings // nil: Run does not run
	stats    LiveStats
	waiting  []chan struct{} // who waits in Sync

	wake chan struct{} // ends the rest between two turns

	session // owned by Run's goroutine
}

// session is what Run knows.
type session struct {
	assembler Assembler
	admit     admit
	shut      shut
	familiar  familiar
	cards     map[int]bool // whether the card of a number is captured
	counts    LiveStats
	read      uint64    // packets received when it was decided how soon to read again
	named     time.Time // when the cards' names were asked for last
	looked    time.Time // when the kernel's counters were read last
	leftOut   time.Time // since when packets were left out that no gap was reported for
}

// NewLive makes a Live. It starts nothing.
func NewLive(opts LiveOptions) *Live {
	if opts.Limit == 0 {
		opts.Limit = defaultLimit
	}
	l := &Live{opts: opts, wake: make(chan struct{}, 1)}
	l.admit = admit{limit: opts.Limit, known: opts.Known}
	l.shut.banned = opts.Banned
	l.familiar.known = opts.Known
	l.assembler.Own = opts.Own
	l.assembler.Guarded = func(port uint16) bool { return l.guarded.Load().has(port) }
	l.usePorts(opts.Ports)
	return l
}

// portSet is a bit for each port.
type portSet [1 << 16 / 64]uint64

func (s *portSet) has(port uint16) bool { return s[port/64]&(1<<(port%64)) != 0 }

func (l *Live) usePorts(ports []Port) {
	var set portSet
	for _, p := range ports {
		set[p.Number/64] |= 1 << (p.Number % 64)
	}
	l.guarded.Store(&set)
	l.ports = slices.Clone(ports)
}

// SetPorts puts other ports in place of those that are guarded, in the kernel at once.
func (l *Live) SetPorts(ports []Port) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.usePorts(ports)
	return l.refilter(l.filtered)
}

// refilter gives the kernel new filters. mu is held.
func (l *Live) refilter(now lists) error {
	before := l.filtered
	l.filtered = now
	if l.rings == nil {
		return nil
	}
	return l.rings.refilter(l.ports, before, now)
}

// Stats returns the counters as of the last packets.
func (l *Live) Stats() LiveStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// Run captures until ctx ends, and calls deliver for each piece of conversation, from one
// goroutine. The error says why the capture cannot begin; a capture that fails later is
// started again each second, and Problem is called.
func (l *Live) Run(ctx context.Context, deliver func(*Packet)) error {
	for first, bad := true, false; ; first = false {
		err := l.open()
		switch {
		case err == nil:
			if bad {
				l.problem(nil)
			}
			err = l.capture(ctx, deliver)
			err = errors.Join(err, l.shutDown())
		case first:
			return hint.Add("run pbxjail as root. Or: systemctl edit pbxjail; write below [Service]: AmbientCapabilities=CAP_NET_RAW. Or, to work without packets, write into the main file: wire: {enabled: false}. After the change: systemctl restart pbxjail", err)
		}
		if ctx.Err() != nil {
			return nil
		}
		bad = true
		l.problem(err)
		if !pause(ctx, time.Second) {
			return nil
		}
	}
}

// open begins a session.
func (l *Live) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r, err := openRings(l.ports)
	if err != nil {
		return err
	}
	now := time.Now()
	l.rings, l.filtered, l.cards = r, lists{}, map[int]bool{}
	l.shut.list = nil
	l.familiar = familiar{known: l.opts.Known}
	l.looked, l.counts.Complete = now, now
	l.stats = l.counts
	return nil
}

// shutDown ends a session.
func (l *Live) shutDown() error {
	l.gap(l.looked, time.Now())
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.rings
	l.rings, l.filtered = nil, lists{}
	for _, w := range l.waiting {
		close(w)
	}
	l.waiting = nil
	l.counts.Complete = time.Time{}
	l.stats = l.counts
	return r.close()
}

func (l *Live) problem(err error) {
	if l.opts.Problem != nil {
		l.opts.Problem(err)
	}
}

// pause waits; false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
