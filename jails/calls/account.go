package calls

import (
	"slices"
	"time"
)

const (
	// maxBuckets bounds the buckets of an account: the classes, and destinations of the main
	// file. More of these share the last one.
	maxBuckets = 16
	// maxPlaces is how many countries are shown with an account, maxNumbers how many numbers.
	maxPlaces  = 8
	maxNumbers = 10
	// maxFirsts bounds the countries of an account that wait to be saved.
	maxFirsts = 400
)

// countrySet holds countries of the table by index.
type countrySet [5]uint64

func (s *countrySet) has(i int) bool { return i >= 0 && s[i/64]&(1<<(i%64)) != 0 }

func (s *countrySet) add(i int) { s[i/64] |= 1 << (i % 64) }

// account is what is known of one account.
type account struct {
	name, group string
	known       *countrySet // in Engine.known, which outlives the account
	firsts      []Country   // countries that are not saved yet
	buckets     []*bucket
	places      [maxPlaces]Place
	numbers     []string // the last ones outside of the country, the latest last
	running     int
	last        time.Time // the latest call
	level       Level
	opened      *Case // at the critical limit, until an admin clears it
	unproven    bool  // who made the latest call may have no account
	day         int64 // the day of called, in days since 1970
	called      countrySet
}

// Country is a country that an account has called.
type Country struct {
	Account string
	Code    string    // ISO 3166
	At      time.Time // of the first call on a day
}

// Place is how often an account calls a country.
type Place struct {
	Country string
	Calls   int
}

// account returns the account of a call, and makes room for it where needed.
func (e *Engine) account(c *Call, now time.Time) *account {
	a := e.accounts[c.Account]
	if a == nil && len(e.accounts) >= e.set.MaxAccounts && !e.evict(now) {
		c.Account = Others
		e.pooled++
		a = e.accounts[Others]
	}
	if a == nil {
		a = e.newAccount(c.Account)
	}
	if c.Group != "" && a.name != Others {
		a.group = c.Group
	}
	if c.Began.After(a.last) {
		a.last = c.Began
	}
	return a
}

func (e *Engine) newAccount(name string) *account {
	a := &account{name: name, known: e.knownOf(name)}
	e.accounts[name] = a
	return a
}

// maxKnown bounds the accounts whose countries are known. Each takes 40 bytes and its name.
const maxKnown = 100_000

// knownOf are the countries that an account has called.
func (e *Engine) knownOf(name string) *countrySet {
	k := e.known[name]
	if k == nil {
		k = new(countrySet)
		if len(e.known) < maxKnown {
			e.known[name] = k
		}
	}
	return k
}

// evict forgets the account that is quiet for the longest time. One that counts within a day,
// that calls now, or that is at a limit, is never forgotten. It reports false if there is none.
func (e *Engine) evict(now time.Time) bool {
	var quiet *account
	for _, a := range e.accounts {
		a.calm(now)
		if a.level == None && a.running == 0 && len(a.firsts) == 0 && now.Sub(a.last) > oldest && (quiet == nil || a.last.Before(quiet.last)) {
			quiet = a
		}
	}
	if quiet == nil {
		return false
	}
	delete(e.accounts, quiet.name)
	return true
}

// bucket returns the bucket of a name. Where there is no room, calls count with the last one.
func (a *account) bucket(name string) *bucket {
	for _, b := range a.buckets {
		if b.name == name {
			return b
		}
	}
	if len(a.buckets) >= maxBuckets {
		return a.buckets[len(a.buckets)-1]
	}
	b := &bucket{name: name}
	a.buckets = append(a.buckets, b)
	return b
}

// learn notes that the account called a country, and reports whether it is the first time. The
// first call of a day is saved again, so that it is known which countries are not called any more.
func (e *Engine) learn(a *account, to Destination, at time.Time) (first bool) {
	if to.Country == "" || to.index < 0 {
		return false
	}
	if day := at.Unix() / (24 * 3600); day != a.day {
		a.day, a.called = day, countrySet{}
	}
	first = !a.known.has(to.index)
	if a.called.has(to.index) && !first {
		return false
	}
	a.known.add(to.index)
	a.called.add(to.index)
	if to.Class != National && len(a.firsts) < maxFirsts {
		a.firsts = append(a.firsts, Country{a.name, to.Country, at})
		e.changed[a.name] = true
	}
	return first
}

// note keeps for people where the account calls.
func (a *account) note(to Destination) {
	if to.Class == National {
		return
	}
	if text := to.String(); !slices.Contains(a.numbers, text) {
		if len(a.numbers) >= maxNumbers {
			a.numbers = slices.Delete(a.numbers, 0, 1)
		}
		a.numbers = append(a.numbers, text)
	}
	least := 0
	for i := range a.places {
		p := &a.places[i]
		if p.Country == to.Country || p.Country == "" {
			p.Country = to.Country
			p.Calls++
			return
		}
		if p.Calls < a.places[least].Calls {
			least = i
		}
	}
	a.places[least] = Place{to.Country, 1} // for people only: no limit looks at it
}

// Load takes over what was saved: the countries that accounts have called, and the accounts
// that are at a critical limit.
func (e *Engine) Load(known []Country, cases []Case) {
	for i := range cases {
		a := e.accounts[cases[i].Account]
		if a == nil {
			a = e.newAccount(cases[i].Account)
		}
		c := cases[i]
		a.level, a.opened, a.group = Critical, &c, c.Group
	}
	for _, k := range known {
		if i := slices.Index(e.set.Plan.table.countries, k.Code); i >= 0 {
			e.knownOf(k.Account).add(i)
		}
	}
}

// TakeCountries returns the countries that are to be saved, once.
func (e *Engine) TakeCountries() (list []Country) {
	for name := range e.changed {
		if a := e.accounts[name]; a != nil {
			list = append(list, a.firsts...)
			a.firsts = nil
		}
	}
	clear(e.changed)
	return list
}

// PutCountries takes back countries that could not be saved.
func (e *Engine) PutCountries(list []Country) {
	for _, c := range list {
		if a := e.accounts[c.Account]; a != nil && len(a.firsts) < maxFirsts {
			a.firsts = append(a.firsts, c)
			e.changed[c.Account] = true
		}
	}
}

// Forget removes what is known of an account. What is in force stays: a case that is open,
// without its numbers, and the calls that run.
func (e *Engine) Forget(name string) {
	delete(e.known, name)
	delete(e.changed, name)
	delete(e.dirty, name)
	for channel, r := range e.left {
		if r.account.name == name {
			delete(e.left, channel)
		}
	}
	a := e.accounts[name]
	switch {
	case a == nil:
	case a.opened == nil && a.running == 0:
		delete(e.accounts, name)
	default:
		a.numbers, a.places, a.firsts, a.known, a.called = nil, [maxPlaces]Place{}, nil, e.knownOf(name), countrySet{}
		if a.opened != nil {
			a.opened.Numbers, a.opened.Countries = nil, nil
		}
	}
}
