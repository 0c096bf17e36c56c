package daemon

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
	"pbxjail/jails/calls"
	"pbxjail/jails/home"
	"pbxjail/jails/store"
)

// Calls lists the accounts that call, or one with all that is known of it.
func (b *backend) Calls(q control.CallsRequest, _ string) (control.Calls, error) {
	answer := b.calls.answer(q.Account, time.Now())
	if q.Account == "" {
		return answer, nil
	}
	if len(answer.Accounts) == 0 {
		answer.Accounts = []control.CallAccount{{Account: show.Escaped(q.Account), Level: calls.None.String()}}
	}
	one := &answer.Accounts[0]
	known, err := b.store.Known(store.Target{Account: q.Account})
	if err != nil {
		return answer, err
	}
	one.LogIns = logInsOf(known.LogIns)
	for _, g := range b.warden.Guessed() {
		if g.Account == q.Account {
			one.Alarms = append(one.Alarms, alarmsOf([]home.Guessed{g})...)
		}
	}
	return answer, nil
}

func logInsOf(homes []home.Home) (list []control.LogIn) {
	for _, h := range homes {
		list = append(list, control.LogIn{Account: show.Escaped(h.Account), Addr: h.Addr, Latest: h.Latest, Service: h.Service.String(), First: h.First, Last: h.Last, Times: h.Times})
	}
	return list
}

// unbar clears the case of an account.
func (b *backend) unbar(q control.UnbarRequest, by string) (control.UnbarAnswer, error) {
	answer, err := b.calls.Unbar(q, by)
	for _, g := range b.warden.Guessed() {
		if g.Account == q.Account {
			answer.Addrs = append(answer.Addrs, g.Addr)
		}
	}
	return answer, err
}

func (w *callWatch) answer(name string, now time.Time) (a control.Calls) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.engine == nil {
		return a
	}
	a = control.Calls{Enabled: true, Country: w.set.Country, Pooled: w.engine.Pooled(), Sources: w.sourceList()}
	for _, action := range []string{"tell", "bar", "hangup"} {
		if w.set.Does(action) {
			a.Actions = append(a.Actions, action)
		}
	}
	for _, one := range w.engine.Accounts(name, now) {
		a.Accounts = append(a.Accounts, callAccount(&one))
	}
	return a
}

// sourceList says where calls are heard of. mu is held.
func (w *callWatch) sourceList() (list []control.CallSource) {
	if w.orders.live() {
		list = append(list, control.CallSource{Name: "ami"})
	}
	for _, s := range w.records.Files() {
		f := w.feed(s.File)
		if errors.Is(f.problem, fs.ErrNotExist) {
			continue
		}
		one := control.CallSource{Name: s.File, Last: control.Moment(f.last)}
		if one.Read, one.Bad = f.reader.Counts(); f.problem != nil {
			one.Problem = f.problem.Error()
		}
		list = append(list, one)
	}
	return list
}

func callAccount(a *calls.Account) control.CallAccount {
	c := control.CallAccount{
		Account: show.Escaped(a.Name), Group: show.Escaped(a.Group), Level: a.Level.String(), Running: a.Running, Last: control.Moment(a.Last), Numbers: slices.Clone(a.Numbers), Known: a.Known,
	}
	for _, p := range a.Places {
		c.Countries = append(c.Countries, control.CallPlace{Country: p.Country, Calls: p.Calls})
	}
	for _, n := range a.Counts {
		count := control.CallCount{To: n.To, Calls: n.Calls, Seconds: n.Seconds, Cost: float64(n.Cost) / 1000, Running: n.Running}
		for _, kind := range calls.Kinds() {
			if limit := n.Limits[kind]; limit.Warning > 0 {
				count.Limits = append(count.Limits, control.CallLimit{Kind: kind.String(), Value: n.Values[kind], Warning: limit.Warning, Critical: limit.Critical})
			}
		}
		c.Counts = append(c.Counts, count)
	}
	if o := a.Open; o != nil {
		c.Case = &control.CallCase{At: o.At.UTC(), Kind: o.Kind, What: caseText(o), Barred: control.Moment(o.Barred), Suspect: o.Suspect}
	}
	return c
}

// callStatus adds a line about calls.
func (b *backend) callStatus(s *control.Status, now time.Time) {
	if a := b.calls.answer("", now); a.Enabled {
		s.Calls = &control.CallsSum{Accounts: len(a.Accounts), Sources: a.Sources, Actions: a.Actions}
		for _, one := range a.Accounts {
			s.Calls.Running += one.Running
			switch one.Level {
			case "critical":
				s.Calls.Critical++
			case "warning":
				s.Calls.Warning++
			}
		}
	}
	s.Problems = append(s.Problems, b.calls.problems(now)...)
}

// forget removes what is known of the calls of an account, in memory.
func (w *callWatch) forget(account string) {
	w.keep.writing.Lock() // what was known before is written, or it is gone
	defer w.keep.writing.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.engine != nil && account != "" {
		w.engine.Forget(account)
	}
}
