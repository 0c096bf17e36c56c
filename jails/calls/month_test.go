package calls

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pbxjail/configs"
)

// The honest month. It is a model, not a recording: 50 phones of an office in Germany for 30
// days, made from a seed. Calls of a phone come at random (exponential pauses) in its hours;
// lengths are exponential with a mean of three minutes.
//
//   - 36 office phones: 9 to 18 h, Monday to Friday, 14 calls a day, one of 25 abroad, into
//     the two or three countries that this phone calls; now and then a number that is busy is
//     dialled again, up to eight times.
//   - 5 phones of sales: 20 calls a day, one of four abroad, into many countries; a trip
//     now and then adds up to two new countries on a day.
//   - 1 call centre with one account: 6 calls a minute from 9 to 20 h, up to 30 at the same
//     time, all inside the country; a call abroad every two hours.
//   - 3 phones of the night shift: 22 to 6 h each day, 12 calls, of these 4 to a partner
//     in the USA.
//   - 3 faxes: 40 pages an hour at night inside the country, three a night abroad; a busy
//     fax is dialled again every five minutes, at most 12 times.
//   - 1 conference room: two hours a day to one bridge abroad.
//   - 1 doorman who calls a premium number (0900) once a week.
type honest struct {
	at      time.Time
	account string
	number  string
	talk    time.Duration
}

var foreign = []string{"0043171", "0041442", "0033142", "0031201", "0044207", "0039066", "0048226", "0012125", "0046812", "0045331", "0034915", "0042022", "0032225", "0081335", "0086108"}

func honestMonth(seed uint64, start time.Time, days int) (list []honest) {
	r := rand.New(rand.NewPCG(seed, 17))
	add := func(at time.Time, account, number string, mean time.Duration) {
		list = append(list, honest{at, account, number, time.Duration(r.ExpFloat64() * float64(mean))})
	}
	// day spreads calls over hours of a day.
	day := func(d time.Time, from, to float64, calls float64, each func(at time.Time)) {
		pause := (to - from) / calls
		for h := from + r.ExpFloat64()*pause; h < to; h += r.ExpFloat64() * pause {
			each(d.Add(time.Duration(h * float64(time.Hour))))
		}
	}
	home := func() string { return fmt.Sprintf("0%d%07d", 30+r.IntN(60), r.IntN(10_000_000)) }
	abroad := func(n int) string { return fmt.Sprintf("%s%05d", foreign[n%len(foreign)], r.IntN(100_000)) }
	for d := range days {
		date := start.AddDate(0, 0, d)
		workday := date.Weekday() != time.Saturday && date.Weekday() != time.Sunday
		for phone := range 36 {
			account := fmt.Sprint(201 + phone)
			if !workday {
				continue
			}
			day(date, 9, 18, 14, func(at time.Time) {
				switch {
				case r.IntN(25) == 0:
					add(at, account, abroad(phone+r.IntN(3)), 3*time.Minute)
				case r.IntN(40) == 0: // busy, and dialled again
					number := abroad(phone)
					for i := range 1 + r.IntN(8) {
						list = append(list, honest{at.Add(time.Duration(i) * 40 * time.Second), account, number, 0})
					}
				default:
					add(at, account, home(), 3*time.Minute)
				}
			})
		}
		for phone := range 5 {
			account := fmt.Sprint(241 + phone)
			trip := phone + r.IntN(3)
			if workday {
				day(date, 8, 19, 20, func(at time.Time) {
					if r.IntN(4) == 0 {
						add(at, account, abroad(trip+r.IntN(2)), 4*time.Minute)
					} else {
						add(at, account, home(), 3*time.Minute)
					}
				})
			}
		}
		if workday {
			day(date, 9, 20, 6*60*11, func(at time.Time) { add(at, "300", home(), 4*time.Minute) })
			day(date, 9, 20, 5, func(at time.Time) { add(at, "300", abroad(0), 3*time.Minute) })
			add(date.Add(15*time.Hour), "360", "00442071234567", 2*time.Hour)
			list[len(list)-1].talk = 2 * time.Hour
		}
		for phone := range 3 {
			account := fmt.Sprint(310 + phone)
			day(date, 22, 30, 8, func(at time.Time) { add(at, account, home(), 3*time.Minute) })
			day(date, 22, 30, 4, func(at time.Time) { add(at, account, "001212555"+fmt.Sprintf("%04d", r.IntN(5)), 3*time.Minute) })
		}
		for fax := range 3 {
			account := fmt.Sprint(320 + fax)
			day(date, 20, 30, 400, func(at time.Time) { add(at, account, home(), time.Minute) })
			day(date, 20, 30, 3, func(at time.Time) {
				number := abroad(fax)
				for i := range 1 + r.IntN(12)/8*r.IntN(12) {
					list = append(list, honest{at.Add(time.Duration(i) * 5 * time.Minute), account, number, time.Minute})
				}
			})
		}
		if date.Weekday() == time.Tuesday {
			add(date.Add(13*time.Hour), "399", "09001234567", 4*time.Minute)
		}
	}
	slices.SortStableFunc(list, func(a, b honest) int { return a.at.Compare(b.at) })
	return list
}

var berlin = time.FixedZone("CET", 3600)

func germany(more ...func(*configs.Calls)) *Settings {
	c := &configs.Calls{Enabled: true, Country: "DE", Night: "22:00-06:00", MaxAccounts: 5000, Currency: "EUR"}
	for _, m := range more {
		m(c)
	}
	return NewSettings(c, nil, berlin)
}

