package feeds

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gaissmai/bart"

	"pbxjail/configs"
	"pbxjail/configs/hint"
	"pbxjail/configs/ports"
	"pbxjail/configs/show"
)

// Replacer holds named lists of prefixes in the kernel, whose packets to some ports are
// dropped; no ranges are every port. Replace puts prefixes in place of what the list held, at once and without a
// timeout; no prefixes take the list away. The prefixes are sorted and apart.
type Replacer interface {
	Replace(list string, to []ports.Range, prefixes []netip.Prefix) error
}

// Options of Feeds. Dir alone must be given.
type Options struct {
	Dir       string            // where last good copies are kept; made when it is missing
	Enforcer  Replacer          // for feeds that ban; nil: there is none that can hold lists
	Transport http.RoundTripper // nil is one of our own
	Log       *slog.Logger      // nil is none
}

// Feeds keeps what the configured feeds say. It satisfies jails.Feeds. All methods
// may be called from any goroutine; Run once.
type Feeds struct {
	opts   Options
	client *http.Client
	wake   chan struct{} // holds one: there may be something to do

	weighing atomic.Pointer[[]weighing] // what Listed reads; replaced, never written into

	mu      sync.Mutex
	feeds   []*feed        // guarded by mu, in the order of the main file
	protect []netip.Prefix // guarded by mu; replaced, never written into
	guarded bool           // guarded by mu: Protect was called
	left    []string       // guarded by mu: lists that may be in the kernel and are not wanted

	kernel kernel
}

// weighing is a feed as Listed needs it.
type weighing struct {
	name   string
	factor int32
	table  *bart.Lite
}

// feed is what is known of one feed; mu of its Feeds guards it. Its list and table
// are replaced, never written into.
type feed struct {
	configs.Feed

	list  *List
	table *bart.Lite
	tag   tag // of list, for the next request

	fetched time.Time // when list was fetched
	checked time.Time // when its source last said that it is as fresh as can be
	next    time.Time // when it is looked at again
	busy    bool      // it is being fetched
	fails   int       // in a row
	err     error     // of the last look; nil: it was good
	excess  error     // it is not enforced, since all feeds ban too much; nil: it may be
	saveErr error     // the copy on disk is not written; nil: it is
}

// tag is how the source names the state that we have.
type tag struct {
	etag     string
	modified string
	file     fileStamp
}

// New makes Feeds that know nothing before Set, and do nothing before Run.
func New(opts Options) *Feeds {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	f := &Feeds{opts: opts, client: newClient(opts.Transport), wake: make(chan struct{}, 1), kernel: newKernel()}
	f.weighing.Store(new([]weighing))
	return f
}

// Set replaces the feeds. What is known of those whose source stays is kept; of the
// others the copy on disk is read, so that they are there before the network is.
func (f *Feeds) Set(list []configs.Feed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	old := f.feeds
	f.feeds = nil
	for _, c := range list {
		i := slices.IndexFunc(old, func(o *feed) bool { return o.Name == c.Name && sourceOf(o.Feed) == sourceOf(c) })
		if i < 0 {
			f.feeds = append(f.feeds, f.load(c))
			continue
		}
		if o := old[i]; c.Interval != o.Interval || c.MaxEntries != o.MaxEntries {
			o.tag, o.next = tag{}, time.Time{}
		}
		old[i].Feed = c
		f.feeds = append(f.feeds, old[i])
	}
	f.sweep()
	f.publish()
	f.kernel.stale = true
	f.nudge()
}

// Protect replaces the prefixes that no feed may ban. Before the first call none
// does: a feed that came before its exceptions would lock somebody out.
func (f *Feeds) Protect(prefixes []netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.guarded && slices.Equal(f.protect, prefixes) {
		return
	}
	f.protect, f.guarded = slices.Clone(prefixes), true
	f.kernel.stale = true
	f.nudge()
}

// Listed is jails.Feeds: it never waits, and takes no lock.
func (f *Feeds) Listed(a netip.Addr, yield func(feed string, factor int32) bool) {
	a = a.Unmap()
	for _, w := range *f.weighing.Load() {
		if w.table.Contains(a) && !yield(w.name, w.factor) {
			return
		}
	}
}

// publish shows Listed the present state. mu is held.
func (f *Feeds) publish() {
	var list []weighing
	for _, s := range f.feeds {
		if s.Weighs() && s.table != nil {
			list = append(list, weighing{s.Name, configs.Thousandths(s.Factor), s.table})
		}
	}
	f.weighing.Store(&list)
}

func (f *Feeds) nudge() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// reported logs an error of a feed when it is another one than before.
func (f *Feeds) reported(s *feed, before, now error) {
	switch {
	case now == nil && before != nil:
		f.opts.Log.Info("pbxjail fetched the feed again, without errors", "feed", s.Name, "source", Source(s.Feed))
	case now != nil && fmt.Sprint(before) != now.Error():
		what, copied := "pbxjail could not fetch a feed, and has no earlier copy: this feed does nothing yet; pbxjail tries again", "none"
		if s.list != nil {
			what, copied = "pbxjail could not fetch a feed: the last good copy stays in use; pbxjail tries again", show.Stamp(s.fetched)
		}
		f.opts.Log.Warn(what, "feed", s.Name, "source", Source(s.Feed), "err", now, "copy", copied, "next_try", show.Stamp(s.next), "hint", hint.Of(now))
	}
}
