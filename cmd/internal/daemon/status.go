package daemon

import (
	"cmp"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"pbxjail/actions"
	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
	"pbxjail/jails/geoip"
	"pbxjail/jails/warden"
)

// Status is the daemon on one screen.
func (b *backend) Status() control.Status {
	now := time.Now()
	s := b.statusOf(b.warden.Report(now), now)
	s.Countries, s.Figures = b.countries(b.warden.Prefixes(now)), b.figures(b.warden.Figures())
	return s
}

// statusOf is the status without what takes long among many bans.
func (b *backend) statusOf(report warden.Report, now time.Time) control.Status {
	_, offset := now.Zone()
	s := control.Status{
		Version: control.Release(), Pid: os.Getpid(), Since: b.since, Enforcer: b.enforcer.Name(),
		Bans: report.Bans, Problems: []control.Problem{},
		ZoneOffset: &offset, MainFile: b.main.file, Asterisk: b.found.reads(), MaxBans: b.main.bans, MaxAddresses: b.main.addresses,
		Beside: actions.Neighbours(b.main.chain), Enforcing: report.Problems["enforcer"] == nil && b.drops(), Off: offOf(b.off.state()),
		Counters: control.Counters{
			Lines: report.Counts.Lines, Matched: report.Counts.Matched, Ambiguous: report.Counts.Ambiguous, Suspects: report.Counts.Suspects, Signals: report.Counts.Signals,
			Bans: report.Counts.Bans, Unbans: report.Unbans, Evicted: report.Evicted, Displaced: report.Displaced,
			Repairs: report.Repairs.Rules, PutBack: report.Repairs.PutBack, Adopted: report.Repairs.Adopted, Expelled: report.Repairs.Expelled,
		},
	}
	b.firewallStatus(&s, report) // first: what a reader must see first
	s.Problems = append(s.Problems, b.problems()...)
	s.Problems = append(s.Problems, b.rules.problems()...)
	b.alarmStatus(&s, now)
	b.breakerStatus(&s, now)
	b.callStatus(&s, now)
	if b.wire != nil {
		s.Wire = b.wire.status()
		s.Wire.Forged = report.Forged
	}
	if b.ami != nil {
		s.AMI = b.ami.status()
	}
	b.logStatus(&s, now)
	b.jailStatus(&s, report)
	s.Problems = append(s.Problems, b.feedProblems()...)
	b.placesStatus(&s, now)
	b.messageStatus(&s, now)
	for i := range s.Problems {
		p := &s.Problems[i]
		p.What, p.Hint = hint.Named(hint.Line(p.What), b.main.path()), hint.Named(cmp.Or(p.Hint, moreHint), b.main.path())
	}
	return s
}

// degradation is a note of the enforcer about a part that does not work.
func degradation(note string) control.Problem {
	what, do := actions.SplitNote(note)
	return control.Problem{About: firewallPart(what), What: what, Hint: cmp.Or(do, degradedHint)}
}

// firewallPart is what a note of the enforcer is about.
func firewallPart(note string) string {
	for _, label := range []string{"IPv4", "IPv6"} {
		if strings.HasPrefix(note, label+": ") {
			return label
		}
	}
	return control.AboutFirewall
}

// warnNote logs a note of the enforcer, and returns it with what to do: its own hint, or
// else otherwise.
func warnNote(log *slog.Logger, note, otherwise string) (what, do string) {
	what, do = actions.SplitNote(note)
	do = cmp.Or(do, otherwise)
	log.Warn(what, "hint", do)
	return what, do
}

// firewallStatus adds what is wrong with firewall, ledger and bans.
func (b *backend) firewallStatus(s *control.Status, report warden.Report) {
	for _, what := range report.Degraded {
		s.Problems = append(s.Problems, degradation(what))
	}
	if slices.Contains(s.Beside, actions.FreePBX) && b.flushedByFreePBX() {
		s.Problems = append(s.Problems, control.Problem{
			About: control.AboutFirewall, What: "the FreePBX firewall does not know chain " + b.main.chain + " in table filter. Again and again it removes all rules of this table, and then packets of banned addresses pass",
			Hint: "write hook: raw into the main file, or write chain: f2b-pbxjail; then: systemctl restart pbxjail",
		})
	}
	for _, about := range slices.Sorted(maps.Keys(report.Problems)) {
		err := report.Problems[about]
		part := control.AboutFirewall
		switch about {
		case "ledger":
			part = control.AboutDatabase
		case "book":
			part = "list of bans"
		}
		s.Problems = append(s.Problems, control.Problem{About: part, What: problemWords[about] + err.Error(), Hint: cmp.Or(hint.Of(err), problemHint)})
	}
}

