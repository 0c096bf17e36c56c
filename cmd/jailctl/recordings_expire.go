package main

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/recordings"
	"pbxjail/configs/show"
)

func (a *app) recordingsExpireVerb() *cobra.Command {
	var config string
	x := recordings.Expiry{}
	var quiet bool
	c := &cobra.Command{
		Use:   "expire [--dry-run]",
		Short: "delete the recordings that are older than the policy says",
		Long: `expire deletes the recordings that are older than recordings.retention of the main file, and
voicemail messages that are older than recordings.voicemail. Without a retention it deletes nothing.
Begin with --dry-run: it prints the same list, and changes nothing.

It never deletes a recording
  - that is on hold (jailctl recordings hold),
  - that a process has open,
  - that was written within the retention, or whose name has a date within it: the later date counts,
  - that is a symbolic link, or behind one,
  - in a folder that only a file of Asterisk or FreePBX names, if other users than root can change
    this file: write such a folder into recordings: {folders: [...]} of the main file.
Each deletion is in the trail before it happens. If the trail cannot be written, nothing is deleted.

If the clock may be wrong, expire deletes nothing: a clock that jumped two years ahead would make
all recordings old. It looks for more than 30 days without any recording and without a run of
expire, also where a time service sets the clock: such a service can be deceived. If the clock is
right, give the date of today by hand, once: --today 2026-11-27. A line in cron with an old date
does nothing.

The exit status is 1 when a recording could not be deleted or looked at, and when nothing is deleted
because the clock may be wrong: with --dry-run too.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			v, err := a.archive(config)
			if err != nil {
				return err
			}
			x.Policy, x.Folders, x.State, x.By, x.Run = v.policy, v.folders, v.state, caller(), runName()
			return a.expire(c, v, x, quiet)
		},
	}
	configFlag(c, &config)
	c.Flags().BoolVar(&x.DryRun, "dry-run", false, "print what would be deleted, and change nothing")
	c.Flags().StringVar(&x.Today, "today", "", "the date of today, such as 2026-11-27, if expire doubts the clock")
	c.Flags().BoolVar(&quiet, "quiet", false, "print the sums alone: without names of files, which hold phone numbers")
	return c
}

// outcomeRow is what became of a recording, for --json.
type outcomeRow struct {
	recordings.Outcome
	Path string `json:"path"`
}

func (a *app) expire(c *cobra.Command, v *archive, x recordings.Expiry, quiet bool) error {
	x.Doubted = func(error) {
		line := "The clock may be wrong, so expire deletes nothing now: the reason is below the list. If the clock is right, this is what would be deleted:"
		if a.json {
			a.complain("%s", line)
		} else {
			a.say("%s", line)
		}
	}
	list := recordingsJSON{out: bufio.NewWriter(a.stdout)}
	var t *table
	sums, err := v.machine.Expire(c.Context(), x, func(o *recordings.Outcome) error {
		switch {
		case a.json:
			return list.add(outcomeRow{*o, o.Path()})
		case quiet:
			return nil
		case t == nil:
			t = a.newTable("ID", "DATE", "AGE", "SIZE", "RESULT", "FILE")
		}
		result := o.Result
		if o.Why != "" {
			result += ": " + o.Why
		}
		t.row(o.ID, a.stamp(o.Date), show.Brief(o.Age(v.machine.Now)), bytesText(o.Size), show.Escaped(result), show.Escaped(o.Path()))
		return t.err
	})
	switch {
	case a.json && (err == nil || list.some):
		err = errors.Join(err, list.end())
	case t != nil:
		err = errors.Join(err, t.end())
	}
	if err == nil && !a.json {
		a.printExpired(sums, v)
	}
	if err := errors.Join(err, a.passedOver(sums.Skipped)); err != nil {
		return err
	}
	if n := sums.Results[recordings.Failed] + sums.Results[recordings.Doubtful]; n > 0 {
		return control.Refuse(0, "the reason is in the list above, in the column RESULT; with --quiet there is no list", "%s not deleted, although older than the policy says", show.Count(n, "recording"))
	}
	return nil
}

func (a *app) printExpired(sums recordings.Expired, v *archive) {
	var words []string
	for _, word := range slices.Sorted(maps.Keys(sums.Results)) {
		words = append(words, fmt.Sprintf("%d %s", sums.Results[word], word))
	}
	if len(words) == 0 {
		words = []string{"nothing to delete"}
	}
	a.say("%s (%s); %s younger than the policy says", strings.Join(words, ", "), bytesText(sums.Bytes), show.Count(sums.Kept, "recording"))
	if sums.Future > 0 {
		a.say("%s with a date in the future: expire never deletes such a recording; look at the clock, and at the dates: jailctl recordings list --since %s", show.Count(sums.Future, "recording"), v.machine.Now.In(time.Local).Format(time.DateOnly))
	}
	if sums.Hidden > 0 {
		a.say("the open files of %d processes cannot be seen: run jailctl recordings expire as root", sums.Hidden)
	}
	if sums.Settled > 0 {
		a.say("an earlier run was cut off: the trail has now what became of %s", show.Count(sums.Settled, "recording"))
	}
}
