package main

import (
	"strconv"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

// bantime writes a number of seconds as a bantime, of which 0 has no end.
func bantime(seconds int64) string {
	if seconds == 0 {
		return "forever"
	}
	return show.Duration(time.Duration(seconds) * time.Second)
}

// stamp writes a moment: in local time, or in UTC where that is asked for.
func (a *app) stamp(t time.Time) string {
	if a.utc {
		return show.Stamp(t)
	}
	return show.StampIn(t, time.Local)
}

// ago writes when something was.
func (a *app) ago(t time.Time) string { return show.Ago(t, a.now()) }

// timeLeft is how long a ban has still to go.
func timeLeft(b control.Ban) string {
	if b.Until == nil {
		return "forever"
	}
	return show.Brief(time.Duration(b.LeftSeconds) * time.Second)
}

// left is timeLeft, and says when the ban is not in the firewall.
func left(b control.Ban) string {
	text := timeLeft(b)
	if b.Pending {
		text += " (not in firewall yet)"
	}
	return text
}

func number[N int | int64 | uint64](n N) string {
	if n < 0 {
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatUint(uint64(n), 10)
}

// points writes 1, 2.5, 0.333: a score or a maxretry.
func points(p float64) string { return strconv.FormatFloat(p, 'f', -1, 64) }
