package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/recordings"
	"pbxjail/configs"
	"pbxjail/configs/show"
)

// recordingsFilter are the conditions of list; all of them apply together.
type recordingsFilter struct {
	older          time.Duration
	since          time.Time
	number         string
	held           bool
	csv            bool
	olderT, sinceT string
}

func (a *app) recordingsListVerb() *cobra.Command {
	var config string
	var f recordingsFilter
	c := &cobra.Command{
		Use:   "list",
		Short: "all recordings: where, how old, who can read them, on hold or not",
		Long: `list prints the recordings of calls and the voicemail messages on this machine, folder by folder.
All conditions apply together.

ID names a recording: jailctl recordings hold takes it, or its first letters. It is made from the
path below the folder (of voicemail from the message), so it stays as long as the file has its name.
DATE is the latest of: when the file was written last, the date in its name or in its folder (as
FreePBX writes them), and the time in the text of a voicemail message.
READERS is the mode of the file, with its owner and group; "everyone" means that every user of this
machine can read it. Access lists (getfacl) are not looked at.
--number finds a number in the name of the file, with and without the prefix of its country; of
voicemail in the mailbox and the caller. It cannot know whose voice is in a recording.
--csv writes an apostrophe before a cell that begins with = + - or @.

Run it as root: what it may not read is on stderr, and the exit status is 1.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if f.olderT != "" {
				if f.older, err = configs.ParseDuration(f.olderT); err != nil || f.older == configs.Forever {
					return usage("write a time such as 90d", "--older: %q is not a time", f.olderT)
				}
			}
			if f.since, err = a.moment("--since", f.sinceT); err != nil {
				return err
			}
			v, err := a.archive(config)
			if err != nil {
				return err
			}
			return a.listRecordings(c, v, f)
		},
	}
	configFlag(c, &config)
	c.Flags().StringVar(&f.olderT, "older", "", "only those that are older than this, such as 90d")
	c.Flags().StringVar(&f.sinceT, "since", "", "only those from this long ago: 24h, 90d; or from a date such as 2026-11-20")
	c.Flags().StringVar(&f.number, "number", "", "only those of this phone number")
	c.Flags().BoolVar(&f.held, "held", false, "only those on hold")
	c.Flags().BoolVar(&f.csv, "csv", false, "print CSV")
	return c
}

// fits reports whether a recording is one of those that were asked for.
func (f *recordingsFilter) fits(r *recordings.Recording, now time.Time) bool {
	return (f.older == 0 || r.Age(now) > f.older) && (f.since.IsZero() || !r.Date.Before(f.since)) &&
		(f.number == "" || r.HasNumber(f.number)) && (!f.held || r.Hold != nil)
}

// recordingRow is a recording for --json.
type recordingRow struct {
	recordings.Recording
	Path       string `json:"path"`
	Owner      string `json:"owner"`
	Group      string `json:"group"`
	AgeSeconds int64  `json:"age_seconds"`
}

// listRecordings prints recordings as they are found: there may be any number.
func (a *app) listRecordings(c *cobra.Command, v *archive, f recordingsFilter) error {
	if v.unknown != nil {
		a.complain("it is not known which recordings are on hold: %s", show.Escaped(v.unknown.Error()))
	}
	var out recordingsPrinter = &recordingsTable{a: a}
	switch {
	case f.csv:
		out = &recordingsCSV{a: a}
	case a.json:
		out = &recordingsJSON{out: bufio.NewWriter(a.stdout)}
	}
	names, n, bytes := newAccounts(), 0, int64(0)
	skipped, err := v.machine.Scan(c.Context(), v.folders, func(list []recordings.Recording) error {
		recordings.Mark(v.holds, list)
		for i := range list {
			r := &list[i]
			if !f.fits(r, v.machine.Now) {
				continue
			}
			n, bytes = n+1, bytes+r.Size
			row := recordingRow{*r, r.Path(), names.user(r.UID), names.group(r.GID), int64(r.Age(v.machine.Now) / time.Second)}
			if err := out.row(&row); err != nil {
				return err
			}
		}
		return nil
	})
	err = errors.Join(err, out.end())
	if err != nil {
		return err
	}
	if !f.csv && !a.json {
		a.sumRecordings(v, n, bytes, skipped)
	}
	if err := a.passedOver(skipped); err != nil {
		return err
	}
	return v.unknown
}

func (a *app) sumRecordings(v *archive, n int, bytes int64, skipped recordings.Skipped) {
	if n > 0 {
		a.say("")
		a.say("%s, %s; calls are %s, voicemail is %s", show.Count(n, "recording"), bytesText(bytes), retention(v.policy.Retention), retention(v.policy.Voicemail))
	} else {
		a.say("no recording matches")
	}
	for _, f := range v.folders {
		a.say("folder %s: %s", show.Escaped(f.Path), cmp.Or(show.Escaped(f.Doubt), "named by: "+show.Escaped(f.From)))
	}
	if len(v.folders) == 0 {
		a.say("there is no folder with recordings; to name one, write folders below recordings into the main file")
	}
	if skipped.Links > 0 {
		a.say("%s not followed", show.Count(skipped.Links, "symbolic link"))
	}
}

// recordingsPrinter prints rows, and then what ends them.
type recordingsPrinter interface {
	row(*recordingRow) error
	end() error
}

// recordingsTable prints for people.
type recordingsTable struct {
	a *app
	t *table
}

func (p *recordingsTable) row(r *recordingRow) error {
	if p.t == nil {
		p.t = p.a.newTable("ID", "DATE", "AGE", "SIZE", "READERS", "HOLD", "FILE")
	}
	p.t.row(r.ID, p.a.stamp(r.Date), age(r), bytesText(r.Size), readersText(r), holdText(r.Hold), show.Escaped(r.Path))
	return p.t.err
}

func (p *recordingsTable) end() error {
	if p.t == nil {
		return nil
	}
	return p.t.end()
}

func age(r *recordingRow) string { return show.Brief(time.Duration(r.AgeSeconds) * time.Second) }

func readersText(r *recordingRow) string {
	text := r.Mode + " " + r.Owner + ":" + r.Group
	if r.Everyone {
		text += " everyone"
	}
	return text
}

func holdText(h *recordings.Hold) string {
	if h == nil {
		return ""
	}
	return h.Reason
}

// recordingsCSV prints for a spreadsheet.
type recordingsCSV struct {
	a   *app
	s   *sheet
	buf bytes.Buffer
}

// csvAtOnce is how many bytes of CSV are held.
const csvAtOnce = 64 << 10

func (p *recordingsCSV) row(r *recordingRow) error {
	p.head()
	p.s.row(r.ID, r.Date.UTC().Format(time.RFC3339), strconv.FormatInt(r.AgeSeconds, 10), strconv.FormatInt(r.Size, 10), r.Mode, r.Owner, r.Group, strconv.FormatBool(r.Everyone), string(r.Kind), holdText(r.Hold), show.Escaped(r.Path))
	if p.s.w.Flush(); p.buf.Len() < csvAtOnce {
		return nil
	}
	err := p.s.end(p.a.stdout)
	p.buf.Reset()
	return err
}

func (p *recordingsCSV) head() {
	if p.s == nil {
		p.s = newCSV(&p.buf, "id", "date", "age_seconds", "size", "mode", "owner", "group", "everyone", "kind", "hold", "path")
	}
}

func (p *recordingsCSV) end() error {
	p.head()
	return p.s.end(p.a.stdout)
}

// recordingsJSON prints an array.
type recordingsJSON struct {
	out  *bufio.Writer
	some bool
}

func (p *recordingsJSON) row(r *recordingRow) error { return p.add(r) }

// add adds a value to the array.
func (p *recordingsJSON) add(r any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("  ", "  ")
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("JSON could not be printed: %w", err)
	}
	before := ",\n  "
	if !p.some {
		before = "[\n  "
	}
	p.some = true
	p.out.WriteString(before)
	_, err := p.out.Write(bytes.TrimSuffix(asciiJSON(buf.Bytes()), []byte("\n")))
	return err
}

func (p *recordingsJSON) end() error {
	if p.some {
		p.out.WriteString("\n]\n")
	} else {
		p.out.WriteString("[]\n")
	}
	return p.out.Flush()
}
