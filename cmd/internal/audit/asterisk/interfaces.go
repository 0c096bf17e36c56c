package asterisk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/reach"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// dangerous are rights of a user of the manager interface that lead to commands on the
// machine: asterisk:main/manager.c.
var dangerous = []string{"all", "system", "command", "originate", "config"}

// manager looks at manager.conf: who can try passwords, from where, and what a user may do.
func manager(m *audit.Machine) (list []findings.Finding) {
	dirs, other := folders(m)
	if other != nil {
		return other
	}
	list = elsewhere(m)
	for _, dir := range dirs {
		sections, problems := asterisk.Sections(dir, "manager.conf", "enabled", "bindaddr", "tlsenable", "tlsbindaddr", "webenabled", "read", "write", "permit", "deny", "acl")
		list = append(list, unread("AMI", "who can reach the manager interface", problems)...)
		file := named(m, dir+"/manager.conf")
		if on := general(sections, "enabled"); !asterisk.IsTrue(on.Value) {
			if len(problems) == 0 {
				list = append(list, audit.OK("AMI", "the manager interface is switched off in %s", file))
			}
			continue
		}
		bind := general(sections, "bindaddr")
		world := whoReaches(bind.Value)
		if tls := general(sections, "tlsenable"); asterisk.IsTrue(tls.Value) {
			to := general(sections, "tlsbindaddr")
			if w := whoReaches(to.Value); w > world {
				bind, world = to, w
			}
		}
		list = append(list, managerUsers(m, dir, sections, bind, world)...)
	}
	return list
}

func managerUsers(m *audit.Machine, dir string, sections []asterisk.Section, bind asterisk.Setting, world who) (list []findings.Finding) {
	file := named(m, dir+"/manager.conf")
	at := file + ": bindaddr is missing in [general], so it is 0.0.0.0"
	if bind.Value != "" {
		at = where(m, bind.At) + ": " + bind.Key + " = " + show.Flat(bind.Value, 60)
	}
	open := 0
	for _, s := range sections {
		if s.Template || strings.EqualFold(s.Name, "general") {
			continue
		}
		if world == ourselves || !asterisk.Admits(s.Settings) {
			continue
		}
		open++
		write, _ := s.Last("write")
		f := findings.Finding{
			About: "AMI user " + show.Word(s.Name, 60), Evidence: []string{at, where(m, s.At) + ": [" + show.Flat(s.Name, 60) + "] has no deny, or permits every address"},
		}
		f.Fix, f.Hint = limitUser(m, s)
		f = atRisk(m, dir, asterisk.AMI, world, bind.Value, "try passwords of this user of the manager interface", f)
		var rights []string
		for right := range strings.SplitSeq(write.Value, ",") {
			if right = strings.ToLower(strings.TrimSpace(right)); slices.Contains(dangerous, right) {
				rights = append(rights, right)
			}
		}
		if len(rights) > 0 {
			f.What += ". With its rights an attacker makes calls and runs commands"
			f.Evidence = append(f.Evidence, where(m, write.At)+": write = "+strings.Join(rights, ","))
		}
		list = append(list, f)
	}
	if open == 0 {
		what := "every user of the manager interface is limited to addresses"
		if world == ourselves {
			what = "the manager interface listens on this machine alone"
		}
		list = append(list, findings.Finding{About: "AMI", What: what, Evidence: []string{at}})
	}
	return list
}

// web looks at http.conf and ari.conf.
func web(m *audit.Machine) (list []findings.Finding) {
	dirs, other := folders(m)
	if other != nil {
		return nil // the check of the manager interface says it
	}
	for _, dir := range dirs {
		sections, problems := asterisk.Sections(dir, "http.conf", "enabled", "bindaddr", "tlsenable", "tlsbindaddr")
		ari, more := asterisk.Sections(dir, "ari.conf", "enabled", "type", "read_only", "allowed_origins", "password_format")
		list = append(list, unread("HTTP", "who can reach the web server of Asterisk", append(problems, more...))...)
		file := named(m, dir+"/http.conf")
		if on := general(sections, "enabled"); !asterisk.IsTrue(on.Value) {
			if len(problems) == 0 {
				list = append(list, audit.OK("HTTP", "the web server of Asterisk is switched off in %s", file))
			}
			continue
		}
		bind := general(sections, "bindaddr") // without it the server does not run: asterisk:configs/samples/http.conf.sample
		world := whoReaches(bind.Value)
		if bind.Value == "" {
			world = ourselves
		}
		at := file + ": bindaddr is missing, so it does not listen"
		if bind.Value != "" {
			at = where(m, bind.At) + ": bindaddr = " + show.Flat(bind.Value, 60)
		}
		found := ariFindings(m, dir, ari, world, bind, at)
		if world != ourselves && len(found) == 0 {
			f := findings.Finding{About: "HTTP", Severity: findings.Note, Evidence: []string{at}, What: "the web server of Asterisk can be reached from other machines, without encryption"}
			f.Fix, f.Hint = listenHere(m, bind)
			found = append(found, f)
		}
		if len(found) == 0 {
			found = append(found, findings.Finding{About: "HTTP", What: "the web server of Asterisk listens on this machine alone, or not at all", Evidence: []string{at}})
		}
		list = append(list, found...)
	}
	return list
}

