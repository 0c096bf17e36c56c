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
	"pbxjail/jails/store"
	"pbxjail/watcher"
)

// callWatch watches the calls of accounts. It hears of them from AMI, or reads them from call
// records; it reports what package calls finds, and does what the main file allows. No ban
// waits for it, and it bans nothing. Its methods may be called from any goroutine.
type callWatch struct {
	log     *slog.Logger
	main    func() *configs.Main
	premium func() []string // ranges of the file of numbers
	guessed func() []home.Guessed
	store   *store.Store
	post    *messages.Post
	zone    *time.Location

	records *watcher.Watcher // follows the call records
	passed  func(file string, next watcher.Position)
	wake    soon

	mu      sync.Mutex
	manager asteriskManager  // nil: Asterisk cannot be asked for anything; guarded by mu
	engine  *calls.Engine    // nil: calls are not watched; guarded by mu
	set     *configs.Calls   // by which engine was made; guarded by mu
	sources map[string]*feed // call records by file; guarded by mu
	asking  map[string]bool  // accounts that Asterisk is asked to bar; guarded by mu
	todo    []func()         // what waits for a disk or for Asterisk; guarded by mu
	trunks  calls.Trunks     // whatever calls left through; guarded by mu
	// Accounts that are only reported: the dialplan dials numbers through carriers, and fixed
	// are the trunks that Asterisk lists over AMI. Guarded by mu.
	carriers calls.Trunks
	fixed    []string
	phones   map[string]bool  // accounts with which a phone is registered; guarded by mu
	pending  map[string]offer // channels that have called no one yet, as AMI reports them; guarded by mu
	asked    time.Time        // the connection to AMI whose channels are known; guarded by mu
	saving   time.Time        // when countries were saved last; guarded by mu
	problem  error            // why something could not be saved or done; guarded by mu
}

// asteriskManager does things in Asterisk: the client of AMI.
type asteriskManager interface {
	// Since is when the connection that works now, and whose events of calls no caller can forge,
	// began; zero: there is none.
	Since() time.Time
	// Channels are the channels that there are.
	Channels(ctx context.Context) ([]string, error)
	// Hangup ends a channel.
	Hangup(ctx context.Context, channel string) error
	// DBPut writes a key into Asterisk's database, DBDel removes it.
	DBPut(ctx context.Context, family, key, value string) error
	DBDel(ctx context.Context, family, key string) error
}

const (
	// lookEvery is how often running calls are counted, keepEvery how often countries are saved.
	lookEvery = time.Second
	keepEvery = 10 * time.Second
	// maxTodo bounds what waits for a disk or for Asterisk.
	maxTodo = 1000
	// askTime is how long Asterisk may take for one request.
	askTime = 3 * time.Second
	// barFamily is the family of keys in Asterisk's database; a key is the name of an account.
	barFamily = "pbxjail-barred"
)

func (d *Daemon) openCalls() {
	d.calls = &callWatch{
		log: d.log, main: d.upkeep.settings, guessed: d.warden.Guessed, store: d.store, post: d.post, zone: time.Local,
		premium: func() (list []string) {
			_, numbers := d.upkeep.lists.current()
			for _, r := range numbers.Premium {
				list = append(list, r.Range)
			}
			return list
		},
		passed: d.positions.passed, wake: newSoon(), sources: map[string]*feed{}, asking: map[string]bool{}, pending: map[string]offer{},
	}
	d.calls.openRecords(d.positions.resume(d.log))
	d.upkeep.calls = d.calls
	if d.ami != nil {
		d.ami.calls, d.ami.carriers = d.calls.heardAMI, d.calls.setFixed
		d.ami.registered = func(list []home.Registration, now time.Time) {
			d.warden.Registered(list, now)
			d.calls.setPhones(list)
		}
		d.calls.setManager(amiManager{d.ami.client})
	}
	d.calls.change(d.upkeep.settings())
}

