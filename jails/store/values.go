package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"pbxjail/configs/ports"
	"pbxjail/configs/prefix"
	"pbxjail/parsers"
)

// forever is the until of a ban without an end. It is also where nanoseconds
// end, in the year 2262: a ban longer than that has no end.
const forever = math.MaxInt64

// noTime is the value for the zero time, which has no nanoseconds.
const noTime = math.MinInt64

// nanos is t for the file. Times outside the years 1678 to 2262 are moved to
// the nearer end.
func nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return noTime
	case t.Before(time.Unix(0, noTime+1)):
		return noTime + 1
	case t.After(time.Unix(0, forever-1)):
		return forever - 1
	}
	return t.UnixNano()
}

func timeOf(n int64) time.Time {
	if n == noTime {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func untilNanos(t time.Time) int64 {
	if t.IsZero() {
		return forever
	}
	return nanos(t)
}

func untilOf(n int64) time.Time {
	if n == forever {
		return time.Time{}
	}
	return timeOf(n)
}

// canonical is the one spelling of p, so that equal prefixes are equal texts.
func canonical(p netip.Prefix) (string, error) {
	if !p.IsValid() {
		return "", fmt.Errorf("not a valid prefix")
	}
	return prefix.Unmap(p).String(), nil
}

// words are how evidence is written: the numbers in parsers may change.
var words = [...]string{parsers.NoEvidence: "", parsers.Claimed: "claimed", parsers.Seen: "seen", parsers.Proven: "proven"}

// wordOf writes an unknown kind as no evidence, the weakest.
func wordOf(e parsers.Evidence) string {
	if int(e) >= len(words) {
		return ""
	}
	return words[e]
}

// evidenceOf reads an unknown word as no evidence.
func evidenceOf(word string) parsers.Evidence {
	return parsers.Evidence(max(0, slices.Index(words[:], word)))
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

// names holds strings that repeat in every row once, instead of once per row.
// The nil names holds nothing.
type names map[string]string

// maxNames bounds names: reasons may all differ, and then are not worth it.
const maxNames = 4096

func (n names) one(text []byte) string {
	if known, ok := n[string(text)]; ok {
		return known
	}
	s := string(text)
	if n != nil && len(n) < maxNames {
		n[s] = s
	}
	return s
}

// written is a value as JSON for a column, NULL when there is none.
func written(v any, there bool) (sql.NullString, error) {
	if !there {
		return sql.NullString{}, nil
	}
	text, err := json.Marshal(v)
	return sql.NullString{String: string(text), Valid: true}, err
}

// portsOf reads what a ban closes. A value that cannot be read means every port: a ban that
// closes too little would be worse. It is kept in its one spelling.
func portsOf(text string) ports.Set {
	if text == "" || text == ports.All.String() {
		return ports.All
	}
	s, err := ports.Parse(text)
	if err != nil {
		return ports.All
	}
	return s
}
