package doctor

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/fail2ban"
	"pbxjail/configs/show"
	"pbxjail/jails/geoip"
)

// chain is the name of our chain.
func (e *Env) chain() string {
	if e.Main != nil && e.Main.Chain != "" {
		return e.Main.Chain
	}
	return "pbxjail"
}

// passing are targets that end no rule of a table: iptables-extensions(8).
var passing = []string{"CT", "NOTRACK", "LOG", "NFLOG", "MARK", "CONNMARK", "TRACE", "DROP", "REJECT", "SET", "RETURN", "RATEEST", "AUDIT"}

// firewallOrder finds rules that accept packets before they reach our chain.
func firewallOrder(e *Env) (list []findings.Finding) {
	for _, h := range e.Hooks {
		jump := "-A " + h.Chain + " -j " + e.chain()
		at := slices.Index(h.Rules, jump)
		var before []string
		for i, rule := range h.Rules[:max(at, 0)] {
			if target := targetOf(rule); target != "" && !slices.Contains(passing, target) && target != e.chain() && !strings.HasPrefix(target, e.chain()+"_") {
				before = append(before, fmt.Sprintf("%s -t %s, rule %d: %s", h.Program, h.Table, i+1, show.Flat(rule, 160)))
			}
		}
		if len(before) == 0 {
			continue
		}
		list = append(list, findings.Finding{
			About: "firewall", Severity: findings.Broken,
			What:     fmt.Sprintf("other firewall rules come before the rule of pbxjail: chain %s, called from %s %s. If one of these rules accepts a packet of a banned address, the packet passes", e.chain(), h.Table, h.Chain),
			Evidence: before,
			Hint:     "move the rule of pbxjail to the top with the command below. After a restart of the program that made the other rules, give the command again, or: systemctl restart pbxjail",
			Fix: []findings.Step{findings.Command(fmt.Sprintf("%[1]s -w -t %[2]s -D %[3]s -j %[4]s && %[1]s -w -t %[2]s -I %[3]s 1 -j %[4]s",
				h.Program, h.Table, h.Chain, e.chain()))},
		})
	}
	return list
}

// targetOf is the target of a rule; "": it has none.
func targetOf(rule string) string {
	words := strings.Fields(rule)
	for i, w := range words {
		if (w == "-j" || w == "-g") && i+1 < len(words) {
			return words[i+1]
		}
	}
	return ""
}

