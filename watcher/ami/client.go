package ami

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"pbxjail/configs/hint"
)

// Options of a Client.
type Options struct {
	Address string                 // host and port
	User    string                 // of manager.conf
	Secret  func() (string, error) // is asked at each log-in. Its errors must not have the secret
	Plain   bool                   // send the secret itself; false: answer a challenge (MD5), so that the secret is not sent
	Mask    string                 // the classes of events that are asked for: "security,call"
	// Look says that Asterisk may be asked for our user in manager.conf, to find an eventfilter
	// there. The answer has the secret: say so only where no one else reads the connection.
	Look bool

	// Event is called with each event, from the goroutine of Run. It must not wait for an
	// action. The packet is valid until it returns. guarded says that Asterisk has checked the
	// event with our filter: it is one event, and no caller wrote the whole of it. May be nil.
	Event func(packet []byte, guarded bool)
	// Connected is called after each log-in, from a goroutine that must not be kept. May be nil.
	Connected func()
	// Notify is called with each new problem, and with nil when there is none any more. The
	// problem has a hint. May be nil.
	Notify func(problem error)

	// Dial connects, such as with TLS. Nil: over TCP. Its error may have a hint.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Client speaks with one Asterisk. All methods may be called from any goroutine; Run only
// once.
type Client struct {
	opts    Options
	prefix  string // of our action numbers: random, so that no text of others has it
	actions atomic.Uint64
	events  atomic.Uint64
	passed  atomic.Uint64
	writing sync.Mutex // orders what is written

	mu      sync.Mutex // guards all below
	conn    net.Conn   // nil: there is none
	waiting map[string]*waiter
	version string
	since   time.Time // when the last log-in succeeded
	guarded bool
	filters bool // manager.conf has an eventfilter that lets events pass
	logins  uint64
	problem error
}

// New makes a Client. Nothing runs before Run.
func New(opts Options) *Client {
	if opts.Event == nil {
		opts.Event = func([]byte, bool) {}
	}
	if opts.Connected == nil {
		opts.Connected = func() {}
	}
	if opts.Notify == nil {
		opts.Notify = func(error) {}
	}
	if opts.Dial == nil {
		opts.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}
	}
	return &Client{opts: opts, prefix: "pbxjail-" + rand.Text() + "-", waiting: map[string]*waiter{}}
}

// State is how a Client is.
type State struct {
	Since   time.Time // when the connection that works now began; zero: there is none
	Version string    // of the protocol, as Asterisk says
	Guarded bool      // Asterisk leaves out events that a caller may have forged. It does not check lists: Options.Event has the word for one event
	Filters bool      // an eventfilter in manager.conf lets events pass that our filter leaves out; so Guarded is false
	Logins  uint64
	Events  uint64 // that arrived
	Passed  uint64 // packets that were too long
	Problem error  // why there is no connection, with a hint; nil: there is one, or the first try goes on
}

// State is how it is now.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return State{Since: c.since, Version: c.version, Guarded: c.guarded, Filters: c.filters, Logins: c.logins, Events: c.events.Load(), Passed: c.passed.Load(), Problem: c.problem}
}

const (
	firstWait = time.Second
	mostWait  = time.Minute
	// steady is how long a connection must hold, so that the next one is tried soon.
	steady = time.Minute
	// pingEvery is how often we ask Asterisk if it still answers.
	pingEvery = 30 * time.Second
)

// Run keeps a connection until ctx ends. A connection that fails is tried again, after one
// second, then after twice as long each time, up to one minute.
func (c *Client) Run(ctx context.Context) error {
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		began := time.Now()
		err := c.session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		c.note(err)
		if time.Since(began) >= steady {
			wait = firstWait
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// note notes a problem; nil: there is none any more.
func (c *Client) note(err error) {
	c.mu.Lock()
	before := c.problem
	c.problem = err
	if err != nil {
		c.since = time.Time{}
	}
	c.mu.Unlock()
	if err == nil && before != nil || err != nil && (before == nil || before.Error() != err.Error()) {
		c.opts.Notify(err)
	}
}

// session is one connection, from its beginning to its end.
func (c *Client) session(ctx context.Context) error {
	conn, in, err := c.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	ended := make(chan error, 1)
	go func() {
		err := c.converse(ctx)
		if err != nil {
			conn.Close()
		}
		ended <- err
	}()
	err = c.read(conn, in)
	c.hangUp(conn)
	cancel()
	if said := <-ended; said != nil && !errors.Is(said, errLost) && !errors.Is(said, context.Canceled) {
		return said
	}
	return hint.Errorf("look at the log of Asterisk, and if Asterisk runs: systemctl status asterisk", "the connection to the manager interface of Asterisk ended: %w", err)
}

// hangUp ends a connection, and with it all that waits for answers.
func (c *Client) hangUp(conn net.Conn) {
	conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn, c.since = nil, time.Time{}
	for id, w := range c.waiting {
		delete(c.waiting, id)
		w.err = errLost
		close(w.done)
	}
}

// converse logs in, and asks from time to time whether Asterisk is there. What it returns
// ends the connection.
func (c *Client) converse(ctx context.Context) error {
	if err := c.login(ctx); err != nil {
		return err
	}
	if err := c.begin(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	c.since = time.Now()
	c.logins++
	c.mu.Unlock()
	c.note(nil)
	c.opts.Connected()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pingEvery):
		}
		if _, err := c.ask(ctx, "Ping"); err != nil && ctx.Err() == nil {
			return hint.Errorf("if Asterisk hangs, restart it: systemctl restart asterisk", "the manager interface of Asterisk does not answer: %w", err)
		}
	}
}

// read hands out packets until the connection ends.
func (c *Client) read(conn net.Conn, in *reader) error {
	conn.SetReadDeadline(time.Time{})
	listing := false // Asterisk writes a list, which our filter does not check
	for {
		packet, err := in.next()
		c.passed.Add(in.passed)
		in.passed = 0
		if err != nil {
			return err
		}
		if id := c.ours(packet); id != "" {
			listing = isList(id) && !ends(packet)
			c.answer(id, packet)
			continue
		}
		if field(packet, "Event") == nil {
			continue
		}
		c.events.Add(1)
		c.opts.Event(packet, !listing && c.State().Guarded)
	}
}

// register notes that an action waits for its answer.
func (c *Client) register(id string, w *waiter) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.conn == nil:
		return nil, ErrDown
	case len(c.waiting) >= maxWaiting:
		return nil, errBusy
	}
	c.waiting[id] = w
	return c.conn, nil
}

func (c *Client) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.waiting, id)
}
