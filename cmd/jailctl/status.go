package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/doctor"
	"pbxjail/configs/show"
)

func (a *app) statusVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "what pbxjail guards, its logs and jails, and all problems",
		Args:  takes(),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.client().Status(c.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.emit(s)
			}
			return a.printStatus(s)
		},
	}
}

// glance says in one line whether pbxjail protects this machine.
func (a *app) glance(s control.Status) string {
	bans := func(j control.Jail) bool { return j.Enabled && !j.Observe }
	reads := func(f control.File) bool { return f.Problem == "" && f.Finding == "" }
	switch {
	case s.Off != nil && s.Off.Until != nil:
		return "off: pbxjail drops nothing until " + a.stamp(*s.Off.Until) + "; to switch it on now: jailctl on"
	case s.Off != nil:
		return "off: pbxjail drops nothing; to switch it on: jailctl on"
	case !s.Enforcing && strings.HasPrefix(s.Enforcer, "observe"):
		return "observing: pbxjail records what it would ban, and drops nothing; to switch it on: jailctl setup"
	case !s.Enforcing:
		return "NOT guarding: the firewall drops nothing for pbxjail; see the problems"
	case !slices.ContainsFunc(s.Jails, bans):
		return "NOT guarding: no jail bans; see STATE in the table of jails"
	case !slices.ContainsFunc(s.Files, reads) && s.Wire.Complete == nil && (s.AMI.Since == nil || !s.AMI.Guarded):
		return "guarding, but blind: no log and no packet is read"
	case len(s.Problems) > 0:
		return "guarding, but with " + show.Count(len(s.Problems), "problem")
	}
	return "guarding: no problems"
}

func (a *app) printStatus(s control.Status) error {
	a.say("%s", a.glance(s))
	for _, p := range s.Problems {
		a.say("problem: %s", p.What)
		if p.Hint != "" {
			a.say("   hint: %s", p.Hint)
		}
	}
	a.say("pbxjail %s, pid %d, up %s", s.Version, s.Pid, show.Brief(a.now().Sub(s.Since)))
	if s.Enforcing {
		a.say("enforcer: %s; %s in force", s.Enforcer, show.Count(s.Bans, "ban"))
	} else {
		a.say("enforcer: %s, NOT ENFORCING: packets pass; %s", s.Enforcer, show.Count(s.Bans, "ban"))
	}
	if len(s.Beside) > 0 {
		a.say("other firewalls: %s", strings.Join(s.Beside, ", "))
	}
	if text := countries(s.Countries); text != "" {
		a.say("banned, by country: %s", text)
	}
	n := s.Counters
	a.say("since the start: %s of logs read, %s found, %d of them doubtful", show.Count(int(n.Lines), "line"), show.Count(int(n.Matched), "attempt"), n.Ambiguous)
	a.say("bans since the start: %d began, %d ended by hand (unban); the others are in force, or ended when their time was over", n.Bans, n.Unbans)
	if n.Suspects > 0 {
		a.say("suspect: %d of the doubtful records look like text that a caller wrote into a log; no address gets points for them", n.Suspects)
	}
	if n.Evicted+n.Displaced > 0 {
		a.say("no room: %d addresses with few points were forgotten too early (max_addresses in the main file is too small), %d bans ended too early", n.Evicted, n.Displaced)
	}
	a.say("geoip: %s", doctor.Places(s.GeoIP))
	if len(s.Notify) > 0 {
		a.say("messages: %s", messagesLine(s.Notify))
	}
	a.say("wire: %s", doctor.OnWire(s.Wire, a.now()))
	if s.AMI.Enabled {
		a.say("ami: %s", doctor.OnAMI(s.AMI, a.now()))
	}
	if n.Repairs+n.PutBack+n.Adopted+n.Expelled > 0 {
		a.say("firewall: repaired %d times; %d missing bans put back, %d unknown bans taken over, %d ended bans removed", n.Repairs, n.PutBack, n.Adopted, n.Expelled)
	}

	a.say("")
	files := a.newTable("FILE", "LINES", "BEHIND", "LAST LINE", "STATE")
	for _, f := range s.Files {
		last := "never"
		if f.LastLine != nil {
			last = a.ago(*f.LastLine)
		}
		files.row(f.Path, number(f.Lines), number(max(0, f.Size-f.Offset)), last, state(cmp.Or(f.Problem, f.Finding), "followed"))
	}
	if err := files.end(); err != nil {
		return err
	}
	if err := a.printRead(s.Files); err != nil {
		return err
	}

	a.say("")
	jails := a.newTable("JAIL", "EVENTS", "TRACKED", "BANNED", "MAXRETRY", "FINDTIME", "BANTIME", "STATE", "LOGS")
	for _, j := range s.Jails {
		jails.row(j.Name, number(j.Events), number(j.Tracked), number(j.Banned), points(j.Maxretry),
			bantime(j.Findtime), bantime(j.Bantime), jailState(j), strings.Join(j.Logs, " "))
	}
	if err := jails.end(); err != nil {
		return err
	}
	a.say("")
	for _, line := range legend(s) {
		a.say("%s", line)
	}
	return nil
}

