// Package page writes what the data-protection officer wants to know of recordings, as a page
// to print. jailctl calls it. The page is one file without a script, and loads nothing. It
// must never show the name of a recording, or a text that is not escaped.
package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"pbxjail/cmd/internal/recordings"
	"pbxjail/configs/show"
)

//go:embed page.html
var source string

// Report is what the page shows, and what jailctl recordings report --json prints.
type Report struct {
	Host      string              `json:"host"`
	At        time.Time           `json:"at"`
	Ground    string              `json:"ground"`    // "": none is named
	Retention string              `json:"retention"` // such as 90d; forever
	Voicemail string              `json:"voicemail"`
	KeepTrail string              `json:"keep_trail"`
	Folders   []recordings.Survey `json:"folders"`
	Holds     []recordings.Hold   `json:"holds"`
	Gone      []string            `json:"gone"`      // IDs of holds whose recording cannot be found
	Deletions []Deletions         `json:"deletions"` // by month, the oldest first
	Unseen    []string            `json:"unseen"`    // what could not be looked at, and why

	Names func(uid, gid uint32) string `json:"-"` // "USER:GROUP"
	Stamp func(time.Time) string       `json:"-"` // a moment, for people
}

// Deletions are the deletions of one month.
type Deletions struct {
	Month   string `json:"month"` // 2026-11
	Count   int    `json:"count"`
	Bytes   int64  `json:"bytes"`
	Unknown int    `json:"unknown"` // that were cut off
}

// Write writes the page.
func Write(w io.Writer, r Report) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"flat": func(text string) string { return show.Flat(text, recordings.MostReason) }, "stamp": r.Stamp, "day": show.Date, "names": r.Names,
		"ages": ages, "size": size, "total": total, "count": show.Count,
	}).Parse(source)
	if err != nil {
		return fmt.Errorf("the page cannot be made: %w", err)
	}
	return t.Execute(w, r)
}

// ages are the heads of the columns of Survey.Ages.
func ages() (list []string) {
	for _, limit := range recordings.AgeLimits {
		list = append(list, "up to "+show.Duration(limit))
	}
	return append(list, "older")
}

// size is a number of bytes for people.
func size(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

// total is how many recordings are in all folders.
func total(list []recordings.Survey) (n int) {
	for i := range list {
		n += list[i].Count
	}
	return n
}
