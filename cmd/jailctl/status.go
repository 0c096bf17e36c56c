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
		return "NOT guarding: the firewall drops no packets of banned addresses. To see why: jailctl doctor"
	case !slices.ContainsFunc(s.Jails, bans):
		return "NOT guarding: no jail bans. To see why: the problems, and STATE in the table of jails"
	case !slices.ContainsFunc(s.Files, reads) && s.Wire.Complete == nil && (s.AMI.Since == nil || !s.AMI.Guarded):
		return "guarding, but blind: no log and no packet is read, so there are no new bans. To see why: jailctl doctor"
	case len(s.Problems) > 0:
		return "guarding: bans are enforced, but there " + areProblems(len(s.Problems))
	}
	return "guarding: bans are enforced, no problems"
}

func areProblems(n int) string {
	if n == 1 {
		return "is 1 problem:"
	}
	return "are " + number(n) + " problems:"
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
		a.say("bans in force: %d; enforcer: %s", s.Bans, s.Enforcer)
	} else {
		a.say("bans recorded: %d, NOT ENFORCING: packets of these addresses pass; enforcer: %s", s.Bans, s.Enforcer)
	}
	if text := countries(s.Countries); text != "" {
		a.say("bans by country: %s", text)
	}
	if len(s.Beside) > 0 {
		a.say("other firewalls on this machine: %s; pbxjail works beside them", strings.Join(s.Beside, ", "))
	}
	n := s.Counters
	a.say("since pbxjail started: %s of logs read; %s found, of which %d are doubtful and give no points", show.Count(int(n.Lines), "line"), show.Count(int(n.Matched), "attempt"), n.Ambiguous)
	a.say("since pbxjail started: %s began, %d ended with jailctl unban or jailctl allow", show.Count(int(n.Bans), "ban"), n.Unbans)
	if n.Suspects > 0 {
		a.say("forged: %d of the doubtful attempts look like text that an attacker wrote into a log. You need do nothing: they ban no address", n.Suspects)
	}
	if n.Evicted > 0 {
		a.say("no room: points of %d addresses were deleted too early, so some attackers are banned later", n.Evicted)
		a.say("   hint: write a larger max_addresses into the main file; then: systemctl restart pbxjail")
	}
	if n.Displaced > 0 {
		a.say("no room: %d bans ended early, because pbxjail held as many bans as it can", n.Displaced)
		a.say("   hint: write a shorter bantime into the jails with most bans; then: jailctl reload")
	}
	a.say("geoip: %s", doctor.Places(s.GeoIP))
	if len(s.Notify) > 0 {
		a.say("messages to admins: %s", messagesLine(s.Notify))
	}
	for _, line := range doctor.OnWire(s.Wire, a.now()) {
		a.say("wire: %s", line)
	}
	if s.AMI.Enabled {
		a.say("ami: %s", doctor.OnAMI(s.AMI, a.now()))
	}
	if n.Repairs+n.PutBack+n.Adopted+n.Expelled > 0 {
		a.say("firewall: pbxjail repaired its rules %d times, put back %d bans that were missing, removed %d bans that were over, and keeps %d bans of another program", n.Repairs, n.PutBack, n.Expelled, n.Adopted)
	}

	a.say("")
	a.say("logs that pbxjail reads:")
	files := a.newTable("FILE", "LINES", "BEHIND", "LAST LINE", "STATE")
	for _, f := range s.Files {
		last := "never"
		if f.LastLine != nil {
			last = a.ago(*f.LastLine)
		}
		files.row(f.Path, number(f.Lines), number(max(0, f.Size-f.Offset)), last, state(cmp.Or(f.Problem, f.Finding), "good"))
	}
	if err := files.end(); err != nil {
		return err
	}
	if err := a.printRead(s.Files); err != nil {
		return err
	}

	a.say("")
	a.say("jails:")
	jails := a.newTable("JAIL", "ATTEMPTS", "TRACKED", "BANNED", "MAXRETRY", "FINDTIME", "BANTIME", "STATE", "LOGS")
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
	if len(s.Files) > 0 {
		list = append(list, "LINES: lines read since pbxjail started; BEHIND: bytes of the log that are not read yet")
		list = append(list, "RECORDS: messages in the log; ATTEMPTS of a log: messages that report an attempt")
	}
	if slices.ContainsFunc(s.Files, func(f control.File) bool { return f.Doubtful > 0 }) {
		list = append(list, "DOUBTFUL: attempts that may be text of a caller, such as a caller's name that looks like a log line; no address gets points for them")
	}
	if len(s.Jails) > 0 {
		list = append(list, "ATTEMPTS of a jail: all that the jail counted, from logs and packets",
			"TRACKED: addresses that have points in the jail; BANNED: addresses that the jail bans now",
			"MAXRETRY: an address is banned at so many points within FINDTIME; BANTIME: length of a first ban")
	}
	if slices.ContainsFunc(s.Jails, func(j control.Jail) bool { return j.Enabled && j.Observe }) {
		list = append(list, "observes: the jail records what it would ban, and bans nothing")
	}
	if slices.ContainsFunc(s.Jails, func(j control.Jail) bool { return j.Problem != "" && j.Enabled }) {
		list = append(list, "old settings: the jail bans, with the settings from before the mistake in its file")
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
	a.say("what pbxjail found in these logs:")
	t := a.newTable("LOG", "RECORDS", "ATTEMPTS", "DOUBTFUL", "LAST RECORD")
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