// ariFindings looks at ari.conf. ARI is on when its module is there, unless the file says no.
func ariFindings(m *audit.Machine, dir string, sections []asterisk.Section, world who, bind asterisk.Setting, at string) (list []findings.Finding) {
	file := named(m, dir+"/ari.conf")
	if on := general(sections, "enabled"); len(sections) == 0 || on.Value != "" && !asterisk.IsTrue(on.Value) {
		return nil
	}
	if origins := general(sections, "allowed_origins"); strings.Contains(origins.Value, "*") {
		f := findings.Finding{
			About: "ARI", Severity: findings.Risky, What: "every web page in the browser of one of your users can use ARI with the log-in of that user",
			Evidence: []string{where(m, origins.At) + ": allowed_origins = " + show.Flat(origins.Value, 60)},
		}
		f.Fix, f.Hint = oneOrigin(m, origins)
		list = append(list, f)
	}
	var users []string
	for _, s := range sections {
		kind, _ := s.Last("type")
		only, _ := s.Last("read_only")
		if !s.Template && strings.EqualFold(kind.Value, "user") && !asterisk.IsTrue(only.Value) {
			users = append(users, show.Word(s.Name, 60))
		}
	}
	if world != ourselves && len(users) > 0 {
		f := findings.Finding{About: "ARI", Evidence: []string{at, file + ": users that may change things: " + strings.Join(users, ", ")}}
		f.Fix, f.Hint = listenHere(m, bind)
		f = atRisk(m, dir, asterisk.HTTP, world, bind.Value, "try passwords of ARI, and read those of others on the way", f)
		f.What += ". ARI makes calls and changes the configuration"
		list = append(list, f)
	}
	return list
}

// open compares what Asterisk listens on with the firewall, as far as it can be read.
func open(m *audit.Machine) (list []findings.Finding) {
	dirs, other := folders(m)
	if other != nil {
		return nil // the check of the manager interface says it
	}
	sockets, err := m.Listening()
	if err == nil && !m.IsThis() {
		err = audit.ErrNoPrograms
	}
	if err != nil {
		return []findings.Finding{m.Unseen("open ports", "whether Asterisk listens to the world for programs", err)}
	}
	var ports []asterisk.Port
	for _, dir := range dirs {
		list, _ := asterisk.Ports(dir) // the checks of the files report what cannot be read
		ports = append(ports, list...)
	}
	return openOf(m, sockets, ports)
}

func openOf(m *audit.Machine, sockets []audit.Socket, ports []asterisk.Port) (list []findings.Finding) {
	seen, wall := map[string]bool{}, reach.Of(m)
	for _, s := range sockets {
		i := slices.IndexFunc(ports, func(p asterisk.Port) bool {
			return p.Number == s.At.Port() && (p.Service == asterisk.AMI || p.Service == asterisk.HTTP)
		})
		if i < 0 || s.Protocol != "tcp" || !s.World() || s.Program != "" && s.Program != "asterisk" || seen[s.At.String()] {
			continue
		}
		seen[s.At.String()] = true
		what := map[asterisk.Service]string{asterisk.AMI: "the manager interface (AMI)", asterisk.HTTP: "the web server of Asterisk (ARI, AMI over HTTP)"}[ports[i].Service]
		f := findings.Finding{
			About: fmt.Sprintf("port %d", s.At.Port()), Severity: findings.Risky, What: what + " answers the world",
			Evidence: []string{fmt.Sprintf("tcp %s, program %s, %s", s.At, show.Word(cmp.Or(s.Program, "unknown"), 20), wall.Why())},
		}
		if ports[i].Service == asterisk.AMI {
			f.Fix, f.Hint = manageHere(m)
		} else {
			f.Fix, f.Hint = listenHere(m, asterisk.Setting{})
		}
		switch wall.World(s) {
		case reach.Closed:
			continue
		case reach.Unknown:
			f.Severity, f.Fix = findings.Unknown, nil
			f.What = "cannot tell whether " + what + " answers the world: it listens to other machines, and what the firewall does is not known"
			f.Hint = "run jailctl audit as root; it only reads"
		}
		list = append(list, f)
	}
	if len(list) == 0 {
		list = append(list, audit.OK("open ports", "%s of this machine: the world reaches no manager interface and no web server of Asterisk", show.Count(len(sockets), "port")))
	}
	return list
}
