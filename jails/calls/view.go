package calls

import (
	"cmp"
	"slices"
	"time"
)

// Account is an account as people see it.
type Account struct {
	Name    string
	Group   string
	Level   Level
	Running int // calls that run now, outside of this PBX
	Last    time.Time
	Places  []Place // where it calls, most first
	Numbers []string
	Known   int   // how many countries it has called, ever
	Open    *Case // nil: it is not at a critical limit
	Counts  []Count
}

// Count is what an account did within a day, to one kind of destination.
type Count struct {
	To      string
	Calls   int
	Seconds int64
	Cost    int64
	Values  [kinds]int // by Kind: now
	Limits  Limits
	Running int
}

// Accounts are all accounts that called within a day or are at a limit: critical ones first,
// then those with most calls. name selects one; "" is all.
func (e *Engine) Accounts(name string, now time.Time) (list []Account) {
	for _, a := range e.accounts {
		if name != "" && a.name != name || name == "" && a.level == None && a.running == 0 && now.Sub(a.last) > oldest {
			continue
		}
		list = append(list, e.view(a, now))
	}
	slices.SortFunc(list, func(x, y Account) int {
		return cmp.Or(int(y.Level)-int(x.Level), y.calls()-x.calls(), cmp.Compare(x.Name, y.Name))
	})
	return list
}

func (a *Account) calls() (n int) {
	for _, c := range a.Counts {
		n += c.Calls
	}
	return n
}

func (e *Engine) view(a *account, now time.Time) Account {
	a.calm(now)
	v := Account{Name: a.name, Group: a.group, Level: a.level, Running: a.running, Last: a.last, Numbers: slices.Clone(a.numbers), Open: a.opened}
	for _, p := range a.places {
		if p.Country != "" {
			v.Places = append(v.Places, p)
		}
	}
	slices.SortStableFunc(v.Places, func(x, y Place) int { return y.Calls - x.Calls })
	for i := range e.set.Plan.table.countries {
		if a.known.has(i) {
			v.Known++
		}
	}
	for _, b := range a.buckets {
		day := b.day(now)
		c := Count{To: b.name, Calls: int(day.calls), Seconds: day.seconds, Cost: day.cost, Running: b.running, Limits: e.set.limits(a.name, a.group, b.seen)}
		c.Values = [kinds]int{PerMinute: b.perMinute(now), Concurrent: b.running, Minutes: int(day.seconds / 60), Sequential: b.row, NewCountries: int(day.fresh), Night: int(day.night)}
		v.Counts = append(v.Counts, c)
	}
	return v
}

// calm ends a warning after a day without another.
func (a *account) calm(now time.Time) {
	if a.level != Warning {
		return
	}
	for _, b := range a.buckets {
		for _, warned := range b.warned {
			if now.Unix()-warned < int64(oldest/time.Second) {
				return
			}
		}
	}
	a.level = None
}

// Pooled is how many calls had no account of their own.
func (e *Engine) Pooled() uint64 { return e.pooled }

// Kinds are the kinds of limits, in the order of Limits.
func Kinds() []Kind {
	list := make([]Kind, kinds)
	for i := range list {
		list[i] = Kind(i)
	}
	return list
}

// Channels are the channels of an account that run.
func (e *Engine) Channels(account string) (list []string) {
	for channel, r := range e.running {
		if r.account.name == account {
			list = append(list, channel)
		}
	}
	slices.Sort(list)
	return list
}

// Open is the case of an account; nil: it has none.
func (e *Engine) Open(account string) *Case {
	if a := e.accounts[account]; a != nil {
		return a.opened
	}
	return nil
}

// Cases are the accounts at a critical limit, oldest first.
func (e *Engine) Cases() (list []Case) {
	for _, a := range e.accounts {
		if a.opened != nil {
			list = append(list, *a.opened)
		}
	}
	slices.SortFunc(list, func(x, y Case) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.Account, y.Account)) })
	return list
}

// Unbarred are the accounts at a critical limit that are not barred yet.
func (e *Engine) Unbarred() (list []string) {
	for _, c := range e.Cases() {
		if c.Barred.IsZero() && !IsPool(c.Account) {
			list = append(list, c.Account)
		}
	}
	return list
}

// Barred notes when an account was barred, and returns its case; nil: it has none any more, or
// it was barred before.
func (e *Engine) Barred(account string, now time.Time) *Case {
	c := e.Open(account)
	if c == nil || !c.Barred.IsZero() {
		return nil
	}
	c.Barred = now
	return new(*c)
}
