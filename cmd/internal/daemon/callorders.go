package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"pbxjail/configs/hint"
	"pbxjail/configs/show"
	"pbxjail/watcher/ami"
)

// callOrders asks Asterisk to hang up channels and to bar accounts. An order that fails is tried
// again, until Asterisk has done it or callWatch does not want it any more. It is apart from
// callWatch, because it waits for Asterisk. Its methods may be called from any goroutine; Run
// only once.
type callOrders struct {
	log    *slog.Logger
	wake   soon
	wants  func(o order) bool                                 // is it still wanted? set before Run
	barred func(account string, now time.Time)                // notes that Asterisk refuses the calls of an account; set before Run
	kept   func(channels []string, asked time.Time) (ok bool) // takes the channels that there are; set before Run

	asking sync.Mutex // one account is barred or unbarred at a time, so that no bar lands after an unbar; taken first

	mu      sync.Mutex
	manager asteriskManager    // nil: Asterisk cannot be asked for anything; guarded by mu
	list    map[order]*attempt // guarded by mu
	unsure  map[string]bool    // accounts that Asterisk may have barred, though it did not say so; guarded by mu
	problem bool               // an order has failed and is not done yet; guarded by mu
	known   time.Time          // the connection to AMI whose channels are known; guarded by mu
	askAt   time.Time          // when they are asked for again; guarded by mu
	since   time.Time          // the connection of the last attempts; guarded by mu
}

// order is what Asterisk is asked to do.
type order struct {
	account string
	channel string // to be hung up; "": the account is to be barred
}

// attempt is how an order fares.
type attempt struct {
	next time.Time
	wait time.Duration
	err  error // of the last attempt; nil: there was none
}

// asteriskManager does things in Asterisk: the client of AMI.
type asteriskManager interface {
	// Since is when the connection that works now, and whose events of calls no caller can forge,
	// began; zero: there is none.
	Since() time.Time
	// Channels are the channels that there are.
	Channels(ctx context.Context) ([]string, error)
	// Hangup ends a channel. That it has ended already is no error.
	Hangup(ctx context.Context, channel string) error
	// DBPut writes a key into Asterisk's database, DBDel removes it.
	DBPut(ctx context.Context, family, key, value string) error
	DBDel(ctx context.Context, family, key string) error
}

const (
	// askTime is how long Asterisk may take for one request.
	askTime = 3 * time.Second
	// An order that failed is tried again after orderWait, and after up to mostOrderWait.
	orderWait     = time.Second
	mostOrderWait = 30 * time.Second
	// maxOrders bounds the orders. Accounts are ordered to be barred again when there is room.
	maxOrders = 5000
	// barFamily is the family of keys in Asterisk's database; a key is the name of an account.
	barFamily = "pbxjail-barred"
)

func newCallOrders(log *slog.Logger) *callOrders {
	return &callOrders{log: log, wake: newSoon(), list: map[order]*attempt{}, unsure: map[string]bool{}}
}

// setManager takes over who does things in Asterisk, before Run.
func (o *callOrders) setManager(m asteriskManager) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.manager = m
	o.wake.give()
}

// live reports whether AMI says which calls begin and end, and no caller can forge that.
func (o *callOrders) live() bool { return o.connected() != nil }

// connected is who does things in Asterisk; nil: no one can now.
func (o *callOrders) connected() asteriskManager {
	o.mu.Lock()
	m := o.manager
	o.mu.Unlock()
	if m == nil || m.Since().IsZero() {
		return nil
	}
	return m
}

// add adds orders. One that is there stays as it is.
func (o *callOrders) add(list ...order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, one := range list {
		if o.list[one] == nil && len(o.list) < maxOrders {
			o.list[one] = &attempt{wait: orderWait}
			o.wake.give()
		}
	}
}

// Run does what is ordered until ctx ends.
func (o *callOrders) Run(ctx context.Context) error {
	tick := time.NewTicker(orderWait)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.wake.sign:
		case <-tick.C:
		}
		o.askChannels(ctx, time.Now())
		o.do(ctx, time.Now())
	}
}

// do tries the orders that are due. When Asterisk does not answer, the others wait for the next
// time.
func (o *callOrders) do(ctx context.Context, now time.Time) {
	m := o.connected()
	if m == nil {
		return
	}
	for _, one := range o.due(m.Since(), now) {
		var err error
		if one.channel != "" {
			err = o.hangUp(ctx, m, one)
		} else {
			err = o.bar(ctx, m, one)
		}
		if ctx.Err() != nil {
			return
		}
		o.note(one, err, time.Now())
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ami.ErrDown) {
			return
		}
	}
}