// firewalls names the others, and what their presence means.
func firewalls(e *Env) (list []findings.Finding) {
	names := slices.Clone(e.Found.Firewalls)
	if e.Status != nil {
		for _, name := range e.Status.Beside {
			if name = strings.TrimPrefix(name, "the "); name != "fail2ban" && name != "Docker" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		f := findings.Finding{About: "firewall", Severity: findings.Note, What: show.Word(name, 60) + " runs here too. The rules of pbxjail come first, and pbxjail puts them back if that firewall removes them"}
		if name == "FreePBX firewall" {
			f.What = "the FreePBX firewall runs here too. Its responsive firewall also blocks addresses: jailctl list does not show them, and jailctl unban does not free them"
			f.Hint = "to see the addresses that it blocks, open in the web interface: Firewall, Responsive Firewall. Write the addresses that it trusts into the main file too: ignoreip: [ADDRESS]"
		}
		list = append(list, f)
	}
	return list
}

// docker finds a proxy of Docker in front of a port of Asterisk: then all callers have the
// proxy's address, and a ban of one is a ban of all.
func docker(e *Env) (list []findings.Finding) {
	var ports []asterisk.Port
	for _, folder := range e.Folders {
		more, _ := asterisk.Ports(folder)
		ports = append(ports, more...)
	}
	if len(e.Folders) == 0 {
		ports = []asterisk.Port{{Number: 5060}, {Number: 5061}, {Number: 4569}, {Number: 5038}}
	}
	var evidence []string
	for _, p := range e.Proxies {
		if slices.ContainsFunc(ports, func(a asterisk.Port) bool { return a.Number == p.Port }) {
			evidence = append(evidence, fmt.Sprintf("process %s: docker-proxy for port %d/%s", show.Word(p.PID, 20), p.Port, show.Word(p.Protocol, 10)))
		}
	}
	if len(evidence) == 0 {
		return nil
	}
	return []findings.Finding{{
		About: "Docker", Severity: findings.Risky,
		What:     "docker-proxy takes the packets for ports of Asterisk. So Asterisk and pbxjail see the address of docker-proxy for all callers, and pbxjail cannot ban a single one",
		Evidence: evidence,
		Hint:     "give the container the network of the host (network_mode: host in its compose file); or switch docker-proxy off as shown below",
		Fix:      []findings.Step{findings.Write("in /etc/docker/daemon.json", `{"userland-proxy": false}`), findings.Command("systemctl restart docker")},
	}}
}

// otherGuard finds jails of a running fail2ban that read the logs that we follow.
func otherGuard(e *Env) []findings.Finding {
	if !e.Found.Fail2ban.Running {
		return nil
	}
	var evidence []string
	var fix []findings.Step
	for _, j := range e.Fail2ban {
		if log, same := e.reads(j); same {
			evidence = append(evidence, fmt.Sprintf("jail %s of fail2ban reads %s", show.Word(j.Name, 60), show.Word(log, 200)))
			fix = append(fix, findings.Write("into /etc/fail2ban/jail.local", "["+show.Flat(j.Name, 60)+"]", "enabled = false"))
		}
	}
	if len(evidence) == 0 {
		return nil
	}
	return []findings.Finding{{
		About: "fail2ban", Severity: findings.Risky,
		What:     "fail2ban reads the same logs, and bans addresses too. jailctl unban and jailctl allow do not end the bans of fail2ban",
		Evidence: evidence,
		Hint:     "to take the settings of fail2ban into pbxjail: jailctl import fail2ban. When pbxjail bans as you want, switch these jails of fail2ban off, as shown below",
		Fix:      append(fix, findings.Command("fail2ban-client reload")),
	}}
}

// reads reports whether a jail of fail2ban reads a log of ours, and which.
func (e *Env) reads(j fail2ban.Jail) (log string, same bool) {
	var ours []string
	if e.Status != nil {
		for _, f := range e.Status.Files {
			ours = append(ours, f.Path)
		}
	}
	for _, l := range e.Logs.Asterisks {
		for _, c := range l.Channels {
			ours = append(ours, c.Path)
		}
	}
	for _, pattern := range j.Logs {
		for _, path := range ours {
			if is, _ := filepath.Match(pattern, path); path != "" && (is || pattern == path) {
				return path, true
			}
		}
	}
	return "", false
}

// ownSession says whether the address of the SSH session that calls can be banned.
func ownSession(e *Env) []findings.Finding {
	if !e.Caller.IsValid() || e.Status == nil {
		return nil
	}
	if e.Guarded != "" {
		return []findings.Finding{well("ssh", "you come from %s, which is never banned: %s", e.Caller, e.Guarded)}
	}
	return []findings.Finding{{
		About: "ssh", Severity: findings.Risky,
		What:     fmt.Sprintf("your own address is %s, and pbxjail can ban this address. Wrong passwords of a phone at the same address can end your session", e.Caller),
		Evidence: []string{"SSH_CONNECTION: " + e.Caller.String()},
		Fix:      []findings.Step{findings.Command("jailctl allow " + e.Caller.String() + " --note admin")},
	}}
}

// aged is how many days old a table of countries may be.
const aged = int(geoip.MaxAge / (24 * time.Hour))

// places says whether countries are known. The age of a table matters where a rule uses
// countries.
func places(e *Env) (list []findings.Finding) {
	if e.Status == nil {
		return nil
	}
	g := e.Status.GeoIP
	for _, p := range e.Status.Problems {
		if p.About == control.AboutGeoIP {
			list = append(list, findings.Finding{About: "geoip", Severity: findings.Blind, What: p.What, Hint: p.Hint})
		}
	}
	update := findings.Command("jailctl geoip update --from FILE|URL")
	if len(g.Files) == 0 {
		return append(list, findings.Finding{About: "geoip", Severity: findings.Blind, What: Places(g), Hint: "to install a geoip file: " + update.Run})
	}
	one := well("geoip", "%s", Places(g))
	for _, f := range g.Files {
		if f.AgeDays <= aged {
			continue
		}
		one.Severity, one.Fix = findings.Note, []findings.Step{update}
		one.Hint = "the geoip file is old; to get a newer one: " + update.Run
		if rules := e.placeRules(); len(rules) > 0 {
			one.Severity, one.Evidence = findings.Risky, rules
			one.What += ". Networks move from country to country, and these rules use countries"
		}
		break
	}
	return append(list, one)
}

// placeRules are the rules that use countries or networks.
func (e *Env) placeRules() (list []string) {
	if e.Main == nil {
		return nil
	}
	used := func(home, block int, asn int) bool { return home+block+asn > 0 }
	if r := e.Main.GeoIP.Rules(); used(len(r.Home), len(r.Block), len(r.ASN)) {
		list = append(list, show.Word(e.Main.File, 200)+": geoip")
	}
	for _, j := range e.Jails {
		if r := j.Places; used(len(r.Home), len(r.Block), len(r.ASN)) {
			list = append(list, show.Word(j.File, 200)+": geoip")
		}
	}
	return list
}

const (
	littleRoom   = 5 // percent of a disk or of its inodes
	enough       = 2 << 30
	almostNone   = 16 << 20
	fewestInodes = 1000
)

// disk says which file systems are nearly full.
func disk(e *Env) (list []findings.Finding) {
	for _, d := range e.Disks {
		noBytes := d.Total > 0 && d.Free < enough && d.Free*100 < d.Total*littleRoom
		noInodes := d.AllInodes > 0 && (d.Inodes*100 < d.AllInodes*littleRoom && d.Inodes < 100*fewestInodes || d.Inodes < fewestInodes && d.AllInodes > 10*fewestInodes)
		if !noBytes && !noInodes {
			continue
		}
		f := findings.Finding{
			About: "disk", Severity: findings.Risky,
			What:     fmt.Sprintf("the disk of %s is nearly full. When this disk is full, nothing can be written to %s", show.Word(d.Path, 200), d.What),
			Evidence: []string{fmt.Sprintf("free: %d of %d MiB, %d of %d inodes (files)", d.Free>>20, d.Total>>20, d.Inodes, d.AllInodes)},
			Fix:      []findings.Step{findings.Command("du -xh -d 2 " + d.Path + " | sort -h | tail")},
			Hint:     "the command below lists the largest folders. Delete there what you do not need. If logs of Asterisk fill the disk, let logrotate rotate these logs: /etc/logrotate.d/asterisk",
		}
		if noBytes && d.Free < almostNone && d.Free*100 < d.Total {
			f.Severity = findings.Blind
		}
		list = append(list, f)
	}
	return list
}
