package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

func well(about, format string, args ...any) findings.Finding {
	return findings.Finding{About: about, What: fmt.Sprintf(format, args...)}
}

func daemon(e *Env) []findings.Finding {
	if e.Status == nil {
		f := findings.Finding{About: "daemon", Severity: findings.Broken, What: "no daemon answers", Hint: "to see if pbxjail runs: systemctl status pbxjail; to start pbxjail: systemctl start pbxjail"}
		if e.NoDaemon != nil {
			f.What, f.Hint = e.NoDaemon.Error(), cmp.Or(hint.Of(e.NoDaemon), f.Hint)
		}
		return []findings.Finding{f}
	}
	s := e.Status
	return []findings.Finding{well("daemon", "pbxjail %s, pid %d, up %s", s.Version, s.Pid, show.Brief(e.Now.Sub(s.Since)))}
}

func enforcing(e *Env) []findings.Finding {
	if e.Status == nil {
		return nil
	}
	s := e.Status
	f := findings.Finding{About: "enforcing", Severity: findings.Broken, What: "nothing is dropped, so packets of banned addresses pass. The enforcer is " + s.Enforcer}
	switch {
	case s.Enforcing:
		return []findings.Finding{well("enforcing", "%s; %s", s.Enforcer, show.Count(s.Bans, "ban"))}
	case s.Off != nil:
		f.What, f.Fix = "nothing is dropped: pbxjail is switched off", []findings.Step{findings.Command("jailctl on")}
	case strings.HasPrefix(s.Enforcer, "observe"):
		f.What = "nothing is dropped: pbxjail only observes"
		f.Hint = "write observe: false into the main file; then: systemctl restart pbxjail. If the service starts pbxjail with --observe, remove that option: systemctl edit --full pbxjail"
	default:
		f.Hint = "first do what the hints of the other problems say. To see the log of pbxjail: journalctl -u pbxjail; to test the firewall: jailctl doctor --probe"
	}
	return []findings.Finding{f}
}

// reported are the problems that the daemon itself reports, without those that another check
// reports with more evidence.
func reported(e *Env) (list []findings.Finding) {
	if e.Status == nil {
		return nil
	}
	for _, p := range e.Status.Problems {
		switch {
		case e.unread(p.About), // logs
			strings.HasPrefix(p.About, control.AboutJail),                   // jails
			p.About == control.AboutGeoIP, p.About == control.AboutGeoIPAge, // geoip
			strings.HasPrefix(p.About, control.AboutFeed),                                     // feeds
			p.About == "security events" && len(securityChannel(e)) > 0,                       // security-channel
			strings.Contains(p.What, "the jump to ") && worst(firewallOrder(e)) > findings.OK: // firewall-order
			continue
		}
		f := findings.Finding{About: cmp.Or(p.About, "pbxjail"), Severity: findings.Broken, What: withoutAbout(p), Hint: p.Hint}
		if strings.HasPrefix(p.About, "log ") || strings.HasSuffix(p.About, " events") {
			f.Severity = findings.Blind
		}
		list = append(list, f)
	}
	return list
}

// unread reports whether a problem is about a log that cannot be read.
func (e *Env) unread(about string) bool {
	return slices.ContainsFunc(e.Status.Files, func(f control.File) bool {
		return about == "log "+f.Path && f.Problem != "" && f.Problem != control.NotThere
	})
}

// withoutAbout is what a problem says behind what it is about.
func withoutAbout(p control.Problem) string {
	if rest, ok := strings.CutPrefix(p.What, p.About); ok && p.About != "" {
		return strings.TrimLeft(rest, ": ")
	}
	return p.What
}

func worst(list []findings.Finding) (w findings.Severity) {
	for _, f := range list {
		w = max(w, f.Severity)
	}
	return w
}

// jails says which jails run, and which files are refused.
func jails(e *Env) (list []findings.Finding) {
	if e.Status == nil {
		return nil
	}
	for _, p := range e.Status.Problems {
		if strings.HasPrefix(p.About, control.AboutJail) {
			list = append(list, findings.Finding{About: p.About, Severity: findings.Broken, What: withoutAbout(p), Hint: p.Hint})
		}
	}
	var run []string
	for _, j := range e.Status.Jails {
		switch {
		case j.Problem != "": // it is above
		case j.Enabled && j.Observe:
			run = append(run, j.Name+" (observes)")
		case j.Enabled:
			run = append(run, j.Name)
		}
	}
	if len(run) == 0 {
		return append(list, findings.Finding{About: "jails", Severity: findings.Broken, What: "no jail runs, so no address is banned", Hint: "to see the mistakes: jailctl check. Correct the files in /etc/pbxjail.d; then: jailctl reload"})
	}
	return append(list, well("jails", "%s", strings.Join(run, ", ")))
}

