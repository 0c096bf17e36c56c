// Package messages sends messages to admins: by mail, to a webhook, to a chat, or to a
// program of their own. The daemon calls it with what the warden decided and with what is
// wrong, and the main file says who gets what.
//
// It must never make its caller wait: Hear takes a lock that is held for no longer than a copy.
// It must never show a secret, in an error or a log, and never hand text of a log to a
// reader unescaped. All that waits is bounded in number and in bytes.
package messages

import (
	"net/netip"
	"time"
)

// Kind is what an event is about, as notify.channels.kinds of the main file names it.
type Kind string

// The kinds. Each has a severity of its own.
const (
	Guessed     Kind = "guessed"
	Stolen      Kind = "stolen"
	Enforcement Kind = "enforcement"
	Blind       Kind = "blind"
	Protected   Kind = "protected"
	Forged      Kind = "forged"
	Fraud       Kind = "fraud"
	ManyBans    Kind = "many-bans"
	Feed        Kind = "feed"
	Ban         Kind = "ban"
	Test        Kind = "test" // goes where it is sent to, whatever the channel takes
)

// titles say in a few words what a kind is. They hold no text of others.
var titles = map[Kind]string{
	Guessed:     "someone may have guessed a password",
	Stolen:      "an account makes calls like a thief",
	Enforcement: "bans are not in force",
	Blind:       "a log is not read",
	Protected:   "a protected address attacks",
	Forged:      "a log line may be forged",
	Fraud:       "calls look like fraud",
	ManyBans:    "many bans",
	Feed:        "a list of bad addresses is not up to date",
	Ban:         "bans",
	Test:        "test message",
}

// Severity is how much an event matters.
type Severity uint8

// The severities, the least first.
const (
	Info Severity = iota
	Warning
	Critical
)

func (s Severity) String() string {
	return [...]string{"info", "warning", "critical"}[min(s, Critical)]
}

// MarshalText writes the word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word; what it does not know is info.
func (s *Severity) UnmarshalText(text []byte) error {
	*s = Info
	for _, one := range []Severity{Warning, Critical} {
		if string(text) == one.String() {
			*s = one
		}
	}
	return nil
}

// Severity is that of the kind.
func (k Kind) Severity() Severity {
	switch k {
	case Guessed, Stolen, Enforcement, Blind:
		return Critical
	case Ban, Test:
		return Info
	}
	return Warning
}

// Event is one thing that happened. What and Hint are sentences: printable ASCII, with
// text of others escaped (configs/show).
type Event struct {
	Kind     Kind
	At       time.Time
	What     string
	Hint     string
	Prefix   netip.Prefix // zero: it is about no address
	Country  string       // of the prefix; "": not known
	Jail     string       // of a ban
	Observed bool         // a ban that drops nothing
	Over     bool         // what was wrong is no longer wrong
	Mild     bool         // it is a warning, though its kind is critical

	before int  // how many bans a flood had before it was one
	flood  bool // a ban of a flood
}

// Severity is that of the kind, or less.
func (e *Event) Severity() Severity {
	if e.Mild {
		return min(e.Kind.Severity(), Warning)
	}
	return e.Kind.Severity()
}

// flood counts the bans of a minute. The zero value has none. It is for one caller at a time.
type flood struct {
	bans  [60]int // by second
	at    int64   // the latest second, in unix time
	sum   int
	holds bool
}

// ban counts a ban, and reports how many the last minute has, and whether a flood begins
// with it. A flood ends when a minute has less than a quarter of many.
func (f *flood) ban(now time.Time, many int) (bans int, begins bool) {
	second, minute := now.Unix(), int64(len(f.bans))
	if second-f.at > minute {
		*f = flood{at: second, holds: f.holds}
	}
	for f.at < second {
		f.at++
		slot := &f.bans[f.at%minute]
		f.sum -= *slot
		*slot = 0
	}
	f.bans[f.at%minute]++
	f.sum++
	switch {
	case !f.holds && f.sum >= many:
		f.holds = true
		return f.sum, true
	case f.holds && f.sum < many/4:
		f.holds = false
	}
	return f.sum, false
}
