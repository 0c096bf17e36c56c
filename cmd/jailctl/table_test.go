package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	for _, c := range []struct {
		name    string
		columns int
		want    string
	}{
		{"as wide as it is", 0, "" +
			"ADDRESS                     JAIL      REASON\n" +
			"2001:db8:ffff:ffff::ffff:1  guessing  5 points within 10m, maxretry 5; agent friendly-scanner x5\n" +
			"192.0.2.1                   sipsec    -\n"},
		{"the last column is broken", 75, "" +
			"ADDRESS                     JAIL      REASON\n" +
			"2001:db8:ffff:ffff::ffff:1  guessing  5 points within 10m, maxretry 5;\n" +
			"                                      agent friendly-scanner x5\n" +
			"192.0.2.1                   sipsec    -\n"},
		{"the last column is below", 45, "" +
			"ADDRESS                     JAIL\n" +
			"    REASON\n" +
			"2001:db8:ffff:ffff::ffff:1  guessing\n" +
			"    5 points within 10m, maxretry 5; agent\n" +
			"    friendly-scanner x5\n" +
			"192.0.2.1                   sipsec\n" +
			"    -\n"},
	} {
		var out bytes.Buffer
		table := newTable(&out, "ADDRESS", "JAIL", "REASON")
		table.columns = c.columns
		table.row("2001:db8:ffff:ffff::ffff:1", "guessing", "5 points within 10m, maxretry 5; agent friendly-scanner x5")
		table.row("192.0.2.1", "sipsec", "")
		if err := table.end(); err != nil || out.String() != c.want {
			t.Errorf("%s: got %v\n%s\nwant\n%s", c.name, err, out.String(), c.want)
		}
	}
}

// A long table is printed part by part, and its columns never get narrower.
func TestLongTable(t *testing.T) {
	var out bytes.Buffer
	table := newTable(&out, "A", "B")
	for range rowsAtOnce {
		table.row("wide enough", "x")
	}
	if out.Len() == 0 {
		t.Error("got nothing before the end")
	}
	table.row("a", "x")
	if err := table.end(); err != nil || !strings.HasSuffix(out.String(), "\na            x\n") {
		t.Errorf("got %v, ...%q", err, out.String()[out.Len()-40:])
	}
}

func TestColumns(t *testing.T) {
	for _, c := range []struct {
		wide bool
		env  string
		want int
	}{{false, "", 100}, {false, "x", 100}, {false, "12", 100}, {false, "132", 132}, {true, "132", 0}, {true, "", 0}} {
		if got := columns(c.wide, c.env); got != c.want {
			t.Errorf("wide %v, COLUMNS=%s: got %d, want %d", c.wide, c.env, got, c.want)
		}
	}
}

// FuzzTable: no line is wider than it may be, as long as the first column leaves room, and
// no letter of a cell is lost.
func FuzzTable(f *testing.F) {
	f.Add("192.0.2.1", "guessing", "5 points within 10m, maxretry 5", 60)
	f.Add("a", "b", strings.Repeat("x", 500), 40)
	f.Fuzz(func(t *testing.T, a, b, c string, columns int) {
		if columns < leastColumns || columns > 300 || len(a) > 5 {
			return
		}
		var out bytes.Buffer
		table := newTable(&out, "A", "B", "C")
		table.columns = columns
		table.row(a, b, c)
		if err := table.end(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if len(line) > columns+1 && len(a)*8 < 20 {
				t.Errorf("got %d columns, want at most %d: %q", len(line)-1, columns, line)
			}
		}
		letters := func(s string) (n int) { return len(strings.Join(strings.Fields(s), "")) }
		var whole bytes.Buffer
		wide := newTable(&whole, "A", "B", "C")
		wide.row(a, b, c)
		if err := wide.end(); err != nil || letters(whole.String()) != letters(out.String()) {
			t.Errorf("got %q of %q", out.String(), whole.String())
		}
	})
}
