package home

import (
	"time"

	"pbxjail/jails/recent"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// wrongNames are account names that do not exist and that a phone repeats at an address
// where accounts are at home. One name that comes again finds no account, so it counts only
// a few times. Other names count in full: they look for accounts. Owned by one Judge;
// bounded.
type wrongNames struct {
	names   recent.Map[homeKey, wrongName]
	calls   recent.Map[call, string] // the name in it, where it no longer counts
	reports recent.Map[recent.Addr, *report]
}

type wrongName struct {
	witness.Tellings
	last int64 // unix ms: when Asterisk last said that there is no such account
}

const (
	maxWrongNames = 16_384
	// nameCounts is how many reports of each witness count for one wrong name.
	nameCounts = 2
	// nameKept is how long after its last report a wrong name is remembered, and nameHolds
	// how long the wire, which cannot know which accounts exist, goes by it.
	nameKept  = 3 * 24 * time.Hour
	nameHolds = time.Hour
)

func newWrongNames() wrongNames {
	return wrongNames{
		names:   recent.Map[homeKey, wrongName]{Max: maxWrongNames},
		calls:   recent.Map[call, string]{Max: maxCalls},
		reports: recent.Map[recent.Addr, *report]{Max: maxReports},
	}
}

// LearnName notes a record that says that an account does not exist, or that it does. The
// caller must not pass records that their packets contradict. It reports whether the name
// came so often that it no longer counts.
func (hs *Homes) LearnName(log uint16, e *parsers.Event, now time.Time) bool {
	key, ok := hs.nameKey(e, now)
	if !ok || e.Channel == parsers.ChannelWire && e.Kind != parsers.UnknownAccount {
		return false
	}
	w, known := hs.wrong.names.Get(key)
	switch {
	case e.Kind == parsers.BadPassword && (e.Channel == parsers.ChannelSecurity || e.Service != parsers.PJSIP):
		if known && w.last != 0 {
			hs.wrong.names.Put(key, wrongName{}) // it exists
		}
		return false
	case e.Kind != parsers.UnknownAccount:
		return false
	}
	if age := time.Duration(now.UnixMilli()-w.last) * time.Millisecond; age > nameKept {
		w = wrongName{}
	}
	w.last = now.UnixMilli()
	w.Add(witness.Witness{Source: log, Channel: e.Channel, Service: e.Service})
	hs.wrong.names.Put(key, w)
	if w.Count() <= nameCounts {
		return false
	}
	if !e.Session.Empty() {
		hs.wrong.calls.Put(hs.callOf(e), key.account)
	}
	return true
}

// nameKey is the key of the name in a failure, at an address where accounts are at home.
func (hs *Homes) nameKey(e *parsers.Event, now time.Time) (key homeKey, ok bool) {
	f := witness.FamilyOf(e.Service)
	if f == witness.NoFamily || !e.Addr.IsValid() || !e.Refused() || !hs.LogsIn(e.Addr, now) {
		return key, false
	}
	account := AccountName(e.Account.Raw())
	if len(account) == 0 {
		return key, false
	}
	return homeKey{homeOf(e.Addr), f, string(account)}, true
}

// repeatsWrongName reports whether a failure is of a name that does not exist and that
// counted already at an address where accounts are at home. It is reported to the admin.
func (hs *Homes) repeatsWrongName(log uint16, e *parsers.Event, now time.Time, alarm func(Alarm)) bool {
	if hs.LearnName(log, e, now) {
		hs.addReport(&hs.wrong.reports, log, e, string(AccountName(e.Account.Raw())), now, alarm)
		return true
	}
	if e.Kind != parsers.BadPassword {
		return false
	}
	if e.Channel == parsers.ChannelWire {
		key, ok := hs.nameKey(e, now)
		w, _ := hs.wrong.names.Get(key)
		if !ok || w.Count() <= nameCounts || (time.Duration(now.UnixMilli()-w.last)*time.Millisecond).Abs() >= nameHolds {
			return false
		}
		hs.addReport(&hs.wrong.reports, log, e, key.account, now, alarm)
		return true
	}
	// PJSIP writes a second record of the request, of the password that it could not check.
	if e.Service != parsers.PJSIP || e.Session.Empty() || !e.Addr.IsValid() || !hs.LogsIn(e.Addr, now) {
		return false
	}
	name, ok := hs.wrong.calls.Get(hs.callOf(e))
	account := AccountName(e.Account.Raw())
	return ok && (e.Channel == parsers.ChannelSecurity && len(account) == 0 || e.Channel == parsers.ChannelNotice && string(account) == name)
}
