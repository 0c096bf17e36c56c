package calls

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Saved is what was counted of one account, for Restore. Data is JSON of this package.
type Saved struct {
	Account string
	At      time.Time
	Data    []byte
}

// savedAccount is an account in Saved. It names no number but those of calls that run: without
// them, a call that goes on after a restart would count twice.
type savedAccount struct {
	Group   string        `json:"group,omitempty"`
	Last    int64         `json:"last"`
	Places  []Place       `json:"places,omitempty"`
	Buckets []savedBucket `json:"buckets,omitempty"`
	Calls   []savedCall   `json:"calls,omitempty"`
}

type savedBucket struct {
	Name    string       `json:"name"`
	Class   Class        `json:"class"`
	Country string       `json:"country,omitempty"`
	Hours   []savedHour  `json:"hours,omitempty"`
	Recent  [][2]int64   `json:"recent,omitempty"` // calls within the last minute: from when to when
	Number  string       `json:"number,omitempty"` // as hidden writes it
	Row     int          `json:"row,omitempty"`
	RowFrom int64        `json:"row_from,omitempty"`
	Warned  [kinds]int64 `json:"warned"`
}

type savedHour struct {
	Hour    int64  `json:"hour"` // since 1970
	Seconds int64  `json:"seconds,omitempty"`
	Cost    int64  `json:"cost,omitempty"`
	Calls   uint32 `json:"calls,omitempty"`
	Night   uint32 `json:"night,omitempty"`
	Fresh   uint32 `json:"fresh,omitempty"`
}

type savedCall struct {
	Channel string `json:"channel"`
	Number  string `json:"number"`
	First   int64  `json:"first"`          // when the channel called its first number
	Began   int64  `json:"began"`          // when it called this one
	Paid    int64  `json:"paid,omitempty"` // up to when its minutes are counted; 0: it is not answered
}

// hidden is a number that can be compared, and that is no number any more.
func hidden(digits string) string {
	if digits == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(digits))
	return hex.EncodeToString(sum[:8])
}

// TakeCounts returns what was counted since it was asked last, account by account.
func (e *Engine) TakeCounts(now time.Time) (list []Saved) {
	calls := map[*account][]savedCall{}
	for channel, r := range e.running {
		if e.dirty[r.account.name] {
			calls[r.account] = append(calls[r.account], r.saved(channel))
		}
	}
	for channel, r := range e.left {
		if e.dirty[r.account.name] {
			calls[r.account] = append(calls[r.account], r.saved(channel))
		}
	}
	for name := range e.dirty {
		if a := e.accounts[name]; a != nil {
			list = append(list, a.saved(calls[a], now))
		}
	}
	clear(e.dirty)
	return list
}

// PutCounts has accounts saved again whose counts could not be saved.
func (e *Engine) PutCounts(list []Saved) {
	for _, s := range list {
		e.dirty[s.Account] = true
	}
}

func (r *running) saved(channel string) savedCall {
	c := savedCall{Channel: channel, Number: r.call.Number, First: r.began.Unix(), Began: r.call.Began.Unix()}
	if !r.paid.IsZero() {
		c.Paid = r.paid.Unix()
	}
	return c
}

func (a *account) saved(calls []savedCall, now time.Time) Saved {
	s := savedAccount{Group: a.group, Last: a.last.Unix(), Calls: calls}
	for _, p := range a.places {
		if p.Country != "" {
			s.Places = append(s.Places, p)
		}
	}
	for _, b := range a.buckets {
		s.Buckets = append(s.Buckets, b.saved(now))
	}
	data, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("counts of an account cannot be written: %v", err)) // there are only texts and numbers in it
	}
	return Saved{a.name, now, data}
}

func (b *bucket) saved(now time.Time) savedBucket {
	b.at(now) // what is older goes
	s := savedBucket{Name: b.name, Class: b.seen.Class, Country: b.seen.Country, Number: b.number, Row: b.row, Warned: b.warned}
	if b.row > 0 {
		s.RowFrom = b.rowFrom.Unix()
	}
	for hour := b.hour - hoursKept + 1; hour <= b.hour; hour++ {
		h := b.hours[(hour%hoursKept+hoursKept)%hoursKept]
		if h != (hourly{}) {
			s.Hours = append(s.Hours, savedHour{hour, h.seconds, h.cost, h.calls, h.night, h.fresh})
		}
	}
	for _, p := range b.spans {
		if p.began > now.Unix()-60 {
			s.Recent = append(s.Recent, [2]int64{p.began, p.end})
		}
	}
	return s
}

