package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/recordings"
	"pbxjail/cmd/internal/recordings/page"
	"pbxjail/configs/show"
)

func (a *app) recordingsReportVerb() *cobra.Command {
	var config string
	var html bool
	c := &cobra.Command{
		Use:   "report [--html]",
		Short: "policy, folders, ages, readers, holds and deletions, for the data-protection officer",
		Long: `report sums up what a data-protection officer asks for: the policy with its lawful ground, where
recordings are, how old, who can read them, whether their disk is encrypted, what is on hold and why,
and how many were deleted in which month. It shows no phone numbers and no names of files.

--html prints a page to print on A4. It has no script, and loads nothing:
  jailctl recordings report --html > recordings.html

jailctl audit --only recordings looks for what is wrong with the same recordings. Run both as root:
what could not be looked at is in the report.`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			if html && a.json {
				return usage("give one of them, and then the other one", "--html and --json are two forms of the same report")
			}
			v, err := a.archive(config)
			if err != nil {
				return err
			}
			r, err := a.sumUp(c, v)
			switch {
			case err != nil:
				return err
			case html:
				return page.Write(a.stdout, r)
			case a.json:
				return a.emit(r)
			}
			a.printReport(r)
			return nil
		},
	}
	configFlag(c, &config)
	c.Flags().BoolVar(&html, "html", false, "print a page for a browser, to print on A4")
	return c
}

// sumUp gathers what is known. What could not be looked at is in it.
func (a *app) sumUp(c *cobra.Command, v *archive) (page.Report, error) {
	names := newAccounts()
	host, _ := os.Hostname() // a machine without a name has recordings too
	r := page.Report{
		Host: host, At: v.machine.Now, Ground: strings.TrimSpace(v.main.Recordings.Ground), Holds: slices.Concat([]recordings.Hold{}, v.holds), Gone: []string{}, Deletions: []page.Deletions{}, Unseen: []string{},
		Retention: show.Duration(v.policy.Retention), Voicemail: show.Duration(v.policy.Voicemail), KeepTrail: show.Duration(v.policy.KeepTrail),
		Names: func(uid, gid uint32) string { return names.user(uid) + ":" + names.group(gid) }, Stamp: a.stamp,
	}
	if v.unknown != nil {
		r.Unseen = append(r.Unseen, "which recordings are on hold: "+v.unknown.Error())
	}
	list, gone, skipped, err := v.machine.Look(c.Context(), v.policy, v.folders, v.holds)
	if err != nil {
		return r, err
	}
	r.Folders = append([]recordings.Survey{}, list...)
	for _, h := range gone {
		r.Gone = append(r.Gone, h.ID)
	}
	for _, err := range skipped.Problems {
		r.Unseen = append(r.Unseen, err.Error())
	}
	bad, err := v.machine.Trail(v.state, func(e *recordings.Entry) error {
		if e.What != recordings.Deleted && e.What != recordings.Unknown {
			return nil
		}
		month := e.At.In(v.machine.Zone).Format("2006-01")
		if n := len(r.Deletions); n == 0 || r.Deletions[n-1].Month != month {
			r.Deletions = append(r.Deletions, page.Deletions{Month: month})
		}
		d := &r.Deletions[len(r.Deletions)-1]
		if e.What == recordings.Unknown {
			d.Unknown++
			return nil
		}
		d.Count++
		d.Bytes += e.Size
		return nil
	})
	if err != nil {
		r.Unseen = append(r.Unseen, "what was deleted: "+err.Error())
	}
	if bad > 0 {
		r.Unseen = append(r.Unseen, show.Count(bad, "line")+" of the trail cannot be read")
	}
	return r, nil
}

// printReport prints the report in few lines.
func (a *app) printReport(r page.Report) {
	ground := "none is named: write ground below recordings into the main file"
	if r.Ground != "" {
		ground = show.Escaped(r.Ground)
	}
	a.say("lawful ground: %s", ground)
	a.say("kept: calls %s, voicemail %s, the trail %s", r.Retention, r.Voicemail, r.KeepTrail)
	for i := range r.Folders {
		f := &r.Folders[i]
		a.say("%s: %s, %s", show.Escaped(f.Path), show.Count(f.Count, "recording"), bytesText(f.Bytes))
		if f.Count == 0 {
			continue
		}
		a.say("  dates:     %s to %s; %d older than the policy says, %d on hold", show.Date(f.Oldest), show.Date(f.Newest), f.Late, f.Held)
		for _, one := range f.Readers {
			a.say("  readers:   %s %s: %d", one.Mode, r.Names(one.UID, one.GID), one.Count)
		}
		a.say("  everyone:  %d can be read by every user of this machine", f.Public)
		a.say("  disk:      %s: %s", f.Encryption.State, show.Escaped(f.Encryption.Why))
	}
	for _, h := range r.Holds {
		a.say("on hold: %s since %s: %s", h.ID, a.stamp(h.At), show.Escaped(h.Reason))
	}
	for _, id := range r.Gone {
		a.say("on hold, and cannot be found: %s", id)
	}
	for _, d := range r.Deletions {
		a.say("deleted in %s: %s, %s", d.Month, show.Count(d.Count, "recording"), bytesText(d.Bytes))
	}
	for _, text := range r.Unseen {
		a.say("not looked at: %s", show.Escaped(text))
	}
}
