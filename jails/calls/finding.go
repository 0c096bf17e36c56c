package calls

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pbxjail/configs/show"
)

// Level is how much an account looks like a stolen one.
type Level uint8

// The levels. Critical stays until an admin clears it.
const (
	None Level = iota
	Warning
	Critical
)

func (l Level) String() string { return [...]string{"none", "warning", "critical"}[min(l, Critical)] }

// Finding is a limit that an account has reached.
type Finding struct {
	Level Level
	Kind  Kind
	Value int // what was counted
	Limit int // the limit that it reached
	// Open is the case of the account, if Level is Critical.
	Open *Case
	// Again: the case was open before, and the account calls again.
	Again   bool
	Account string
	Group   string
	To      string // the bucket: a class, or a destination of the main file
	Channel string // of the call that reached it; "": no single one
	Country string // of the last number
}

// Case is an account at a critical limit: what it did up to then. It stays open until an admin
// clears it.
type Case struct {
	Account   string    `json:"account"`
	Group     string    `json:"group,omitempty"`
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"` // the limit, such as calls_per_minute
	Value     int       `json:"value"`
	Limit     int       `json:"limit"`
	To        string    `json:"to"`
	Country   string    `json:"country,omitempty"`
	Calls     int       `json:"calls"`   // within a day, to To
	Seconds   int64     `json:"seconds"` // of talk
	Cost      int64     `json:"cost"`    // thousandths of Currency; 0: not known
	Currency  string    `json:"currency,omitempty"`
	Countries []string  `json:"countries"`
	Numbers   []string  `json:"numbers"`
	Suspect   bool      `json:"suspect,omitempty"` // its password may be guessed: the warning limit was enough
	Trunk     bool      `json:"trunk,omitempty"`   // it is a trunk
	// Unproven: a caller without an account may have claimed this one.
	Unproven bool      `json:"unproven,omitempty"`
	Barred   time.Time `json:"barred,omitzero"` // when Asterisk was asked to refuse its calls
}

// words say what a limit counts, with the value and what is called.
var words = [kinds]string{
	"%d calls %s within one minute", "%d calls %s at the same time", "%d minutes of calls %s within a day",
	"%d calls in a row to one number %s", "%d countries called for the first time", "%d calls %s at night",
}

// What says in one sentence what the account did. Names of accounts are to be escaped by who
// prints them.
func (f *Finding) What() string { return what(f.Kind, f.Value, f.To) }

func what(k Kind, value int, to string) string {
	if k == NewCountries {
		return fmt.Sprintf(words[k], value)
	}
	return fmt.Sprintf(words[k], value, where(to))
}

func where(to string) string {
	switch to {
	case Abroad.String():
		return "abroad"
	case Premium.String():
		return "to premium numbers"
	case National.String():
		return "inside the country"
	}
	if to != "" && to[0] >= '0' && to[0] <= '9' {
		return "to +" + to + "..."
	}
	return "to " + to
}

// What says in one sentence what the account did.
func (c *Case) What() string {
	k := Kind(max(slices.Index(kindWords[:], c.Kind), 0))
	return what(k, c.Value, c.To)
}

// Sum says what the calls of a day were.
func (c *Case) Sum() string {
	text := show.Count(c.Calls, "call") + " and " + show.Count(int((c.Seconds+59)/60), "minute") + " within a day"
	if len(c.Countries) > 0 {
		text += ", to " + strings.Join(c.Countries, ", ")
	}
	if c.Cost > 0 {
		text += fmt.Sprintf("; they cost about %d.%02d %s", c.Cost/1000, c.Cost%1000/10, c.Currency)
	}
	return text
}

// judge compares the counts of a bucket with its limits. call is the call that just began, nil
// if none did; together is how many calls run at the same time.
func (e *Engine) judge(a *account, b *bucket, call *Call, to Destination, together int, now time.Time) (found []Finding) {
	limits := e.set.limits(a.name, a.group, to)
	if a.opened == nil && limits == usual[National] { // all are off
		return nil
	}
	day := b.day(now)
	values := [kinds]int{Concurrent: together, Minutes: int(day.seconds / 60), NewCountries: int(day.fresh), Night: int(day.night)}
	channel := ""
	if call != nil {
		values[PerMinute], values[Sequential], channel = b.perMinute(call.Began), b.row, call.Channel
	}
	if a.opened != nil {
		if call != nil && to.Class != National {
			found = append(found, Finding{Level: Critical, Open: a.opened, Again: true, Account: a.name, Group: a.group, To: b.name, Channel: channel, Country: to.Country})
		}
		return found
	}
	for kind := range kinds {
		limit, value := limits[kind], values[kind]
		f := Finding{Kind: kind, Value: value, Account: a.name, Group: a.group, To: b.name, Channel: channel, Country: to.Country}
		switch {
		case limit.Warning <= 0 || value < limit.Warning:
			continue
		case value >= limit.Critical:
			f.Level, f.Limit = Critical, limit.Critical
			f.Open = e.open(a, b, &f, &day, now)
			return append(found, f)
		case now.Unix()-b.warned[kind] >= int64(oldest/time.Second):
			f.Level, f.Limit = Warning, limit.Warning
			b.warned[kind], a.level = now.Unix(), max(a.level, Warning)
			found = append(found, f)
		}
	}
	return found
}

// open opens a case.
func (e *Engine) open(a *account, b *bucket, f *Finding, day *hourly, now time.Time) *Case {
	c := &Case{
		Account: a.name, Group: a.group, At: now, Kind: f.Kind.String(), Value: f.Value, Limit: f.Limit, To: b.name, Country: f.Country,
		Calls: int(day.calls), Seconds: day.seconds, Cost: day.cost, Currency: e.set.Currency, Numbers: slices.Clone(a.numbers),
		Unproven: a.unproven,
	}
	for _, p := range a.places {
		if p.Country != "" {
			c.Countries = append(c.Countries, p.Country)
		}
	}
	a.level, a.opened = Critical, c
	return c
}

// Suspect opens a case for an account whose password may be guessed, where a warning was
// found: two signs together are enough.
func (e *Engine) Suspect(f Finding, now time.Time) (Finding, bool) {
	a := e.accounts[f.Account]
	if f.Level != Warning || a == nil || a.opened != nil || IsPool(a.name) {
		return f, false
	}
	i := slices.IndexFunc(a.buckets, func(b *bucket) bool { return b.name == f.To })
	if i < 0 {
		return f, false
	}
	day := a.buckets[i].day(now)
	f.Level = Critical
	f.Open = e.open(a, a.buckets[i], &f, &day, now)
	f.Open.Suspect = true
	return f, true
}

// Clear closes the case of an account and forgets what was counted, so that it begins again.
// It returns the case; nil: there was none.
func (e *Engine) Clear(name string) *Case {
	a := e.accounts[name]
	if a == nil {
		return nil
	}
	c := a.opened
	a.level, a.opened, a.numbers, a.places = None, nil, nil, [maxPlaces]Place{}
	for _, b := range a.buckets {
		*b = bucket{name: b.name, running: b.running}
	}
	e.dirty[name] = true
	return c
}