// change takes the settings of the main file. What was counted stays, unless it is switched off.
func (w *callWatch) change(main *configs.Main) {
	var known []calls.Country
	var cases []calls.Case
	var born time.Time
	if main.Calls.Enabled && !w.isOn() { // before the lock, for which events of AMI wait
		known, cases, born = w.remembered()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records.SetPatterns(w.files(main))
	c := &main.Calls
	switch {
	case !c.Enabled:
		w.engine, w.set = nil, nil
		clear(w.sources)
	case w.engine == nil:
		w.engine = calls.New(calls.NewSettings(c, w.premium(), w.zone), born)
		w.engine.Load(known, cases)
	default:
		w.engine.Set(calls.NewSettings(c, w.premium(), w.zone))
	}
	if w.engine != nil {
		w.set = c
	}
	w.wake.give()
}

// remembered is what the database knows of calls. born is when countries began to be learned.
func (w *callWatch) remembered() (known []calls.Country, cases []calls.Case, born time.Time) {
	known, born, err := w.store.Called(time.Now())
	cases, err2 := w.store.Stolen(false)
	for _, err := range []error{err, err2} {
		if err != nil {
			w.log.Error("what is known of calls cannot be read from the database", "err", err, "hint", hint.Of(err))
		}
	}
	return known, cases, born
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
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			w.look(time.Now().Add(keepEvery))
			w.work()
			return nil
		case <-w.wake.sign:
		case now := <-timer.C:
			w.look(now)
		}
		w.work()
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

// look counts the minutes of running calls, and lets countries be saved.
func (w *callWatch) look(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.engine == nil {
		return
	}
	w.askChannels()
	w.found(w.engine.Tick(now), now)
	w.barOpen()
	if now.Sub(w.saving) < keepEvery {
		return
	}
	w.saving = now
	if list := w.engine.TakeCountries(); len(list) > 0 {
		w.later(func() { w.says(w.store.SaveCalled(list)) })
	}
}

// later lets something be done by the goroutine of Run, and reports whether there is room. mu
// is held.
func (w *callWatch) later(do func()) bool {
	if len(w.todo) >= maxTodo {
		return false
	}
	w.todo = append(w.todo, do)
	w.wake.give()
	return true
}

// work does what waits.
func (w *callWatch) work() {
	for {
		w.mu.Lock()
		if len(w.todo) == 0 {
			w.mu.Unlock()
			return
		}
		do := w.todo[0]
		w.todo = w.todo[1:]
		w.mu.Unlock()
		do()
	}
}

// says logs a problem when it begins.
func (w *callWatch) says(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && w.problem == nil {
		w.log.Error("what pbxjail knows of calls cannot be saved, or Asterisk did not do what it was asked: pbxjail tries again", "err", err, "hint", hint.Of(err))
	}
	w.problem = err
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
			w.log.Warn("an account makes many calls", "account", show.Escaped(f.Account), "limit", f.Kind, "what", f.What(), "warning", f.Limit)
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
	f.Open.Trunk = w.isTrunk(f.Account)
	c := *f.Open
	w.log.Error("an account makes calls like a thief", "account", show.Escaped(c.Account), "limit", c.Kind, "what", c.What(), "critical", c.Limit, "sum", c.Sum(), "barred", w.barsNow(&c), "hint", stolenHint(c.Account))
	w.tell(f, now)
	w.later(func() { w.says(w.store.SaveStolen(&c)) })
	if f.Account == calls.Others || w.onlyReported(&c) {
		return
	}
	w.barOpen()
	if !w.set.Does("hangup") {
		return
	}
	for _, channel := range w.engine.Channels(f.Account) {
		w.hangUp(channel)
	}
}

// callsAgain ends a call that an account at a critical limit makes. mu is held.
func (w *callWatch) callsAgain(f *calls.Finding) {
	if w.set.Does("hangup") && f.Channel != "" && f.Account != calls.Others && !w.onlyReported(f.Open) {
		w.hangUp(f.Channel)
	}
}

// tell sends a message about a finding, where the admin wants one.
func (w *callWatch) tell(f *calls.Finding, now time.Time) {
	if !w.set.Does("tell") {
		return
	}
	e := messages.Event{Kind: messages.Stolen, At: now, Country: f.Country, Mild: f.Level != calls.Critical}
	e.What, e.Hint = findingText(f), stolenHint(f.Account)
	if f.Open != nil && w.onlyReported(f.Open) {
		e.What += ". " + trunkWords(f.Account)
	}
	w.post.Hear(e)
}
