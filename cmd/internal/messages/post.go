package messages

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/hint"
)

// Options of a Post.
type Options struct {
	File string       // keeps what waits over a restart; "": nothing does
	Log  *slog.Logger // says which channels fail; nil is none
}

// Post has all channels. All methods may be called from any goroutine; Run once.
type Post struct {
	opts    Options
	senders func(configs.Channel) sender // tests replace it
	changed chan struct{}                // Run has to look at the channels
	keep    chan struct{}                // the file is not as it should be

	mu       sync.Mutex // guards all below; before the mu of a channel
	host     string
	many     int
	channels []*channel
	flood    flood
	before   map[string]kept // what a run before could not send, by channel
	saving   sync.Mutex      // orders writes of the file; taken before mu
}

// New reads what a run before could not send. It starts nothing.
func New(opts Options) *Post {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	p := &Post{opts: opts, senders: senderOf, changed: make(chan struct{}, 1), keep: make(chan struct{}, 1)}
	before, err := readKept(opts.File)
	if err != nil {
		opts.Log.Warn("messages that were not sent before the restart are lost", "file", opts.File, "err", err, "hint", hint.Of(err))
	}
	p.before = before
	return p
}

// Set gives the settings of the main file. Channels that keep their name keep what waits.
func (p *Post) Set(n configs.Notify) {
	host, _ := os.Hostname()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.host, p.many = cmp.Or(n.Host, host, "this machine"), n.ManyBans
	old := p.channels
	p.channels = nil
	for _, cfg := range n.Channels {
		if !cfg.Enabled {
			continue
		}
		i := slices.IndexFunc(old, func(c *channel) bool { return c.name() == cfg.Name })
		var c *channel
		if i >= 0 {
			c = old[i]
			old = slices.Delete(slices.Clone(old), i, i+1)
		} else {
			c = newChannel(p.opts.Log, p.failed)
		}
		c.set(cfg, p.host, p.senders(cfg))
		if k, ok := p.before[cfg.Name]; ok {
			c.back(k)
			delete(p.before, cfg.Name)
		}
		p.channels = append(p.channels, c)
	}
	for name := range p.before {
		if !slices.ContainsFunc(n.Channels, func(c configs.Channel) bool { return c.Name == name }) {
			delete(p.before, name)
		}
	}
	for _, c := range old {
		if n := c.state().Waiting; n > 0 {
			p.opts.Log.Warn("a channel was removed from the main file: the messages that waited for it are dropped", "channel", c.name(), "events", n)
		}
	}
	signal(p.changed)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (c *channel) name() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg.Name
}

// failed is called after each attempt to send.
func (p *Post) failed() { signal(p.keep) }

// Hear hands an event to all channels that want it. It never waits for one.
func (p *Post) Hear(e Event) {
	now := time.Now()
	if e.At.IsZero() {
		e.At = now
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.channels) == 0 {
		return
	}
	begins := 0
	if e.Kind == Ban {
		n, yes := p.flood.ban(now, max(p.many, 2))
		if yes {
			begins = n - 1 // the ban at hand is one of the flood
		}
		e.flood = p.flood.holds
	}
	for _, c := range p.channels {
		if begins > 0 {
			c.hear(Event{Kind: ManyBans, At: e.At, before: begins}, now)
		}
		c.hear(e, now)
	}
}

// Lost notes decisions that had no room on the way here.
func (p *Post) Lost(n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.channels {
		c.lost(n, time.Now())
	}
}

// Run sends until ctx ends. It ends soon after, also while a receiver hangs.
func (p *Post) Run(ctx context.Context) error {
	var all sync.WaitGroup
	all.Go(func() { p.keepFile(ctx) })
	runs := map[*channel]context.CancelFunc{}
	for {
		p.mu.Lock()
		list := slices.Clone(p.channels)
		p.mu.Unlock()
		for c, stop := range runs {
			if !slices.Contains(list, c) {
				stop()
				delete(runs, c)
			}
		}
		for _, c := range list {
			if runs[c] == nil {
				one, stop := context.WithCancel(ctx)
				runs[c] = stop
				all.Go(func() { c.run(one) })
			}
		}
		select {
		case <-p.changed:
		case <-ctx.Done():
			for _, stop := range runs {
				stop()
			}
			all.Wait()
			return nil
		}
	}
}

// State is one channel, for status.
type State struct {
	Name, Type, Target string
	Kinds              []string // none: all
	Least              string
	Waiting            int // events that are not sent yet
	Bytes              int // that they take, about
	Sent               uint64
	Dropped            uint64    // events whose text had no room
	Last               time.Time // when a message was sent; zero: never
	Err                error     // of the last attempt; nil: it was good
	Fails              int       // attempts in a row
	Since              time.Time // of the first of these
	Next               time.Time // the next attempt or message; zero: nothing waits
}

func (c *channel) state() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := State{
		Name: c.cfg.Name, Type: c.cfg.Type, Target: c.cfg.Target(), Kinds: c.cfg.Kinds, Least: c.cfg.Least,
		Waiting: c.urgent.waiting() + c.digest.waiting(), Bytes: c.urgent.Bytes + c.digest.Bytes,
		Sent: c.sent, Dropped: c.dropped, Last: c.last, Err: c.err, Fails: c.fails, Since: c.since,
	}
	if c.flying != nil {
		s.Waiting += c.flying.waiting()
		s.Bytes += c.flying.Bytes
	}
	switch {
	case !c.urgent.empty():
		s.Next = later(c.urgent.First.Add(settleTime), c.next)
	case !c.digest.empty():
		s.Next = later(c.digest.First.Add(c.cfg.Digest), c.next)
	}
	return s
}

// Status returns all channels in the order of the main file.
func (p *Post) Status() (list []State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.channels {
		list = append(list, c.state())
	}
	return list
}

// Result is how a test of a channel ended.
type Result struct {
	Name, Type, Target string
	Took               time.Duration
	Err                error // nil: the receiver took the message
}

// Test sends a message to the channel of this name now, or to all with "". It waits for
// them, no longer than ctx lasts. No result: there is no such channel.
func (p *Post) Test(ctx context.Context, name, by string) []Result {
	p.mu.Lock()
	var list []*channel
	for _, c := range p.channels {
		if name == "" || c.name() == name {
			list = append(list, c)
		}
	}
	host := p.host
	p.mu.Unlock()
	results := make([]Result, len(list))
	var all sync.WaitGroup
	for i, c := range list {
		all.Go(func() {
			s := c.state()
			begin := time.Now()
			var l lane
			l.keep(Item{Kind: Test, At: begin.UTC(), Times: 1, What: "This is a test of the channel " + s.Name + ", asked for by " + by + ". Nothing is wrong."})
			m := l.message(host, begin, false)
			err := c.attempt(ctx, &m)
			results[i] = Result{s.Name, s.Type, s.Target, time.Since(begin), err}
			c.tested(err)
		})
	}
	all.Wait()
	return results
}

// tested tries at once what waits, if a test was good.
func (c *channel) tested(err error) {
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = time.Time{}
	c.nudge()
}
