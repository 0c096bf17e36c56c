package calls

import (
	"slices"
	"time"
)

// Call is a call that an account makes.
type Call struct {
	Channel string // its name in Asterisk, which is its name here
	Account string // whose call it is: who Asterisk let make it
	Group   string // the accountcode; ""
	Number  string // as dialled; any bytes of the caller
	Began   time.Time
	Ended   time.Time     // zero: it runs
	Talk    time.Duration // of a call that is over
	// Unproven: a caller without an account may have claimed this one. Then the account is only
	// reported.
	Unproven bool
}

// Accounts that are many together: no one can bar these.
const (
	// Others is the account in which accounts are counted for which there is no room.
	Others = "(others)"
	// Guests is the account of callers who have none.
	Guests = "(guests)"
)

// IsPool reports whether an account is many together.
func IsPool(account string) bool { return account == Others || account == Guests }

const (
	// maxRunning bounds the calls that run. More are counted, but not as running.
	maxRunning = 20_000
	// maxDone is how many calls that are over are remembered, so that their record is not
	// counted again.
	maxDone = 4096
	// maxTried bounds the numbers that are remembered of a channel.
	maxTried = 16
	// maxName bounds the names of accounts, groups and channels, in bytes.
	maxName = 80
	// oldest is how old a call may be and still count for limits.
	oldest = 24 * time.Hour
	// learning is how long countries are learned before new ones count.
	learning = 7 * 24 * time.Hour
)

// Engine counts calls, and knows who is at a limit. It has no lock and no clock.
type Engine struct {
	set      *Settings
	born     time.Time // when it began to learn countries; zero: now is not known
	accounts map[string]*account
	running  map[string]*running
	done     map[string]over // calls that are over, by channel
	order    [maxDone]string // of done
	next     int
	known    map[string]*countrySet // the countries that accounts have called
	left     map[string]*running    // calls that ran when the counts were saved, until a source says whether they still do
	changed  map[string]bool        // accounts with countries to be saved
	dirty    map[string]bool        // accounts with counts to be saved
	pooled   uint64                 // calls that had no room of their own
}

type running struct {
	account *account
	bucket  *bucket
	to      Destination
	call    Call
	began   time.Time // when the channel called its first number
	tried   []string  // the numbers that the channel has called, the latest last
	paid    time.Time // up to when its minutes are counted; zero: it is not answered
}

// over is a call that is over.
type over struct {
	numbers      []string
	began, ended int64 // the times of its beginning may be between these, in unix time
	live         bool  // it was seen running: its minutes are counted
}

// is reports whether a record is about the same call. After a restart Asterisk uses the names
// of channels again.
func (o over) is(to Destination, began time.Time) bool {
	at := began.Unix()
	return at >= o.began-2 && at <= o.ended+2 && slices.Contains(o.numbers, to.Digits)
}

// New makes an Engine. born is when its countries began to be learned.
func New(set *Settings, born time.Time) *Engine {
	return &Engine{set: set, born: born, accounts: map[string]*account{}, running: map[string]*running{}, left: map[string]*running{}, done: map[string]over{}, known: map[string]*countrySet{}, changed: map[string]bool{}, dirty: map[string]bool{}}
}

// Set changes the settings. What was counted stays.
func (e *Engine) Set(set *Settings) { e.set = set }

// Begin notes a call that begins. It returns what it leads to: at most one finding of each
// kind. A channel that calls a number again changes nothing: a queue calls the same phones for
// as long as its caller waits. Each further number of a channel counts as a call that begins
// now. A channel that calls an emergency number makes no other call any more.
func (e *Engine) Begin(c Call, now time.Time) (found []Finding) {
	c = trimmed(c)
	to := e.set.Plan.Read(c.Number)
	r := e.running[c.Channel]
	if to.Class == Emergency && r != nil {
		return e.End(c.Channel, now)
	}
	if to.Class < National || c.Account == "" {
		return nil
	}
	delete(e.left, c.Channel) // Asterisk was restarted, and uses the name again
	c.Began = earlier(c.Began, now)
	first, tried := c.Began, []string(nil)
	if r != nil {
		if slices.Contains(r.tried, to.Digits) {
			e.calls(r, to, now)
			return nil
		}
		found = e.End(c.Channel, now)
		c.Began, first, tried = now, r.began, r.tried[max(0, len(r.tried)-maxTried+1):]
	}
	a, b := e.count(&c, to, now)
	if len(e.running) < maxRunning {
		e.running[c.Channel] = &running{account: a, bucket: b, to: to, call: c, began: first, tried: append(slices.Clone(tried), to.Digits)}
		b.running++
		a.running++
	}
	return append(found, e.judge(a, b, &c, to, b.running, now)...)
}

// calls notes that a channel calls again a number that it has called before. Its minutes count
// for this number from now on.
func (e *Engine) calls(r *running, to Destination, now time.Time) {
	if r.to.Digits == to.Digits { // over another trunk
		return
	}
	e.pay(r, now)
	b := r.account.bucket(e.set.bucketName(r.account.name, r.account.group, to))
	r.bucket.running--
	b.running++
	r.to, r.bucket, r.paid = to, b, time.Time{}
}

// Answer notes that a call is answered: its minutes begin.
func (e *Engine) Answer(channel string, now time.Time) {
	e.confirm(cut(channel))
	if r := e.running[cut(channel)]; r != nil && r.paid.IsZero() {
		r.paid = now
		e.dirty[r.account.name] = true
	}
}

