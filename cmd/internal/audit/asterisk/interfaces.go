package asterisk

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/reach"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// worldBind reports whether an address to listen on can be reached from other machines. A
// port may follow it.
func worldBind(text string) bool {
	if at, err := netip.ParseAddrPort(text); err == nil {
		return !at.Addr().IsLoopback()
	}
	addr, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return text != "localhost" && (err != nil || !addr.IsLoopback())
}

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
		world := bind.Value == "" || worldBind(bind.Value)
		if tls := general(sections, "tlsenable"); asterisk.IsTrue(tls.Value) {
			to := general(sections, "tlsbindaddr")
			world = world || to.Value == "" || worldBind(to.Value)
		}
		list = append(list, managerUsers(m, file, sections, bind, world)...)
	}
	return list
}

func managerUsers(m *audit.Machine, file string, sections []asterisk.Section, bind asterisk.Setting, world bool) (list []findings.Finding) {
	at := file + ": bindaddr is missing in [general], so it is 0.0.0.0"
	if bind.Value != "" {
		at = where(m, bind.At) + ": bindaddr = " + show.Flat(bind.Value, 60)
	}
	open := 0
	for _, s := range sections {
		if s.Template || strings.EqualFold(s.Name, "general") {
			continue
		}
		if !world || !asterisk.Admits(s.Settings) {
			continue
		}
		open++
		write, _ := s.Last("write")
		f := findings.Finding{
			About: "AMI user " + show.Word(s.Name, 60), Severity: findings.Risky, Evidence: []string{at, file + ": [" + show.Flat(s.Name, 60) + "] has no deny, or permits every address"},
			What: "anybody in the world can try passwords of this user of the manager interface, unless a firewall refuses them",
			Fix:  []findings.Step{findings.Write("below ["+show.Flat(s.Name, 60)+"] in "+file, "deny = 0.0.0.0/0.0.0.0", "deny = ::/0", "permit = 127.0.0.1/255.255.255.255"), findings.Command("asterisk -rx 'manager reload'")},
		}
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
		if !world {
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
		world := bind.Value != "" && worldBind(bind.Value)
		at := file + ": bindaddr is missing, so it does not listen"
		if bind.Value != "" {
			at = where(m, bind.At) + ": bindaddr = " + show.Flat(bind.Value, 60)
		}
		found := ariFindings(m, dir, ari, world, at)
		if world && len(found) == 0 {
			found = append(found, findings.Finding{
				About: "HTTP", Severity: findings.Note, Evidence: []string{at}, What: "the web server of Asterisk can be reached from other machines, without encryption",
				Hint: "if no phone and no browser needs it, write bindaddr=127.0.0.1 in place of it; then: asterisk -rx 'module reload http'",
			})
		}
		if len(found) == 0 {
			found = append(found, findings.Finding{About: "HTTP", What: "the web server of Asterisk listens on this machine alone, or not at all", Evidence: []string{at}})
		}
		list = append(list, found...)
	}
	return list
}

// ariFindings looks at ari.conf. ARI is on when its module is there, unless the file says no.
func ariFindings(m *audit.Machine, dir string, sections []asterisk.Section, world bool, at string) (list []findings.Finding) {
	file := named(m, dir+"/ari.conf")
	if on := general(sections, "enabled"); len(sections) == 0 || on.Value != "" && !asterisk.IsTrue(on.Value) {
		return nil
	}
	if origins := general(sections, "allowed_origins"); strings.Contains(origins.Value, "*") {
		list = append(list, findings.Finding{
			About: "ARI", Severity: findings.Risky, What: "every web page in the browser of one of your users can use ARI with the log-in of that user",
			Evidence: []string{where(m, origins.At) + ": allowed_origins = " + show.Flat(origins.Value, 60)},
			Fix:      []findings.Step{findings.Write("in place of "+where(m, origins.At), "allowed_origins = https://THE-PAGE-THAT-NEEDS-IT"), findings.Command("asterisk -rx 'module reload res_ari.so'")},
		})
	}
	var users []string
	for _, s := range sections {
		kind, _ := s.Last("type")
		only, _ := s.Last("read_only")
		if !s.Template && strings.EqualFold(kind.Value, "user") && !asterisk.IsTrue(only.Value) {
			users = append(users, show.Word(s.Name, 60))
		}
	}
	if world && len(users) > 0 {
		list = append(list, findings.Finding{
			About: "ARI", Severity: findings.Risky, What: "anybody in the world can try passwords of ARI, and read those of others on the way, unless a firewall refuses them: ARI makes calls and changes the configuration",
			Evidence: []string{at, file + ": users that may change things: " + strings.Join(users, ", ")},
			Fix:      []findings.Step{findings.Write("below [general] in "+named(m, dir+"/http.conf"), "bindaddr = 127.0.0.1"), findings.Command("asterisk -rx 'module reload http'")},
		})
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
			Fix:      []findings.Step{findings.Write("in the file of this service (manager.conf or http.conf), below [general]", "bindaddr = 127.0.0.1"), findings.Command("asterisk -rx 'core reload'")},
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
