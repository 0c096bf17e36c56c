package jails

import (
	"fmt"
	"net/netip"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/recent"
	"pbxjail/parsers"
)

// misdials count the calls of our own endpoints to numbers that do not exist. Such a call
// has an account, so it never leads to a ban. Many of them raise an alarm, because a stolen
// password looks the same. Owned by one Judge; bounded.
type misdials struct {
	callers recent.Map[recent.Addr, misdialled]
}

type misdialled struct {
	since time.Time // the first counted call
	calls int
}

const (
	// misdialsAlarm is how many misdials of an address within misdialsWithin raise an alarm.
	misdialsAlarm  = 10
	misdialsWithin = time.Hour
	maxMisdials    = 1024
)

func newMisdials() misdials { return misdials{recent.Map[recent.Addr, misdialled]{Max: maxMisdials}} }

// hear counts one misdial at now and calls decide with an alarm when there are many,
// once within misdialsWithin.
func (m *misdials) hear(e *parsers.Event, now time.Time, decide func(Verdict)) {
	key := recent.Addr(e.Addr.As16())
	c, known := m.callers.Get(key)
	if age := now.Sub(c.since); !known || age > misdialsWithin || age < -misdialsWithin {
		c = misdialled{since: now}
	}
	c.calls++
	m.callers.Put(key, c)
	if c.calls != misdialsAlarm {
		return
	}
	reason := fmt.Sprintf("account %s dialled %d numbers that do not exist within 1h. Look at its calls: the phone dials wrong numbers, or someone stole its password", e.Account, c.calls)
	decide(Verdict{Ban: book.Ban{Prefix: netip.PrefixFrom(e.Addr, e.Addr.BitLen()), Jail: "fraud", Since: now.UTC(), Reason: reason}, Alarm: true})
}
