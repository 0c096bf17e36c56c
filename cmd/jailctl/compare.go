package main

import (
	"cmp"
	"encoding/json"
	"net/netip"
	"slices"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
	"pbxjail/jails"
)

// change is what other jails would have made of one prefix.
type change struct {
	Prefix netip.Prefix `json:"prefix"`
	Before *fallen      `json:"before"` // its first ban with the jails at hand; null: none
	After  *fallen      `json:"after"`  // and with the others; null: none
}

// compareJails plays the logs through two folders of jails and prints the difference.
func (a *app) compareJails(f replayFlags, files []string) error {
	if slices.Contains(files, "-") {
		return usage("write the log into a file, and name that file", "--compare reads its input twice, which is not possible with stdin")
	}
	before, err := a.firstBans(f, files)
	if err != nil {
		return err
	}
	f.jails = f.compare
	after, err := a.firstBans(f, files)
	if err != nil {
		return control.Refuse(0, hint.Of(err), "--compare: %w", err)
	}
	var changes []change
	same := 0
	for p, b := range before {
		if o := after[p]; o != nil && o.Jail == b.Jail && o.Time.Equal(b.Time) && length(o) == length(b) {
			same++
			continue
		}
		changes = append(changes, change{p, b, after[p]})
	}
	for p, b := range after {
		if before[p] == nil {
			changes = append(changes, change{p, nil, b})
		}
	}
	slices.SortFunc(changes, func(x, y change) int {
		return cmp.Or(x.first().Time.Compare(y.first().Time), x.Prefix.Compare(y.Prefix))
	})
	lost, fresh := 0, 0
	for _, c := range changes {
		a.printChange(c)
		switch {
		case c.After == nil:
			lost++
		case c.Before == nil:
			fresh++
		}
	}
	a.complain("same=%d changed=%d only-before=%d only-after=%d", same, len(changes)-lost-fresh, lost, fresh)
	return nil
}

func (c change) first() *fallen { return cmp.Or(c.Before, c.After) }

// firstBans are the first ban of each prefix; bans that are only observed do not count.
func (a *app) firstBans(f replayFlags, files []string) (map[netip.Prefix]*fallen, error) {
	first := map[netip.Prefix]*fallen{}
	_, _, err := a.run(f, files, func(v jails.Verdict) {
		if b := v.Ban; v.Bans() && first[b.Prefix] == nil {
			first[b.Prefix] = fallenOf(v)
		}
	})
	return first, err
}

func (a *app) printChange(c change) {
	if a.json {
		if line, err := json.Marshal(c); err == nil {
			a.stdout.Write(append(asciiJSON(line), '\n'))
		}
		return
	}
	switch {
	case c.After == nil:
		a.say("- %s  %s", show.Address(c.Prefix), a.fallenText(c.Before))
	case c.Before == nil:
		a.say("+ %s  %s", show.Address(c.Prefix), a.fallenText(c.After))
	default:
		a.say("~ %s  %s", show.Address(c.Prefix), a.fallenText(c.Before))
		a.say("  %*s  %s", len(show.Address(c.Prefix)), "", a.fallenText(c.After))
	}
}

func (a *app) fallenText(f *fallen) string {
	return a.stamp(f.Time) + "  by " + f.Jail + " for " + length(f) + ": " + f.Reason
}

func length(f *fallen) string {
	if f.Until == nil {
		return "ever"
	}
	return show.Duration(f.Until.Sub(f.Time))
}
