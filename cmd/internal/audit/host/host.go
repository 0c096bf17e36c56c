// Package host is the part of jailctl audit that looks at the machine around the PBX: which
// ports answer the world, whether root can log in over ssh with a password, and whether the
// clock is right. Other programs look at more. It must never change anything, and never show
// a password or its hash.
package host

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/audit/reach"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// Checks are the checks of this part.
func Checks() []findings.Check[*audit.Machine] {
	return []findings.Check[*audit.Machine]{
		{Name: "host-ports", Asks: "which ports answer the world?", Run: openPorts},
		{Name: "host-ssh-root", Asks: "can root log in over ssh with a password?", Run: rootLogin},
		{Name: "host-clock", Asks: "is the clock kept right?", Run: clock},
	}
}

// inner are ports that a PBX needs for itself at most, with what they are. The manager
// interface and ARI are in the part of Asterisk.
var inner = map[string]string{
	"tcp 3306": "the database MySQL or MariaDB", "tcp 5432": "the database PostgreSQL", "tcp 6379": "the database Redis", "tcp 27017": "the database MongoDB",
	"tcp 11211": "memcached", "udp 11211": "memcached", "tcp 111": "rpcbind", "udp 111": "rpcbind", "tcp 2049": "the file server NFS",
	"tcp 139": "the file server Samba", "tcp 445": "the file server Samba", "tcp 21": "the file server FTP, which sends passwords as they are", "tcp 873": "rsync",
	"udp 69": "TFTP, which gives files of phones to everybody who asks", "tcp 23": "telnet, which sends passwords as they are", "udp 161": "SNMP",
	"tcp 10000": "Webmin", "tcp 5900": "the desktop VNC", "tcp 3389": "the desktop RDP", "tcp 4445": "the panel FOP2", "tcp 9200": "Elasticsearch", "tcp 2375": "Docker, which gives every caller the rights of root",
}

// openPorts compares the sockets with the firewall.
func openPorts(m *audit.Machine) []findings.Finding {
	sockets, err := m.Listening()
	if err != nil {
		return []findings.Finding{m.Unseen("open ports", "which ports this machine listens on", byHand(m, err, "see the ports yourself: ss -tulpn; and the firewall: "+seeRules))}
	}
	wall := reach.Of(m)
	of := map[reach.Verdict][]audit.Socket{}
	for _, s := range sockets {
		v := wall.World(s)
		if !slices.ContainsFunc(of[v], func(before audit.Socket) bool { return nameOf(before) == nameOf(s) }) {
			of[v] = append(of[v], s)
		}
	}
	var list []findings.Finding
	for _, s := range of[reach.Open] {
		if what := inner[key(s)]; what != "" {
			list = append(list, innerFinding(m, s, what, wall))
		}
	}
	if open := of[reach.Open]; len(open) > 0 {
		list = append(list, findings.Finding{
			About: "open ports", Severity: findings.Note,
			What:     fmt.Sprintf("%s of this machine answer the world, %s", show.Count(len(open), "port"), wall.Why()),
			Evidence: grouped(open),
			Hint:     "close each port that only your own phones and admins need: allow their addresses in the firewall, and nothing else. If this machine has a private address, the router before it decides too",
		})
	}
	if unclear := of[reach.Unknown]; len(unclear) > 0 {
		f := m.Unseen("open ports", "whether the firewall lets the world reach "+show.Count(len(unclear), "port"), byHand(m, orElse(wall.Err(), errUnclear), "see the rules yourself: "+seeRules))
		f.Evidence = grouped(unclear)
		list = append(list, f)
	}
	if len(of[reach.Open])+len(of[reach.Unknown]) == 0 {
		list = append(list, audit.OK("open ports", "no port answers the world, %s", wall.Why()))
	}
	return list
}

// seeRules are the commands that print the rules of the firewall.
const seeRules = "nft list ruleset; iptables-save; ip6tables-save"

// byHand adds what to type where jailctl cannot look. An error that has a hint keeps it, and
// a caller who is not root does better to call again as root.
func byHand(m *audit.Machine, err error, do string) error {
	switch {
	case hint.Of(err) != "" || errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0:
		return err
	case !m.IsThis():
		return hint.Add("run jailctl audit on that machine itself, without --root", err)
	}
	return hint.Add(do, err)
}

var errUnclear = hint.New("see the rules yourself: "+seeRules+"; or test a port from another network: nmap -p PORT ADDRESS", "a rule of the firewall has a condition that jailctl does not understand")

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func key(s audit.Socket) string { return fmt.Sprintf("%s %d", s.Protocol, s.At.Port()) }

// nameOf is a socket for people: "tcp 22 (sshd)".
func nameOf(s audit.Socket) string {
	if s.Program == "" {
		return key(s)
	}
	return key(s) + " (" + show.Word(s.Program, 20) + ")"
}

// fewPorts is how many ports of one program are listed one by one: RTP has thousands.
const fewPorts = 8

// grouped lists sockets, those of a program together where they are many.
func grouped(sockets []audit.Socket) (list []string) {
	type owner struct{ protocol, program string }
	of := map[owner][]audit.Socket{}
	var order []owner
	for _, s := range sockets {
		o := owner{s.Protocol, s.Program}
		if of[o] == nil {
			order = append(order, o)
		}
		of[o] = append(of[o], s)
	}
	for _, o := range order {
		var ports []string
		for _, s := range of[o] {
			ports = append(ports, fmt.Sprint(s.At.Port()))
		}
		who := cmp.Or(o.program, "a program that is not known")
		if n := len(ports); n > fewPorts {
			ports = []string{fmt.Sprintf("%s between %s and %s", show.Count(n, "port"), ports[0], ports[n-1])}
		}
		list = append(list, fmt.Sprintf("%s %s: %s", o.protocol, strings.Join(ports, ", "), show.Flat(who, 40)))
	}
	return list
}