// problemWords begin a problem of the warden, by what it is about. The others are sentences.
var problemWords = map[string]string{
	"enforcer": "some bans may not be in the firewall: ",
	"kernel":   "pbxjail cannot read the firewall: ",
	"ledger":   "bans stay in force, but cannot be saved: ",
}

// problemHint is what to do about a problem that has no hint of its own.
const problemHint = "pbxjail tries again by itself. If this does not end: jailctl doctor"

// flushedByFreePBX reports whether our chain is where FreePBX's firewall keeps none of others.
func (b *backend) flushedByFreePBX() bool {
	byName := strings.Contains(b.main.chain, "f2b") || strings.Contains(b.main.chain, "fail2ban")
	return b.main.hook == "filter" && !byName && b.drops() && !strings.HasPrefix(b.enforcer.Name(), "nftables")
}

// jailStatus adds the jails that run, those that are refused, and the lists.
func (b *backend) jailStatus(s *control.Status, report warden.Report) {
	refused := b.files.refused()
	shown, builtIn := map[string]bool{}, map[string]bool{}
	for _, j := range report.Jails {
		shown[j.Name], builtIn[j.Name] = true, strings.HasPrefix(j.File, shippedFolder)
		jail := control.Jail{
			Name: j.Name, File: j.File, Enabled: true, Observe: j.Observe, Logs: j.Logs, Tracked: j.Tracked, Banned: j.Banned, Events: j.Events,
			Maxretry: float64(j.Maxretry) / 1000, Findtime: int64(j.Findtime / time.Second), Bantime: int64(j.Bantime / time.Second),
		}
		if err := refused[j.Name]; err != nil {
			jail.Problem = err.Error()
		}
		s.Jails = append(s.Jails, jail)
	}
	if err := b.lists.problem(); err != nil {
		s.Problems = append(s.Problems, control.Problem{About: "lists", What: err.Error(), Hint: afterwards(hint.Of(err), "jailctl reload")})
	}
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		err := refused[name]
		p := control.Problem{About: control.AboutJail + name, What: "jail " + name + " does not run, because its file has a mistake: ", Hint: afterwards(hint.Of(err), "jailctl reload")}
		switch {
		case name == "":
			p.About, p.What = "jails", "all jails keep their old settings: "
		case shown[name] && builtIn[name]:
			p.What = "jail " + name + " runs as it comes with pbxjail, because its file has a mistake: "
		case shown[name]:
			p.What = "jail " + name + " runs with its old settings, because its file has a mistake: "
		}
		p.What += err.Error()
		s.Problems = append(s.Problems, p)
		if !shown[name] && name != "" {
			s.Jails = append(s.Jails, control.Jail{Name: name, Problem: err.Error()})
		}
	}
}

// afterwards adds to a hint the command that is to follow.
func afterwards(do, command string) string {
	if do == "" || strings.Contains(do, command) {
		return do
	}
	if strings.HasSuffix(do, "?") {
		return do + " After the correction: " + command
	}
	return do + "; after the correction: " + command
}

// shippedFolder begins the file of a jail that comes with pbxjail: configs.Jail.File.
const shippedFolder = "shipped/"

// countries counts the live bans of each country, most first.
func (b *backend) countries(banned []netip.Prefix) []control.Country {
	counts := map[string]int{}
	for _, p := range banned {
		counts[b.places.Place(p.Addr()).Country]++
	}
	var list []control.Country
	for code, n := range counts {
		list = append(list, control.Country{Code: code, Bans: n})
	}
	slices.SortFunc(list, func(x, y control.Country) int { return cmp.Or(y.Bans-x.Bans, cmp.Compare(x.Code, y.Code)) })
	return list
}

// placesStatus adds what places are looked up in, and what is wrong with it.
func (b *backend) placesStatus(s *control.Status, now time.Time) {
	for _, f := range b.places.Files() {
		s.GeoIP.Files = append(s.GeoIP.Files, control.GeoIPFile{
			Path: f.Path, Embedded: f.Path == "", Type: f.Type, Says: f.Says, Built: f.Built, AgeDays: f.Days(now),
		})
	}
	for _, err := range b.places.Problems(now) {
		about := control.AboutGeoIP
		if p, ok := errors.AsType[*geoip.Problem](err); ok && p.IsAge() {
			if p.OldShipped() {
				continue // it comes with the program: a fresh install would begin with a problem
			}
			about = control.AboutGeoIPAge
		}
		s.Problems = append(s.Problems, control.Problem{About: about, What: err.Error(), Hint: hint.Of(err)})
	}
}
