package daemon

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"pbxjail/cmd/internal/messages"
	"pbxjail/configs"
	"pbxjail/configs/beat"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
	"pbxjail/jails/calls"
	"pbxjail/jails/home"
	"pbxjail/watcher"
)

// callWatch watches the calls of accounts. It hears of them from AMI, or reads them from call
// records; it reports what package calls finds, and has callOrders do what the main file allows.
// No ban waits for it, and it bans nothing. Its methods may be called from any goroutine.
type callWatch struct {
	log     *slog.Logger
	main    func() *configs.Main
	premium func() []string // ranges of the file of numbers
	guessed func() []home.Guessed
	post    *messages.Post
	zone    *time.Location
	orders  *callOrders
	keep    *callKeeper

	records *watcher.Watcher // follows the call records
	passed  func(file string, next watcher.Position)
	wake    soon

	mu      sync.Mutex
	engine  *calls.Engine    // nil: calls are not watched; guarded by mu
	set     *configs.Calls   // by which engine was made; guarded by mu
	sources map[string]*feed // call records by file; guarded by mu
	routes  callRoutes       // guarded by mu
	pending map[string]offer // channels that have called no one yet, as AMI reports them; guarded by mu
	unsaved map[string]bool  // accounts whose case has changed; guarded by mu
	toLog   []func()         // lines of the log, which may wait for a disk; guarded by mu
}

const (
	// lookEvery is how often running calls are counted, keepEvery how often it is saved what is
	// new, and countsEvery how often counts are.
	lookEvery   = time.Second
	keepEvery   = 10 * time.Second
	countsEvery = 30 * time.Second
	// maxToLog bounds the lines of the log that wait.
	maxToLog = 1000
)

func (d *Daemon) openCalls() {
	d.calls = &callWatch{
		log: d.log, main: d.upkeep.settings, guessed: d.warden.Guessed, post: d.post, zone: time.Local,
		premium: func() (list []string) {
			_, numbers := d.upkeep.lists.current()
			for _, r := range numbers.Premium {
				list = append(list, r.Range)
			}
			return list
		},
		passed: d.positions.passed, wake: newSoon(), sources: map[string]*feed{}, pending: map[string]offer{}, unsaved: map[string]bool{},
		orders: newCallOrders(d.log),
	}
	w := d.calls
	w.keep = &callKeeper{log: d.log, store: d.store, news: w.takeNews, again: w.putNews}
	w.orders.wants, w.orders.barred, w.orders.kept = w.wants, w.barred, w.channelsAre
	w.openRecords(d.positions.resume(d.log))
	d.upkeep.calls = w
	if d.ami != nil {
		d.ami.calls, d.ami.carriers, d.ami.outside = w.heardAMI, w.setFixed, w.setOutside
		d.ami.registered = func(list []home.Registration, now time.Time) {
			d.warden.Registered(list, now)
			w.setPhones(list)
		}
		w.orders.setManager(amiManager{d.ami.client})
	}
	w.change(d.upkeep.settings())
}

// change takes the settings of the main file. What was counted stays, unless it is switched off:
// then it is in the database.
func (w *callWatch) change(main *configs.Main) {
	var before remembered
	switch on := w.isOn(); {
	case main.Calls.Enabled && !on: // before the lock, for which events of AMI wait
		before = w.remembered()
	case !main.Calls.Enabled && on:
		_ = w.keep.save(true) // status shows what fails
	}
	guests := guestsOf(main)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records.SetPatterns(w.files(main))
	w.routes.guests = guests
	c := &main.Calls
	switch {
	case !c.Enabled:
		w.engine, w.set = nil, nil
		clear(w.sources)
	case w.engine == nil:
		w.engine = calls.New(calls.NewSettings(c, w.premium(), w.zone), before.born)
		w.engine.Load(before.known, before.cases)
		if err := w.engine.Restore(before.counts, time.Now()); err != nil {
			w.later(func() { w.log.Warn("counts of calls begin at zero for some accounts", "err", err) })
		}
	default:
		w.engine.Set(calls.NewSettings(c, w.premium(), w.zone))
	}
	if w.engine != nil {
		w.set = c
	}
	w.wake.give()
}

// remembered is what the database knows of calls.
type remembered struct {
	known  []calls.Country
	cases  []calls.Case
	counts []calls.Saved
	born   time.Time // when countries began to be learned
}

func (w *callWatch) remembered() (r remembered) {
	var errs [3]error
	now := time.Now()
	r.known, r.born, errs[0] = w.keep.store.Called(now)
	r.cases, errs[1] = w.keep.store.Stolen(false)
	r.counts, errs[2] = w.keep.store.Counted(now.Add(-24 * time.Hour))
	for _, err := range errs {
		if err != nil {
			w.log.Error("what is known of calls cannot be read from the database", "err", err, "hint", hint.Of(err))
		}
	}
	return r
}