// legend explains the heads of columns, and says where all words are explained.
func legend(s control.Status) []string {
	var list []string
	if slices.ContainsFunc(s.Files, func(f control.File) bool { return f.Size > f.Offset }) {
		list = append(list, "BEHIND: bytes of the log that are not read yet")
	}
	list = append(list, "RECORDS: messages in the log; MATCHED: those that report an attempt")
	if slices.ContainsFunc(s.Files, func(f control.File) bool { return f.Doubtful > 0 }) {
		list = append(list, "DOUBTFUL: records that may be text written by a caller, so no address gets points for them")
	}
	list = append(list, "EVENTS: attempts that the jail counted, from logs and packets; TRACKED: addresses with points; MAXRETRY: in points")
	if slices.ContainsFunc(s.Jails, func(j control.Jail) bool { return j.Enabled && j.Observe }) {
		list = append(list, "observes: the jail records what it would ban, and bans nothing")
	}
	for _, j := range s.Jails {
		if i := slices.IndexFunc(j.Logs, func(log string) bool { return strings.Contains(log, "*") }); i >= 0 {
			list = append(list, starText(j.Logs[i]))
			break
		}
	}
	return append(list, "all words: jailctl help words")
}

// starText explains the name of a log with a *.
func starText(log string) string {
	if begin, ok := strings.CutSuffix(log, "*"); ok && !strings.Contains(begin, "*") {
		return log + ": all files whose names begin with " + begin
	}
	return log + ": all files with this name; * is any text"
}

// printRead says what was understood of the logs that have lines.
func (a *app) printRead(files []control.File) error {
	if !slices.ContainsFunc(files, func(f control.File) bool { return f.Lines > 0 }) {
		return nil
	}
	a.say("")
	t := a.newTable("LOG", "RECORDS", "MATCHED", "DOUBTFUL", "LAST RECORD")
	for _, f := range files {
		if f.Lines == 0 {
			continue
		}
		last := "never"
		if f.LastRecord != nil {
			last = a.ago(*f.LastRecord)
		}
		t.row(f.Path, number(f.Records), number(f.Matched), number(f.Doubtful), last)
	}
	return t.end()
}

// mostCountries is how many are named; the others are summed up.
const mostCountries = 8

// countries is how many bans each country has, those first that have most.
func countries(list []control.Country) string {
	var parts []string
	others := 0
	for i, c := range list {
		if i >= mostCountries {
			others += c.Bans
			continue
		}
		parts = append(parts, cmp.Or(c.Code, "unknown")+" "+number(c.Bans))
	}
	if others > 0 {
		parts = append(parts, "others "+number(others))
	}
	return strings.Join(parts, ", ")
}

// jailState is what a jail does. The mistake in its file is in the list of problems.
func jailState(j control.Jail) string {
	switch {
	case j.Problem != "" && j.Enabled:
		return "old settings"
	case j.Problem != "":
		return "does not run"
	case !j.Enabled:
		return "off"
	case j.Observe:
		return "observes"
	}
	return "bans"
}

func state(problem, good string) string {
	if problem != "" {
		return problem
	}
	return good
}
