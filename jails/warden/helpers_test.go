package warden

import (
	"net/netip"
	"testing"
	"time"

	"pbxjail/jails"
	"pbxjail/jails/book"
	"pbxjail/jails/jailstest"
	"pbxjail/parsers"
)

// What the tests of the judge and its rooms share, by short names.
var (
	start    = jailstest.Start()
	addr     = jailstest.Addr
	prefix   = jailstest.Prefix
	numbered = jailstest.Numbered
	failure  = jailstest.Failure
	with     = jailstest.With
)

// jailOf compiles a jail file with the defaults of jailstest.Spec.
func jailOf(t testing.TB, name, text string) *jails.Jail {
	t.Helper()
	j, err := jails.Compile(jailstest.Spec(t, name, text))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func judgeOf(list ...*jails.Jail) *jails.Judge {
	return jails.NewJudge(list, jails.NewGuard(nil, nil), book.NewBook(nil, nil), 1000, false)
}

func ban(p string, d time.Duration) book.Ban {
	return book.Ban{Prefix: prefix(p), Jail: "x", Since: start, Until: book.EndOf(start, d), Strike: 1}
}

func lineOf(text string) book.Line {
	return book.Line{Time: start, Text: parsers.TextOf([]byte(text))}
}

// fillBook enters so many bans of a day that end at a time.
func fillBook(b *book.Book, n int, until time.Time) {
	for i := range n {
		b.Put(book.Ban{Prefix: netip.PrefixFrom(numbered(i), 32), Since: until.Add(-24 * time.Hour), Until: until, Strike: 1})
	}
}
