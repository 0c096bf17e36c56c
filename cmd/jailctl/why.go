package main

import (
	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
)

func (a *app) whyVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "why ADDR",
		Short: "why an address is banned, or is not",
		Args:  takes("ADDR"),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := a.prefixArg(args[0])
			if err != nil {
				return err
			}
			if !p.IsSingleIP() {
				return usage("name one of them, such as "+p.Addr().Next().String(), "%s is more than one address", p)
			}
			w, err := a.client().Why(c.Context(), p.Addr())
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(w)
			}
			return a.printWhy(w)
		},
	}
}

func (a *app) printWhy(w control.Why) error {
	if b := w.Banned; b != nil {
		a.say("%s is banned: jail %s, left: %s", w.Addr, b.Jail, left(*b))
		if !b.Prefix.IsSingleIP() {
			a.say("  prefix:   %s", b.Prefix)
		}
		a.say("  reason:   %s", b.Reason)
		a.say("  since:    %s (%s), strike %d, by %s", stamp(b.Since), a.ago(b.Since), b.Strike, b.By)
		a.say("  evidence: %s", b.Evidence)
		a.say("  dropped:  %d packets, %d bytes", b.Packets, b.Bytes)
	} else {
		a.say("%s is not banned", w.Addr)
	}
	if w.Protected != "" {
		a.say("  never banned by a jail: %s", w.Protected)
	}
	if w.Ends != "" {
		a.say("  ends:     %s", w.Ends)
	}
	if len(w.Jails) > 0 {
		a.say("")
		t := newTable(a.stdout, "SCORE IN", "SCORE", "MAXRETRY", "FINDTIME")
		for _, j := range w.Jails {
			t.row(j.Name, points(j.Score), points(j.Maxretry), bantime(j.Findtime))
		}
		if err := t.end(); err != nil {
			return err
		}
	}
	return a.printEvidence(w)
}

// printEvidence prints the records behind the ban, those in the windows, and the
// bans that are over.
func (a *app) printEvidence(w control.Why) error {
	lines := w.Lines
	for _, j := range w.Jails {
		lines = append(lines, j.Window...)
	}
	if len(lines) > 0 {
		a.say("")
		t := newTable(a.stdout, "TIME", "JAIL", "POINTS", "RULE", "FILE", "RECORD")
		for _, l := range lines {
			t.row(stamp(l.Time), l.Jail, points(l.Points), l.Rule, l.File, l.Text)
		}
		if err := t.end(); err != nil {
			return err
		}
	}
	if len(w.History) == 0 {
		return nil
	}
	a.say("")
	t := newTable(a.stdout, "BANNED BEFORE", "UNTIL", "JAIL", "STRIKE", "BY", "REASON")
	for _, b := range w.History {
		until := "for ever"
		if b.Until != nil {
			until = stamp(*b.Until)
		}
		t.row(stamp(b.Since), until, b.Jail, number(b.Strike), b.By, b.Reason)
	}
	return t.end()
}