// Run watches until ctx ends.
func (w *callWatch) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		if err := w.records.Run(ctx, w.deliver); err != nil {
			w.log.Error("call records are not read any more", "err", err, "hint", "systemctl restart pbxjail")
		}
	})
	all.Go(func() { w.orders.Run(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	kept, counted := time.Now(), time.Now()
	for {
		now := time.Now()
		select {
		case <-ctx.Done():
			w.look(now)
			w.work(true, true)
			return nil
		case <-w.wake.sign:
		case now = <-timer.C:
			w.look(now)
		}
		keep, counts := now.Sub(kept) >= keepEvery, now.Sub(counted) >= countsEvery
		if keep {
			kept = now
		}
		if counts {
			counted = now
		}
		w.work(keep, counts)
		if w.isOn() {
			timer.Reset(beat.Until(time.Now(), lookEvery))
		}
	}
}

func (w *callWatch) isOn() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.engine != nil
}

// look counts the minutes of running calls, and has accounts barred that are not yet.
func (w *callWatch) look(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.engine == nil {
		return
	}
	w.found(w.engine.Tick(now), now)
	w.barOpen()
}

// later lets a line of the log be written by the goroutine of Run. mu is held.
func (w *callWatch) later(write func()) {
	if len(w.toLog) < maxToLog {
		w.toLog = append(w.toLog, write)
	}
	w.wake.give()
}

// work does what may wait for a disk: lines of the log, and the database. Cases are saved at once.
func (w *callWatch) work(keep, counts bool) {
	w.mu.Lock()
	list := w.toLog
	w.toLog = nil
	keep = keep || len(w.unsaved) > 0
	w.mu.Unlock()
	for _, write := range list {
		write()
	}
	if keep || counts {
		_ = w.keep.save(counts) // status shows what fails
	}
}

// takeNews is what the database does not know yet.
func (w *callWatch) takeNews(all bool) (news callNews) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.engine == nil {
		return news
	}
	news.cases = map[string]*calls.Case{}
	for account := range w.unsaved {
		var c *calls.Case
		if open := w.engine.Open(account); open != nil {
			c = new(*open)
		}
		news.cases[account] = c
	}
	clear(w.unsaved)
	news.countries = w.engine.TakeCountries()
	if all {
		news.counts = w.engine.TakeCounts(time.Now())
	}
	return news
}

// putNews takes back what could not be saved.
func (w *callWatch) putNews(news callNews) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.engine == nil {
		return
	}
	for account := range news.cases {
		w.unsaved[account] = true
	}
	w.engine.PutCountries(news.countries)
	w.engine.PutCounts(news.counts)
}

// found deals with what was found. mu is held.
func (w *callWatch) found(list []calls.Finding, now time.Time) {
	for _, f := range list {
		if f.Level == calls.Warning && w.isGuessed(f.Account) {
			f, _ = w.engine.Suspect(f, now)
		}
		switch {
		case f.Again:
			w.callsAgain(&f)
		case f.Level == calls.Critical:
			w.critical(&f, now)
		default:
			w.later(func() {
				w.log.Warn("an account makes many calls", "account", show.Escaped(f.Account), "limit", f.Kind, "what", f.What(), "warning", f.Limit)
			})
			w.tell(&f, now)
		}
	}
}

// isGuessed reports whether the password of an account may be guessed. mu is held.
func (w *callWatch) isGuessed(account string) bool {
	return slices.ContainsFunc(w.guessed(), func(g home.Guessed) bool { return g.Account == account })
}

// critical deals with an account that has reached a critical limit. mu is held.
func (w *callWatch) critical(f *calls.Finding, now time.Time) {
	f.Open.Trunk = w.routes.isTrunk(f.Account)
	c := *f.Open
	does := w.barsNow(&c)
	w.later(func() {
		w.log.Error("an account makes calls like a thief", "account", show.Escaped(c.Account), "limit", c.Kind, "what", c.What(), "critical", c.Limit, "sum", c.Sum(), "barred", does, "hint", stolenHint(c.Account))
	})
	w.unsaved[f.Account] = true
	w.tell(f, now)
	if w.onlyReported(&c) {
		return
	}
	w.barOpen()
	if !w.set.Does("hangup") {
		return
	}
	for _, channel := range w.engine.Channels(f.Account) {
		w.orders.add(order{f.Account, channel})
	}
}

// callsAgain ends a call that an account at a critical limit makes. mu is held.
func (w *callWatch) callsAgain(f *calls.Finding) {
	if one := (order{f.Account, f.Channel}); f.Channel != "" && w.isWanted(one) {
		w.orders.add(one)
	}
}

// tell sends a message about a finding, where the admin wants one. mu is held.
func (w *callWatch) tell(f *calls.Finding, now time.Time) {
	if !w.set.Does("tell") {
		return
	}
	e := messages.Event{Kind: messages.Stolen, At: now, Country: f.Country, Mild: f.Level != calls.Critical}
	e.What, e.Hint = findingText(f), stolenHint(f.Account)
	if f.Open != nil && w.onlyReported(f.Open) {
		e.What += ". " + w.reportedWords(f.Open)
	}
	w.post.Hear(e)
}
