package calls

import (
	"math"
	"slices"
	"strings"
	"time"

	"pbxjail/configs"
)

// Kind is what a limit counts.
type Kind uint8

// The kinds of limits, as configs.CallLimit names them.
const (
	PerMinute Kind = iota
	Concurrent
	Minutes
	Sequential
	NewCountries
	Night
	kinds
)

var kindWords = [kinds]string{"calls_per_minute", "concurrent", "minutes", "sequential", "new_countries", "night"}

func (k Kind) String() string { return kindWords[min(k, kinds-1)] }

// Limits are the limits for one account and one destination, by Kind.
type Limits [kinds]configs.Limit

// usual are the built-in limits, by Class. They are chosen so that a month of the honest
// traffic of TestHonestMonth reaches none. Calls inside the country have none: a call centre
// looks like a thief there.
var usual = map[Class]Limits{
	Abroad:   {PerMinute: {Warning: 5, Critical: 10}, Concurrent: {Warning: 4, Critical: 8}, Minutes: {Warning: 180, Critical: 360}, Sequential: {Warning: 15, Critical: 30}, NewCountries: {Warning: 3, Critical: 6}, Night: {Warning: 10, Critical: 20}},
	Premium:  {PerMinute: {Warning: 2, Critical: 4}, Concurrent: {Warning: 2, Critical: 3}, Minutes: {Warning: 30, Critical: 60}, Sequential: {Warning: 5, Critical: 10}, NewCountries: configs.Off, Night: {Warning: 3, Critical: 6}},
	National: {configs.Off, configs.Off, configs.Off, configs.Off, configs.Off, configs.Off},
}

// Settings are what an Engine goes by. They do not change: New ones are set as a whole.
type Settings struct {
	Plan *Plan
	// Zone is the time zone of night hours.
	Zone        *time.Location
	MaxAccounts int

	rules    []configs.CallLimit
	rates    []configs.CallRate
	from, to int // minutes of a day: the night
	Currency string
}

// NewSettings are the settings of the main file. premium are more ranges that cost more.
func NewSettings(c *configs.Calls, premium []string, zone *time.Location) *Settings {
	s := &Settings{Plan: NewPlan(c, premium), Zone: zone, MaxAccounts: max(c.MaxAccounts, 1), rules: c.Limits, rates: c.Rates, Currency: c.Currency}
	s.from, s.to, _ = c.NightHours() // it was checked
	return s
}

// isNight reports whether a call that began at a time is a call at night.
func (s *Settings) isNight(at time.Time) bool {
	local := at.In(s.Zone)
	minute := local.Hour()*60 + local.Minute()
	if s.from <= s.to {
		return minute >= s.from && minute < s.to
	}
	return minute >= s.from || minute < s.to
}

// bucketName is what the calls to a destination are counted as: the class, or the
// destination of a rule of its own. Calls abroad are counted together, so that a thief gains
// nothing by calling many countries.
func (s *Settings) bucketName(account, group string, d Destination) string {
	name := d.Class.String()
	for i := range s.rules {
		r := &s.rules[i]
		if !r.Has(account, group) {
			continue
		}
		for _, to := range r.Destinations {
			if fits, class := leadsTo(string(to), d); fits && !class {
				name = string(to)
			}
		}
	}
	return name
}

// limits are the limits for an account and a destination.
func (s *Settings) limits(account, group string, d Destination) Limits {
	l := usual[d.Class]
	for i := range s.rules {
		r := &s.rules[i]
		if !r.Has(account, group) || !coversDestination(r.Destinations, d) {
			continue
		}
		for kind, limit := range [kinds]configs.Limit{r.PerMinute, r.Concurrent, r.Minutes, r.Sequential, r.NewCountries, r.Night} {
			if limit != (configs.Limit{}) {
				l[kind] = limit
			}
		}
	}
	return l
}

func coversDestination(list []configs.TrapName, d Destination) bool {
	if len(list) == 0 {
		return d.Class == Abroad || d.Class == Premium
	}
	return slices.ContainsFunc(list, func(to configs.TrapName) bool {
		fits, _ := leadsTo(string(to), d)
		return fits
	})
}

// leadsTo reports whether a destination of the main file has a number, and whether it is a
// class.
func leadsTo(to string, d Destination) (fits, class bool) {
	switch {
	case to == d.Class.String():
		return true, true
	case to != "" && to[0] >= '0' && to[0] <= '9':
		return strings.HasPrefix(d.Digits, to), false
	case d.Class == National:
		return false, false
	}
	return to == d.Country, false
}

// rate is what a minute to a destination costs; 0: not known.
func (s *Settings) rate(d Destination) (rate float64) {
	best := 0
	for _, r := range s.rates {
		fits, class := leadsTo(string(r.To), d)
		weight := 2
		switch {
		case class:
			weight = 1
		case r.To[0] <= '9':
			weight = 2 + len(r.To)
		}
		if fits && weight > best {
			best, rate = weight, r.Rate
		}
	}
	return rate
}

// cost is the price of seconds at a rate, in thousandths.
func cost(rate float64, seconds int64) int64 {
	return int64(math.Round(rate * float64(seconds) / 60 * 1000))
}