// due are the orders that are due, hangups first: each of their seconds costs money. All are
// when a new connection began.
func (o *callOrders) due(since, now time.Time) (list []order) {
	o.mu.Lock()
	defer o.mu.Unlock()
	fresh := !since.Equal(o.since)
	o.since = since
	for _, hangups := range []bool{true, false} {
		for one, a := range o.list {
			if hangups == (one.channel != "") && (fresh || !now.Before(a.next)) {
				list = append(list, one)
			}
		}
	}
	return list
}

// note notes how an attempt ended.
func (o *callOrders) note(one order, err error, now time.Time) {
	o.mu.Lock()
	a := o.list[one]
	if err == nil {
		delete(o.list, one)
	} else if a != nil {
		a.err, a.next, a.wait = err, now.Add(a.wait), min(2*a.wait, mostOrderWait)
	}
	before := o.problem
	o.problem = o.failed() != nil
	tell := err != nil && !before && o.problem
	o.mu.Unlock()
	if tell {
		o.log.Error("Asterisk did not do what pbxjail asked about calls: pbxjail tries again", "err", err, "hint", hint.Of(err))
	}
}

// failed is why an order is not done yet; nil: none has failed. mu is held.
func (o *callOrders) failed() error {
	for _, a := range o.list {
		if a.err != nil {
			return a.err
		}
	}
	return nil
}

// trouble is why an order is not done yet; nil: none has failed.
func (o *callOrders) trouble() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed()
}

func (o *callOrders) hangUp(ctx context.Context, m asteriskManager, one order) error {
	if !o.wants(one) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if err := m.Hangup(ctx, one.channel); err != nil {
		return fmt.Errorf("cannot hang up the call on channel %s: %w", show.Escaped(one.channel), err)
	}
	return nil
}

func (o *callOrders) bar(ctx context.Context, m asteriskManager, one order) error {
	o.asking.Lock()
	defer o.asking.Unlock()
	if !o.wants(one) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	now := time.Now()
	if err := m.DBPut(ctx, barFamily, one.account, now.UTC().Format(time.DateTime)); err != nil {
		if _, no := ami.Refused(err); !no && !errors.Is(err, ami.ErrDown) {
			o.setUnsure(one.account, true)
		}
		return fmt.Errorf("cannot bar account %s: %w", show.Escaped(one.account), err)
	}
	o.setUnsure(one.account, false)
	o.barred(one.account, now)
	return nil
}

// unbar removes the key of an account from Asterisk's database, and calls then when it is gone.
// No bar of the account is under way meanwhile. look says whether the account counts as barred:
// then it is an error if there is no connection.
func (o *callOrders) unbar(account string, look func() (barred bool, err error), then func() error) (done bool, err error) {
	o.asking.Lock()
	defer o.asking.Unlock()
	must, err := look()
	if err != nil {
		return false, err
	}
	o.mu.Lock()
	must = must || o.unsure[account]
	o.mu.Unlock()
	m := o.connected()
	switch {
	case m != nil:
		ctx, cancel := context.WithTimeout(context.Background(), askTime)
		defer cancel()
		if err := m.DBDel(ctx, barFamily, account); err == nil {
			done = must
			o.setUnsure(account, false)
		} else if must {
			return false, fmt.Errorf("account %s is still barred: %w", show.Escaped(account), err)
		}
	case must:
		return false, errNotConnected
	}
	o.mu.Lock()
	delete(o.list, order{account: account})
	o.mu.Unlock()
	return done, then()
}

// errNotConnected says that Asterisk cannot be asked now.
var errNotConnected = errors.New("pbxjail has no connection to AMI of Asterisk")

func (o *callOrders) setUnsure(account string, unsure bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !unsure {
		delete(o.unsure, account)
	} else if len(o.unsure) < maxOrders {
		o.unsure[account] = true
	}
}

// askChannels asks, after each log-in, which channels there are: calls that ended while AMI was
// away are over.
func (o *callOrders) askChannels(ctx context.Context, now time.Time) {
	m := o.connected()
	if m == nil {
		return
	}
	since := m.Since()
	o.mu.Lock()
	due := !since.Equal(o.known) && !now.Before(o.askAt)
	o.mu.Unlock()
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	list, err := m.Channels(ctx)
	ok := err == nil && o.kept(list, now)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case ok:
		o.known = since
	case err != nil && o.askAt.IsZero():
		o.log.Warn("Asterisk does not say which calls run: pbxjail asks again. Until then, calls that ended while AMI was away count as running", "err", err, "hint", hint.Of(err))
	}
	o.askAt = time.Time{}
	if !ok {
		o.askAt = now.Add(mostOrderWait)
	}
}