// wire says what the sensor reads. Why it does not read is a problem of the daemon, which is
// in the list already.
func wire(e *Env) []findings.Finding {
	switch {
	case e.Status == nil:
		return nil
	case !e.Status.Wire.Enabled:
		return []findings.Finding{well("wire", "packets are not read (wire is off), so log records cannot be checked against packets")}
	case e.Status.Wire.Problem != "":
		return nil
	}
	return []findings.Finding{well("wire", "%s", strings.Join(OnWire(e.Status.Wire, e.Now), "; "))}
}

// readsPackets reports whether the sensor runs.
func (e *Env) readsPackets() bool {
	return e.Status != nil && e.Status.Wire.Enabled && e.Status.Wire.Problem == ""
}

// feedsAge is how many times its interval a feed may be late.
const feedsAge = 3

// feeds says which lists of bad addresses are stale.
func feeds(e *Env) (list []findings.Finding) {
	for _, f := range e.Feeds {
		if !f.Enabled {
			continue
		}
		about := control.AboutFeed + f.Name
		one := findings.Finding{About: about, Severity: findings.Blind, Fix: []findings.Step{findings.Command("jailctl feeds")}, Evidence: []string{"source: " + f.Source}}
		switch {
		case f.Problem != "":
			one.What, one.Hint = f.Problem, f.Hint
		case f.Checked != nil && e.stale(f):
			one.What = fmt.Sprintf("the feed was last fetched %s: newer bad addresses are not in it", show.Ago(*f.Checked, e.Now))
			one.Hint = "check that this machine can reach the url of the feed; to see the last answer: jailctl feeds"
		default:
			continue
		}
		if f.Checked != nil {
			one.Evidence = append(one.Evidence, "last fetched: "+show.Ago(*f.Checked, e.Now))
		}
		list = append(list, one)
	}
	return list
}

// stale knows a feed that is fetched and was not confirmed for several intervals.
func (e *Env) stale(f control.Feed) bool {
	if e.Main == nil || f.Next == nil {
		return false
	}
	for _, c := range e.Main.Feeds {
		if c.Name == f.Name && c.Interval > 0 {
			return e.Now.Sub(*f.Checked) > feedsAge*c.Interval
		}
	}
	return false
}

// nearlyFull is the part of a table, in percent, from which an attacker could fill it soon.
const nearlyFull = 90

// room says which tables are nearly full.
func room(e *Env) (list []findings.Finding) {
	full := func(about, what, hint string, used, room int) {
		if room > 0 && used*100 >= room*nearlyFull {
			list = append(list, findings.Finding{
				About: about, Severity: findings.Risky, What: what, Hint: hint,
				Evidence: []string{fmt.Sprintf("%d of %d are used", used, room)},
			})
		}
	}
	if s := e.Status; s != nil {
		full("room for bans", "the list of bans is nearly full. When it is full, each new ban ends an older one early",
			"in the files in /etc/pbxjail.d, write a shorter bantime, or write widen: {members: 5}, which bans a network in place of 5 addresses in it; then: jailctl reload", s.Bans, s.MaxBans)
		tracked := 0
		for _, j := range s.Jails {
			tracked += j.Tracked
		}
		full("room for addresses", "the table of addresses is nearly full. When it is full, pbxjail forgets addresses with few points",
			"write a larger max_addresses into the main file (each address needs about 1 KiB of memory); then: systemctl restart pbxjail", tracked, s.MaxAddresses)
	}
	for _, set := range e.Sets {
		full("set "+set.Name, "set "+set.Name+" of the kernel is nearly full", setHint(set.Name), set.Used, set.Room)
	}
	return list
}

func setHint(name string) string {
	if strings.Contains(name, "_") { // actions/ipset: those who were heard
		return "nothing needs to be done: a flood of senders fills the set, and the set is empty again some minutes after the flood. Until then pbxjail cannot check log records against this set"
	}
	return "in the files in /etc/pbxjail.d, write a shorter bantime, or write widen: {members: 5}, which bans a network in place of 5 addresses in it; then: jailctl reload"
}