// innerFinding is about a port that the world should not reach.
func innerFinding(m *audit.Machine, s audit.Socket, what string, wall *reach.Firewall) findings.Finding {
	port, protocol := s.At.Port(), s.Protocol
	f := findings.Finding{
		About: fmt.Sprintf("port %d/%s", port, protocol), Severity: findings.Risky,
		What:     fmt.Sprintf("the world can reach %s", what),
		Evidence: []string{fmt.Sprintf("%s listens on %s, %s", cmp.Or(show.Flat(s.Program, 40), "a program"), s.At, wall.Why())},
		Hint:     "let the program listen on 127.0.0.1 only, if other machines do not need it. Else close the port, and then allow only their addresses",
		Fix:      append(onlyHere(m, key(s)), closing(m, port, protocol)...),
	}
	return f
}

// onlyHere lets a program listen on this machine alone; nothing when its file is not known.
func onlyHere(m *audit.Machine, port string) []findings.Step {
	for _, p := range []struct{ port, file, section, line, service string }{
		{"tcp 3306", "/etc/mysql/mariadb.conf.d/50-server.cnf", "[mysqld]", "bind-address=127.0.0.1", "mariadb"},
		{"tcp 3306", "/etc/my.cnf", "[mysqld]", "bind-address=127.0.0.1", "mariadb"},
		{"tcp 6379", "/etc/redis/redis.conf", "", "bind 127.0.0.1", "redis"},
	} {
		if _, err := m.Stat(p.file); err != nil || p.port != port {
			continue
		}
		where := "into " + p.file
		if p.section != "" {
			where = "below " + p.section + " in " + p.file
		}
		return []findings.Step{findings.Write(where, p.line), findings.Command("systemctl restart " + p.service)}
	}
	return nil
}

// closing are the commands that close a port, for the firewall that the machine has.
func closing(m *audit.Machine, port uint16, protocol string) []findings.Step {
	again := findings.Command("jailctl audit --only host")
	name := fmt.Sprintf("%d/%s", port, protocol)
	has := m.Survey().Firewalls
	switch {
	case slices.Contains(has, "FreePBX firewall"):
		return []findings.Step{{Where: "in the web interface: Connectivity, Firewall, Services, Custom Services: remove the zone Internet from port " + name}, again}
	case slices.Contains(has, "firewalld"):
		return []findings.Step{findings.Command("firewall-cmd --permanent --remove-port=" + name + " && firewall-cmd --reload"), again}
	case slices.Contains(has, "ufw"):
		return []findings.Step{findings.Command("ufw deny " + name), again}
	}
	rule := fmt.Sprintf("-I INPUT -p %s --dport %d ! -i lo -j DROP", protocol, port)
	return []findings.Step{
		findings.Command("iptables " + rule + " && ip6tables " + rule),
		{Where: "keep the rules over a restart: with the package iptables-persistent (Debian) or iptables-services (Red Hat)"},
		again,
	}
}

const seeClock = "see the clock yourself: timedatectl"

// clock says whether the clock is kept right, and by what.
func clock(m *audit.Machine) []findings.Finding {
	if m.Clock == nil {
		return []findings.Finding{m.Unseen("clock", "whether the clock is synchronised", byHand(m, errors.New("the clock of another machine cannot be asked"), seeClock))}
	}
	synchronised, err := m.Clock()
	if err != nil {
		return []findings.Finding{m.Unseen("clock", "whether the clock is synchronised", byHand(m, err, seeClock))}
	}
	service := timeService(m)
	if synchronised {
		return []findings.Finding{audit.OK("clock", "the clock is synchronised%s", with(service))}
	}
	f := findings.Finding{
		About: "clock", Severity: findings.Risky,
		What:     "no program keeps the clock of this machine right. A wrong clock puts wrong times into logs and call records, and makes valid certificates fail",
		Evidence: []string{"the kernel says that no program corrects the clock"},
		Fix:      []findings.Step{findings.Command("timedatectl set-ntp true"), findings.Command("timedatectl")},
		Hint:     "if timedatectl starts none, install chrony",
	}
	if service != "" {
		f.Evidence = []string{service + " runs, and the kernel says that the clock is not corrected yet"}
		f.Hint = "wait some minutes. If it stays so, the firewall or the network stops NTP (port 123/udp)"
		f.Fix = []findings.Step{findings.Command("timedatectl")}
	} else if s := m.System(); s.Is("debian", "ubuntu") {
		f.Hint, f.Fix = "", []findings.Step{findings.Command("apt-get install chrony"), findings.Command("chronyc tracking")}
	} else if s.Is("rhel", "fedora", "centos", "sangoma") {
		f.Hint, f.Fix = "", []findings.Step{findings.Command("yum install chrony && systemctl enable --now chronyd"), findings.Command("chronyc tracking")}
	}
	return []findings.Finding{f}
}

func with(service string) string {
	if service == "" {
		return ""
	}
	return " (" + service + ")"
}

// timeService is the program that corrects the clock; "": none runs. A name in /proc has at
// most 15 bytes.
func timeService(m *audit.Machine) string {
	for _, comm := range m.Glob("/proc/[1-9]*/comm", 8192) {
		text, _ := m.Read(comm, 64) // the process may have ended
		switch name := strings.TrimSpace(string(text)); name {
		case "chronyd", "ntpd", "openntpd", "ntpsec":
			return name
		case "systemd-timesyn":
			return "systemd-timesyncd"
		}
	}
	return ""
}
