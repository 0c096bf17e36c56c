package main

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/recordings"
	"pbxjail/configs/show"
)

func (a *app) recordingsHoldVerb() *cobra.Command {
	var config, reason string
	c := &cobra.Command{
		Use:   "hold ID --reason TEXT",
		Short: "keep a recording, for example for a court, until jailctl recordings released",
		Long: `hold keeps a recording: expire does not delete it, until jailctl recordings released ID.
ID is that of jailctl recordings list, or its first letters if no other recording begins with them,
or the whole path of the file.

The hold stays when a folder on the way gets another name, when the file is moved within its disk,
and when FreePBX turns it into another format: in doubt a recording is on hold. Other programs know
nothing of the hold: a person or a program that may delete the file can still do it.

A second hold of the same recording adds its reason; jailctl recordings released ends both. The
reason is in the trail: write the number of a case, and no name of a person.`,
		Args: takes("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := recordings.CheckReason(reason); err != nil {
				return &usageError{err}
			}
			v, err := a.archive(config)
			if err != nil {
				return err
			}
			r, err := a.theOne(c, v, args[0])
			if err != nil {
				return err
			}
			book, err := v.machine.OpenBook(v.state)
			if err != nil {
				return fmt.Errorf("the recording is NOT on hold: %w", err)
			}
			defer book.Close()
			h, err := book.Hold(r, reason, caller())
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(h)
			}
			a.say("on hold: %s  %s", h.ID, show.Escaped(h.Path()))
			a.say("   to end it: jailctl recordings released %s", h.ID)
			return nil
		},
	}
	configFlag(c, &config)
	c.Flags().StringVar(&reason, "reason", "", "why the recording must be kept, such as \"court, file number 12 C 345/26\"")
	return c
}

func (a *app) recordingsReleasedVerb() *cobra.Command {
	var config string
	c := &cobra.Command{
		Use:     "released ID",
		Aliases: []string{"release"},
		Short:   "end the hold of a recording",
		Long: `released ends the hold of a recording. The next jailctl recordings expire deletes the recording if
it is older than the policy says. ID is that of jailctl recordings list --held, or its first letters.`,
		Args: takes("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			v, err := a.archive(config)
			if err != nil {
				return err
			}
			if v.unknown != nil {
				return v.unknown
			}
			ids, err := a.heldIDs(c, v, args[0])
			if err != nil {
				return err
			}
			book, err := v.machine.OpenBook(v.state)
			if err != nil {
				return fmt.Errorf("the recording stays on hold: %w", err)
			}
			defer book.Close()
			released, err := book.Release(ids, caller())
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(released)
			}
			for _, h := range released {
				a.say("no longer on hold: %s  %s", h.ID, show.Escaped(h.Path()))
			}
			return nil
		},
	}
	configFlag(c, &config)
	return c
}

// heldIDs is the ID of the hold that a text names: that of the hold itself, or of a recording
// that has another name by now.
func (a *app) heldIDs(c *cobra.Command, v *archive, text string) ([]string, error) {
	if !recordings.IsID(text) && !strings.HasPrefix(text, "/") {
		return nil, notID(text)
	}
	ids := holdOf(v.holds, text)
	if len(ids) > 1 {
		return nil, usage("write one of these IDs in full: "+strings.Join(ids[:min(len(ids), 5)], ", "), "%s begins the ID of several holds", show.Word(text, 200))
	}
	if len(ids) == 1 {
		return ids, nil
	}
	r, err := a.theOne(c, v, text)
	if err != nil {
		return nil, err
	}
	list := []recordings.Recording{*r}
	if recordings.Mark(v.holds, list); list[0].Hold == nil {
		return nil, control.Refuse(0, "to see all that are: jailctl recordings list --held", "recording %s is not on hold", r.ID)
	}
	return []string{list[0].Hold.ID}, nil
}

func (a *app) recordingsTrailVerb() *cobra.Command {
	var config, since string
	c := &cobra.Command{
		Use:   "trail",
		Short: "who deleted, held and released which recording, and when",
		Long: `trail prints who deleted, held and released which recording, newest last. WHO and FROM are as in
jailctl audit-log: the user, the user who logged in to the session, and the SSH client. With "(says)"
only the caller says so.

No entry has the name of a file or a phone number. The ID is a hash of the name, so a reader sees no
number in it. If you know the name of a file (for example from the CDR database of FreePBX), the ID
in an older list finds its entry: jailctl recordings trail --id. Entries are removed after keep_trail
(156 weeks), except those of holds in force.

"cut off" means that the program ended before it was done: the next expire finds out whether the
recording was deleted.`,
		Args: takes(),
	}
	configFlag(c, &config)
	id := ""
	c.Flags().StringVar(&since, "since", "", "from this long ago: 24h, 90d; or from a date such as 2026-11-20")
	c.Flags().StringVar(&id, "id", "", "only those of this recording: an ID, or its first letters")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if c.Flags().Changed("id") && !recordings.IsID(id) {
			return usage("write an ID, or at least its first "+number(recordings.LeastID)+" letters", "--id: %s is not the ID of a recording", show.Word(id, 200))
		}
		from, err := a.moment("--since", since)
		if err != nil {
			return err
		}
		v, err := a.archive(config)
		if err != nil {
			return err
		}
		return a.printTrail(v, func(e *recordings.Entry) bool { return !e.At.Before(from) && strings.HasPrefix(e.ID, id) })
	}
	return c
}

func (a *app) printTrail(v *archive, fits func(*recordings.Entry) bool) error {
	list := recordingsJSON{out: bufio.NewWriter(a.stdout)}
	var t *table
	n := 0
	bad, err := v.machine.Trail(v.state, func(e *recordings.Entry) error {
		if !fits(e) {
			return nil
		}
		if n++; a.json {
			return list.add(e)
		}
		if t == nil {
			t = a.newTable("WHEN", "WHAT", "ID", "RECORDED", "SIZE", "WHO", "FROM", "WHY")
		}
		who, from := byWords(e.By)
		t.row(a.stamp(e.At), e.What, e.ID, e.Date, bytesText(e.Size), who, from, whyWords(e))
		return t.err
	})
	if err != nil {
		return err
	}
	switch {
	case a.json:
		err = list.end()
	case t != nil:
		err = t.end()
	default:
		a.say("the trail has no entry that matches")
	}
	if err == nil && bad > 0 {
		return control.Refuse(0, "lines are damaged when the power fails or the disk is full; look at the end of "+v.state+"/trail.jsonl", "%s of the trail cannot be read", show.Count(bad, "line"))
	}
	return err
}

func whyWords(e *recordings.Entry) string {
	if e.Links > 0 {
		return e.Why + fmt.Sprintf("; the file has %d more names, which stay", e.Links)
	}
	return e.Why
}

// byWords is who did something, and from where, as audit-log prints it.
func byWords(by *recordings.By) (who, from string) {
	if by == nil {
		return "", ""
	}
	e := control.AuditEntry{UID: &by.UID, User: by.User, Login: by.Login, SSH: by.SSH, SSHFrom: by.SSHFrom}
	who = e.Who()
	if by.Sudo != "" && by.Sudo != by.Login {
		who += ", sudo of " + by.Sudo + " (says)"
	}
	return who, fromWords(&e)
}
