package jails

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pbxjail/configs"
	"pbxjail/jails/book"
)

// day is what happens to one address: lines of logs, each repeated at its times.
type day struct {
	name, want string // want: "JAIL BADLINES PORTS", the lines until the ban; "-": no ban
	lines      []dayLine
}

type dayLine struct {
	log, text string
	at, every time.Duration
	times     int
}

// TestHonestDays plays days of honest people, and of attackers, through all shipped jails, as
// jailctl setup switches them on.
func TestHonestDays(t *testing.T) {
	for _, d := range loadDays(t) {
		t.Run(d.name, func(t *testing.T) {
			if got := d.play(t); got != d.want {
				t.Errorf("got %q, want %q", got, d.want)
			}
		})
	}
}

func loadDays(t *testing.T) (list []*day) {
	t.Helper()
	f, err := os.Open("testdata/honest.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]*day{}
	for _, row := range rows[1:] {
		d := known[row[0]]
		if d == nil {
			d = &day{name: row[0], want: row[1]}
			known[row[0]] = d
			list = append(list, d)
		}
		l := dayLine{log: row[2], text: row[6]}
		var errs [3]error
		l.at, errs[0] = time.ParseDuration(row[3])
		l.every, errs[1] = time.ParseDuration(row[4])
		l.times, errs[2] = strconv.Atoi(row[5])
		for _, err := range errs {
			if err != nil {
				t.Fatalf("%s: %v", row[0], err)
			}
		}
		d.lines = append(d.lines, l)
	}
	return list
}

// logs writes the lines of the day, each log in the order of its times.
func (d *day) logs() (list []Log) {
	type written struct {
		at   time.Time
		text string
	}
	all := map[string][]written{}
	midnight := time.Date(2024, 3, 5, 0, 0, 0, 0, time.UTC)
	for _, l := range d.lines {
		for i := range l.times {
			at := midnight.Add(l.at + time.Duration(i)*l.every)
			all[l.log] = append(all[l.log], written{at, fill(l.text, i, at)})
		}
	}
	for log, lines := range all {
		slices.SortStableFunc(lines, func(x, y written) int { return x.at.Compare(y.at) })
		var text strings.Builder
		for _, l := range lines {
			text.WriteString(l.text + "\n")
		}
		list = append(list, Log{Name: log, Text: strings.NewReader(text.String()), Until: midnight.Add(48 * time.Hour)})
	}
	slices.SortFunc(list, func(x, y Log) int { return cmp.Compare(x.Name, y.Name) })
	return list
}

// fill writes the date and the number of a line.
func fill(text string, i int, at time.Time) string {
	return strings.NewReplacer(
		"{syslog}", at.Format("Jan _2 15:04:05"), "{iso}", at.Format("2006-01-02 15:04:05"), "{dashed}", at.Format("2006-01-02 15:04:05"),
		"{tv}", at.Format("2006-01-02T15:04:05.000-0700"), "{access}", at.Format("02/Jan/2006:15:04:05 -0700"),
		"{apache}", at.Format("Mon Jan 02 15:04:05.000000 2006"), "{ctime}", at.Format("Mon Jan _2 15:04:05 2006"), "{issabel}", at.Format("Jan 02 15:04:05 2006"),
		"{n}", strconv.Itoa(i), "{port}", strconv.Itoa(20000+i%40000), "{mac}", fmt.Sprintf("001565%06x", i+1),
	).Replace(text)
}

// play returns the first ban of the day; "-" is none.
func (d *day) play(t *testing.T) string {
	t.Helper()
	specs, bad := (&configs.Main{}).EveryJail()
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	var list []*Jail
	for _, spec := range specs {
		jail, err := Compile(spec)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, jail)
	}
	judge := NewJudge(list, NewGuard(nil, nil), book.NewBook(nil, nil), 1000, false)
	judge.Home.ProtectLogins, judge.Allowance = 30*24*time.Hour, 3
	got := "-"
	r := Replay{Judge: judge}
	err := r.Run(d.logs(), func(v Verdict) {
		if v.Bans() && got == "-" {
			got = fmt.Sprintf("%s %d %s", v.Ban.Jail, v.Ban.Sum.Earlier+len(v.Ban.Lines), v.Ban.Ports)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Counts.Lines == 0 {
		t.Fatal("no line was read")
	}
	return got
}
