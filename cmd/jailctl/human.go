package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs"
)

// brief writes a duration in one or two units: 47s, 1m30s, 47m, 1h30m, 3d4h.
func brief(d time.Duration) string {
	s := max(0, int64(d/time.Second))
	switch {
	case s >= 24*3600:
		return units(s, 24*3600, "d", 3600, "h")
	case s >= 3600:
		return units(s, 3600, "h", 60, "m")
	case s >= 600:
		return units(s, 60, "m", 60, "")
	case s >= 60:
		return units(s, 60, "m", 1, "s")
	}
	return units(s, 1, "s", 1, "")
}

func units(s, big int64, bigName string, small int64, smallName string) string {
	text := fmt.Sprint(s/big, bigName)
	if rest := s % big / small; rest > 0 {
		text += fmt.Sprint(rest, smallName)
	}
	return text
}

// bantime writes a number of seconds as a bantime, of which 0 has no end.
func bantime(seconds int64) string {
	if seconds == 0 {
		return "for ever"
	}
	return configs.FormatDuration(time.Duration(seconds) * time.Second)
}

// ago writes when something was. A clock that is ahead of ours was just now.
func (a *app) ago(t time.Time) string {
	d := a.now().Sub(t)
	if d < time.Second {
		return "just now"
	}
	return brief(d) + " ago"
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// left is how long a ban has still to go.
func left(b control.Ban) string {
	text := "for ever"
	if b.Until != nil {
		text = brief(time.Duration(b.LeftSeconds) * time.Second)
	}
	if b.Pending {
		text += " (pending)"
	}
	return text
}

// address writes a prefix of one address without its length.
func address(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func number[N int | int64 | uint64](n N) string { return fmt.Sprint(n) }

// points writes 1, 2.5, 0.333: a score or a maxretry.
func points(p float64) string { return strconv.FormatFloat(p, 'f', -1, 64) }
