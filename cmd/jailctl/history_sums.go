package main

import (
	"bytes"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
)

// printSums prints sums of the history, with bars.
func (a *app) printSums(c *cobra.Command, q control.HistoryRequest, csv bool) error {
	by := q.By
	if by == "day" {
		q.By = "hour"
	}
	sums, err := a.client().Sums(c.Context(), q)
	if err != nil {
		return err
	}
	switch by {
	case "day":
		sums = control.Days(sums, a.zone())
	case "hour":
		sums = control.WholeHours(sums)
	}
	switch {
	case csv:
		return a.sumsCSV(by, sums)
	case a.json:
		if sums == nil {
			sums = []control.HistorySum{}
		}
		return a.emit(sums)
	case len(sums) == 0:
		a.say(noPast)
		return nil
	}
	return a.sumsTable(by, q, sums)
}

// keyOf is what a sum is of, for people.
func (a *app) keyOf(by string, s *control.HistorySum) string {
	switch {
	case s.At != nil && by == "day":
		return s.At.In(a.zone()).Format("2006-01-02 Mon")
	case s.At != nil:
		return s.At.In(a.zone()).Format("2006-01-02 15:04 MST")
	case s.Key == "":
		return "unknown"
	}
	return s.Key
}

func (a *app) sumsCSV(by string, sums []control.HistorySum) error {
	out := newCSV(&bytes.Buffer{}, by, "entries", "attempts")
	for i := range sums {
		s := &sums[i]
		key := s.Key
		switch {
		case s.At != nil && by == "day":
			key = s.At.In(a.zone()).Format(time.DateOnly)
		case s.At != nil:
			key = s.At.UTC().Format(time.RFC3339)
		}
		out.row(key, number(s.Entries), number(s.Attempts))
	}
	return out.end(a.stdout)
}

func (a *app) sumsTable(by string, q control.HistoryRequest, sums []control.HistorySum) error {
	all, top, counted := int64(0), int64(0), false
	widths := [3]int{len(by), len("ENTRIES"), len("ATTEMPTS")}
	for i := range sums {
		s := &sums[i]
		all, top, counted = all+s.Entries, max(top, s.Entries), counted || s.Attempts > 0
		for n, text := range []string{a.keyOf(by, s), number(s.Entries), number(s.Attempts)} {
			widths[n] = max(widths[n], len(text))
		}
	}
	room := max(usualColumns, a.columns) - min(widths[0], usualColumns/2) - widths[1] - 2*gap
	head := []string{strings.ToUpper(by), "ENTRIES"}
	if counted { // sums of accounts do not know them
		head, room = append(head, "ATTEMPTS"), room-widths[2]-gap
	}
	t := a.newTable(append(head, "GRAPH")...)
	for i := range sums {
		s := &sums[i]
		cells := []string{a.keyOf(by, s), number(s.Entries)}
		if counted {
			cells = append(cells, number(s.Attempts))
		}
		t.row(append(cells, bar(s.Entries, top, max(10, min(room, mostBar))))...)
	}
	if err := t.end(); err != nil {
		return err
	}
	a.say("")
	text := number(all) + " entries of the history. ENTRIES: bans and alarms; GRAPH: the same as bars"
	if len(sums) == q.N && by != "day" && by != "hour" {
		text += ". These are the rows with most entries; to see more rows: jailctl history -n 500"
	}
	a.say("%s", text)
	if counted {
		a.say("ATTEMPTS: attempts that led to these entries")
	}
	return nil
}

// mostBar is how long a bar is at most, in characters.
const mostBar = 60

// bar is as long as n is of the top. What is not 0 has one character at least; 0 is a dot.
func bar(n, top int64, room int) string {
	if n == 0 {
		return "."
	}
	return strings.Repeat("#", max(1, int(float64(n)/float64(top)*float64(room)+0.5)))
}
