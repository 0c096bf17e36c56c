package jails

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pbxjail/jails/book"
	"pbxjail/jails/jailstest"
	"pbxjail/jails/tally"
	"pbxjail/parsers"
)

// What the tests of all rooms share, by short names.
var (
	start    = jailstest.Start()
	addr     = jailstest.Addr
	prefix   = jailstest.Prefix
	only     = jailstest.Only
	numbered = jailstest.Numbered
	failure  = jailstest.Failure
	with     = jailstest.With
)

// jailOf compiles a jail file with the defaults of jailstest.Spec.
func jailOf(t testing.TB, name, text string) *Jail {
	t.Helper()
	j, err := Compile(jailstest.Spec(t, name, text))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func judgeOf(jails ...*Jail) *Judge {
	return NewJudge(jails, NewGuard(nil, nil), book.NewBook(nil, nil), 1000, false)
}

// hear judges an event of /log, and puts what is decided into the book as the
// daemon does.
func hear(j *Judge, e *parsers.Event, at time.Time) []Verdict { return hearIn(j, "/log", e, at) }

func hearIn(j *Judge, file string, e *parsers.Event, at time.Time) (list []Verdict) {
	j.Hear(j.Source(file), e, at, func(v Verdict) {
		switch {
		case v.Protected != "" || v.Alarm:
		case v.Observe:
			j.observed.Put(v.Ban)
		default:
			j.book.Put(v.Ban)
		}
		list = append(list, v)
	})
	return list
}

// score is what a jail holds against an address.
func score(j *Judge, jail int, a string, at time.Time) parsers.Points {
	t := tallyOf(j, jail, a, at)
	if t == nil {
		return 0
	}
	return t.Strongest(at.UnixMilli(), j.jails[jail].span.Find, j.jails[jail].least, false).Score
}

func tallyOf(j *Judge, jail int, a string, at time.Time) *tally.Tally {
	return j.table.Find(tally.KeyOf(addr(a), j.jails[jail].memory.id), j.jails[jail].span, at.UnixMilli())
}

func word(v Verdict) string {
	what := "ban"
	switch {
	case v.Protected != "":
		what = "protected: " + v.Protected
	case v.Observe:
		what = "observed"
	}
	return fmt.Sprintf("%s %s by %s", what, v.Ban.Prefix, v.Ban.Jail)
}

func words(list []Verdict) string {
	var out []string
	for _, v := range list {
		out = append(out, word(v))
	}
	return strings.Join(out, "; ")
}