// play runs calls through an Engine, as AMI reports them: each begins, is answered and ends.
func play(e *Engine, list []honest, hear func(Finding, time.Time)) {
	type end struct {
		at      time.Time
		channel string
	}
	var ends []end
	tick := list[0].at
	until := func(now time.Time) {
		for len(ends) > 0 && ends[0].at.Before(now) {
			for _, f := range e.End(ends[0].channel, ends[0].at) {
				hear(f, ends[0].at)
			}
			ends = ends[1:]
		}
	}
	for i, c := range list {
		for tick.Before(c.at) {
			until(tick)
			for _, f := range e.Tick(tick) {
				hear(f, tick)
			}
			tick = tick.Add(30 * time.Second)
		}
		until(c.at)
		channel := fmt.Sprintf("PJSIP/%s-%08x", c.account, i)
		for _, f := range e.Begin(Call{Channel: channel, Account: c.account, Number: c.number, Began: c.at}, c.at) {
			hear(f, c.at)
		}
		if c.talk > 0 {
			e.Answer(channel, c.at)
		}
		at := c.at.Add(c.talk + 5*time.Second)
		n, _ := slices.BinarySearchFunc(ends, at, func(x end, t time.Time) int { return x.at.Compare(t) })
		ends = slices.Insert(ends, n, end{at, channel})
	}
}

// TestHonestMonth: a month of honest calls of 50 phones reaches no critical limit, seen over
// AMI or in call records, whatever the seed.
func TestHonestMonth(t *testing.T) {
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, berlin)
	for seed := range uint64(3) {
		list := honestMonth(seed, start, 30)
		warnings := map[string]int{}
		hear := func(f Finding, at time.Time) {
			if f.Level == Critical {
				t.Errorf("seed %d, %s: account %s: %s", seed, at, f.Account, f.What())
			}
			warnings[f.Account+" "+f.Kind.String()]++
		}
		play(New(germany(), start), list, hear)
		if len(warnings) > 6 {
			t.Errorf("seed %d: got %d warnings in %d calls: %v", seed, len(warnings), len(list), warnings)
		}
		t.Logf("seed %d: %d calls, warnings %v", seed, len(list), warnings)
		e := New(germany(), start)
		records := slices.Clone(list)
		slices.SortStableFunc(records, func(a, b honest) int { return a.at.Add(a.talk).Compare(b.at.Add(b.talk)) })
		for i, c := range records {
			now := c.at.Add(c.talk + 5*time.Second)
			for _, f := range e.Past(Call{Channel: fmt.Sprintf("PJSIP/%s-%08x", c.account, i), Account: c.account, Number: c.number, Began: c.at, Ended: now, Talk: c.talk}, now) {
				hear(f, now)
			}
		}
	}
}

// TestThieves: in the same honest calls a thief with the account of an office phone
// is found, however it calls.
func TestThieves(t *testing.T) {
	start := time.Date(2026, 3, 15, 0, 0, 0, 0, berlin)
	monday := start.AddDate(0, 0, 1)
	spread := func(at time.Time, n int, pause, talk time.Duration, number func(i int) string) (list []honest) {
		for i := range n {
			list = append(list, honest{at.Add(time.Duration(i) * pause), "207", number(i), talk})
		}
		return list
	}
	israel := func(i int) string { return fmt.Sprintf("00972591234%03d", i%40) }
	for name, tt := range map[string]struct {
		calls []honest
		most  int // of its calls before it is found
		kind  Kind
	}{
		"20 a minute":       {spread(monday.Add(3*time.Hour), 100, 3*time.Second, 30*time.Second, israel), 10, Concurrent},
		"short calls":       {spread(monday.Add(11*time.Hour), 100, 5*time.Second, 2*time.Second, israel), 10, PerMinute},
		"three long calls":  {spread(monday.Add(11*time.Hour), 30, 20*time.Minute, time.Hour, israel), 9, Minutes},
		"one after another": {spread(monday.Add(11*time.Hour), 60, 2*time.Minute, 90*time.Second, func(int) string { return "00252611234567" }), 30, Sequential},
		"slowly at night":   {spread(monday.Add(23*time.Hour), 40, 10*time.Minute, time.Minute, israel), 20, Night},
		"a country after another": {spread(monday.Add(11*time.Hour), 40, 5*time.Minute, time.Second, func(i int) string {
			return []string{"00222", "00232", "00252", "00960", "00675", "00677", "0053", "00248", "00371"}[i%9] + "45123456"
		}), 8, NewCountries},
		"premium, one by one": {spread(monday.Add(11*time.Hour), 30, 3*time.Minute, 150*time.Second, func(i int) string { return fmt.Sprintf("0900%07d", i) }), 26, Minutes},
		"satellites":          {spread(monday.Add(11*time.Hour), 30, 10*time.Second, time.Minute, func(i int) string { return fmt.Sprintf("+88216%06d", i) }), 4, Concurrent},
	} {
		t.Run(name, func(t *testing.T) {
			list := append(honestMonth(1, start, 3), tt.calls...)
			slices.SortStableFunc(list, func(a, b honest) int { return a.at.Compare(b.at) })
			var first *Finding
			var when time.Time
			play(New(germany(), start.AddDate(0, 0, -8)), list, func(f Finding, at time.Time) {
				if f.Level == Critical && first == nil {
					first, when = &f, at
				}
			})
			if first == nil || first.Account != "207" {
				t.Fatalf("got %+v, want account 207 found", first)
			}
			before := 0
			for _, c := range tt.calls {
				if !c.at.After(when) {
					before++
				}
			}
			if before > tt.most || first.Kind != tt.kind {
				t.Errorf("got %s after %d of its calls, want %s after %d at most", first.What(), before, tt.kind, tt.most)
			}
		})
	}
}