// Restore takes over what TakeCounts returned before a restart. Calls that ran then count as
// running when Keep or a record names them again. What is older than a day is left out, and what
// cannot be read is an error: the rest is taken over all the same.
func (e *Engine) Restore(list []Saved, now time.Time) (err error) {
	for _, one := range list {
		if age := now.Sub(one.At); age > oldest || age < 0 {
			continue
		}
		var s savedAccount
		if wrong := json.Unmarshal(one.Data, &s); wrong != nil {
			err = fmt.Errorf("counts of calls of an account cannot be read: %w", wrong)
			continue
		}
		a := e.accounts[one.Account]
		if a == nil && len(e.accounts) >= e.set.MaxAccounts {
			continue
		}
		if a == nil {
			a = e.newAccount(one.Account)
		}
		e.restore(a, &s, now)
	}
	return err
}

func (e *Engine) restore(a *account, s *savedAccount, now time.Time) {
	if s.Group != "" {
		a.group = cut(s.Group)
	}
	a.last = time.Unix(s.Last, 0)
	copy(a.places[:], s.Places)
	for _, b := range s.Buckets {
		if len(a.buckets) < maxBuckets {
			a.buckets = append(a.buckets, e.bucketOf(&b, now))
		}
		for _, warned := range b.Warned {
			if warned > 0 {
				a.level = max(a.level, Warning) // calm ends it
			}
		}
	}
	for _, c := range s.Calls {
		if len(e.left) >= maxRunning {
			return
		}
		to := e.set.Plan.Read(c.Number)
		r := &running{
			account: a, bucket: a.bucket(e.set.bucketName(a.name, a.group, to)), to: to, began: time.Unix(c.First, 0), tried: []string{to.Digits},
			call: Call{Channel: c.Channel, Account: a.name, Group: a.group, Number: c.Number, Began: time.Unix(c.Began, 0)},
		}
		if c.Paid > 0 {
			r.paid = time.Unix(c.Paid, 0)
		}
		e.left[cut(c.Channel)] = r
	}
}

// bucketOf is a bucket of before. Of times, only those of the last day up to now are taken over.
func (e *Engine) bucketOf(s *savedBucket, now time.Time) *bucket {
	b := &bucket{name: s.Name, number: s.Number, row: s.Row, rowFrom: time.Unix(s.RowFrom, 0), warned: s.Warned}
	b.seen = Destination{Class: s.Class, Country: s.Country, index: slices.Index(e.set.Plan.table.countries, s.Country)}
	if s.Name != "" && s.Name[0] >= '0' && s.Name[0] <= '9' {
		b.seen.Digits = s.Name
	}
	for _, h := range s.Hours {
		if this := now.Unix() / 3600; h.Hour > this || h.Hour <= this-hoursKept {
			continue
		}
		if to := b.at(time.Unix(h.Hour*3600, 0)); to != nil {
			*to = hourly{h.Seconds, h.Cost, h.Calls, h.Night, h.Fresh}
		}
	}
	for _, p := range s.Recent[:min(len(s.Recent), spansKept)] {
		b.add(time.Unix(p[0], 0), time.Unix(p[1], 0))
	}
	return b
}

// confirm notes that a call of before a restart still runs, if there is one in a channel.
func (e *Engine) confirm(channel string) {
	r := e.left[channel]
	if r == nil {
		return
	}
	delete(e.left, channel)
	if len(e.running) < maxRunning {
		e.running[channel] = r
		r.bucket.running++
		r.account.running++
		e.dirty[r.account.name] = true
	}
}

// keepLeft takes the channels that there are after a restart: a call of before that has none is
// over, and its minutes count as far as they were seen.
func (e *Engine) keepLeft(there map[string]bool, now time.Time) {
	for channel, r := range e.left {
		if there[channel] {
			e.confirm(channel)
			continue
		}
		delete(e.left, channel)
		e.finish(channel, over{r.tried, r.began.Unix(), now.Unix(), true})
		e.dirty[r.account.name] = true
	}
}

// endLeft takes the record of a call that ran before a restart: the minutes since then count.
func (e *Engine) endLeft(r *running, c *Call, now time.Time) []Finding {
	talk, ended := c.Talk, earlier(c.Ended, now)
	if !r.paid.IsZero() {
		talk = min(talk, ended.Sub(r.paid))
	}
	e.charge(r.bucket, r.to, talk, ended)
	e.finish(c.Channel, over{r.tried, r.began.Unix(), ended.Unix(), true})
	e.dirty[r.account.name] = true
	return e.judge(r.account, r.bucket, nil, r.to, 0, now)
}