// Runs reports whether a call of an account runs in a channel.
func (e *Engine) Runs(channel, account string) bool {
	r := e.running[cut(channel)]
	return r != nil && r.account.name == account
}

// End notes that a call is over.
func (e *Engine) End(channel string, now time.Time) []Finding {
	channel = cut(channel)
	e.confirm(channel)
	r := e.running[channel]
	if r == nil {
		return nil
	}
	e.pay(r, now)
	e.dirty[r.account.name] = true
	delete(e.running, channel)
	r.bucket.running--
	r.account.running--
	e.finish(channel, over{r.tried, r.began.Unix(), now.Unix(), true})
	for i := range r.bucket.spans {
		if s := &r.bucket.spans[i]; s.end == 0 && s.began == r.call.Began.Unix() {
			s.end = now.Unix()
			break
		}
	}
	return e.judge(r.account, r.bucket, nil, r.to, 0, now)
}

// Keep ends all calls that are not in a list of channels and began before asked: a source that
// was away has asked which calls there are.
func (e *Engine) Keep(channels []string, asked, now time.Time) (found []Finding) {
	there := make(map[string]bool, len(channels))
	for _, channel := range channels {
		there[cut(channel)] = true
	}
	e.keepLeft(there, now)
	for channel, r := range e.running {
		if !there[channel] && r.call.Began.Before(asked) {
			found = append(found, e.End(channel, now)...)
		}
	}
	return found
}

// Past notes a call that is over, from its record. A call that was seen running is not counted
// again. One that is older than a day teaches countries only.
func (e *Engine) Past(c Call, now time.Time) []Finding {
	c = trimmed(c)
	to := e.set.Plan.Read(c.Number)
	if to.Class < National || c.Account == "" || c.Ended.Before(c.Began) {
		return nil
	}
	if r := e.running[c.Channel]; r != nil {
		return e.End(c.Channel, now)
	}
	if r := e.left[c.Channel]; r != nil {
		delete(e.left, c.Channel)
		if (over{r.tried, r.began.Unix(), r.began.Unix(), true}).is(to, c.Began) {
			return e.endLeft(r, &c, now)
		}
	}
	c.Began, c.Ended = earlier(c.Began, now), earlier(c.Ended, now)
	before, known := e.done[c.Channel]
	again := known && before.is(to, c.Began)
	if again && before.live {
		return nil
	}
	if now.Sub(c.Ended) > oldest {
		e.learn(e.account(&c, now), to, c.Began)
		return nil
	}
	if again { // Asterisk writes one record for each phone that a call rings at
		a := e.account(&c, now)
		b := a.bucket(e.set.bucketName(a.name, a.group, to))
		e.charge(b, to, c.Talk, c.Ended)
		e.dirty[a.name] = true
		return e.judge(a, b, nil, to, 0, now)
	}
	a, b := e.count(&c, to, now)
	e.finish(c.Channel, over{[]string{to.Digits}, c.Began.Unix(), c.Began.Unix(), false})
	e.charge(b, to, c.Talk, c.Ended)
	return e.judge(a, b, &c, to, b.overlap(c.Began, c.Ended), now)
}

// Tick counts the minutes of the calls that run. Call it every few seconds.
func (e *Engine) Tick(now time.Time) (found []Finding) {
	for _, r := range e.running {
		if e.pay(r, now) {
			found = append(found, e.judge(r.account, r.bucket, nil, r.to, 0, now)...)
		}
	}
	return found
}

// pay counts the minutes of a call up to now.
func (e *Engine) pay(r *running, now time.Time) bool {
	if r.paid.IsZero() || !now.After(r.paid) {
		return false
	}
	e.charge(r.bucket, r.to, now.Sub(r.paid), now)
	e.dirty[r.account.name] = true
	r.paid = now
	return true
}

func (e *Engine) charge(b *bucket, to Destination, talk time.Duration, at time.Time) {
	if h := b.at(at); h != nil && talk > 0 {
		seconds := int64((talk + time.Second - 1) / time.Second)
		h.seconds += seconds
		h.cost += cost(e.set.rate(to), seconds)
	}
}

// count notes a call that began, in its account.
func (e *Engine) count(c *Call, to Destination, now time.Time) (*account, *bucket) {
	a := e.account(c, now)
	b := a.bucket(e.set.bucketName(a.name, a.group, to))
	b.seen = to
	b.add(c.Began, c.Ended)
	another := b.dial(to, c.Began)
	if h := b.at(c.Began); h != nil {
		h.calls++
		if another && e.set.isNight(c.Began) { // a number that is dialled again counts as sequential
			h.night++
		}
		if e.learn(a, to, c.Began) && to.Class != National && now.Sub(e.born) >= learning {
			h.fresh++
		}
	}
	a.note(to)
	a.unproven = c.Unproven
	e.dirty[a.name] = true
	return a, b
}

// finish remembers that a call is over.
func (e *Engine) finish(channel string, o over) {
	if channel == "" {
		return
	}
	if _, known := e.done[channel]; !known {
		delete(e.done, e.order[e.next])
		e.order[e.next] = channel
		e.next = (e.next + 1) % maxDone
	}
	e.done[channel] = o
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || a.After(b) {
		return b
	}
	return a
}

func trimmed(c Call) Call {
	c.Channel, c.Account, c.Group = cut(c.Channel), cut(c.Account), cut(c.Group)
	return c
}

func cut(name string) string { return name[:min(len(name), maxName)] }
