package tls

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

// server is the kind of program behind a port: each has its own files.
type server uint8

const (
	other server = iota
	apache
	nginx
	pjsip
	chanSIP
	httpServer // the one of Asterisk: WebSocket, ARI, provisioning
	manager
)

// asterisk reports whether Asterisk is the server.
func (s server) asterisk() bool { return s >= pjsip }

// target is a port to test.
type target struct {
	about    string // "port 5061 (SIP, asterisk)"
	address  string // to connect to
	name     string // of the server, for SNI; "": none
	names    []string
	named    bool // the admin named it
	expected bool // it should be encrypted: by a file, or because its number says so
	server   server
	section  string // of pjsip.conf
}

// mostTargets bounds the ports that are tested: each costs a dozen connections.
const mostTargets = 32

// services are the usual encrypted ports of a PBX.
var services = map[uint16]struct {
	what   string
	server server
}{
	443: {"web", other}, 8443: {"web", other}, 4443: {"web", other}, 1443: {"provisioning", other}, 8003: {"user panel", other},
	5061: {"SIP", pjsip}, 8089: {"WebSocket and ARI", httpServer}, 5039: {"manager interface", manager},
}

// webServers are programs whose ports are all tried, but for those of plain HTTP. A name in
// /proc has at most 15 bytes.
var webServers = map[string]server{
	"apache2": apache, "httpd": apache, "nginx": nginx, "lighttpd": other, "caddy": other, "haproxy": other, "node": other, "stunnel": other, "stunnel4": other,
}

// targets are the ports to test: those that this machine listens on and that can be
// encrypted, and those that the admin named.
func targets(m *audit.Machine) (list []target, left []findings.Finding) {
	names := ownNames(m)
	own := ofAsterisk(m)
	sockets, err := m.Listening()
	if err != nil {
		left = append(left, m.Unseen("encrypted ports", "which ports this machine listens on", err))
		for _, o := range own {
			sockets = append(sockets, audit.Socket{Protocol: "tcp", At: netip.AddrPortFrom(netip.IPv4Unspecified(), o.port), Program: "asterisk"})
		}
	}
	listens := map[uint16]bool{}
	var unknown []string
	for _, s := range sockets {
		if s.Protocol != "tcp" {
			continue
		}
		listens[s.At.Port()] = true
		t, is := targetOf(m, s, own)
		if !is && s.Program == "" && s.World() && !plainPort(s.At.Port()) {
			unknown = append(unknown, strconv.Itoa(int(s.At.Port())))
		}
		if !is || slices.ContainsFunc(list, func(before target) bool { return before.about == t.about }) {
			continue
		}
		t.names = names
		if len(names) > 0 {
			t.name = names[0]
		}
		list = append(list, t)
	}
	if unknown = slices.Compact(unknown); len(unknown) > 0 {
		left = append(left, findings.Finding{
			About: "encrypted ports", Severity: findings.Unknown,
			What:     "these ports were not tested, because it is not known which programs listen there",
			Evidence: unknown,
			Hint:     audit.AsRoot("run jailctl audit as root, which sees the programs", "see which programs have the ports: ss -tlnp") + "; or test a port by name: jailctl audit --only tls --address 127.0.0.1:PORT",
		})
	}
	for _, o := range own {
		if !listens[o.port] {
			left = append(left, findings.Finding{
				About: fmt.Sprintf("port %d (%s)", o.port, o.what), Severity: findings.Note,
				What:     "Asterisk should listen on this port with TLS, and no program listens there, so it was not tested",
				Evidence: []string{o.at},
				Hint:     "if the port is needed, see why Asterisk does not open it: asterisk -rx 'pjsip show transports', and the log of Asterisk",
			})
		}
	}
	for _, address := range m.Addresses {
		list = append(list, namedTarget(address))
	}
	if n := len(list) - mostTargets; n > 0 {
		left = append(left, findings.Finding{
			About: "encrypted ports", Severity: findings.Unknown,
			What: fmt.Sprintf("only the first %d ports are tested, %s not", mostTargets, show.Count(n, "port")),
			Hint: "test the others by name: jailctl audit --only tls --address 127.0.0.1:PORT",
		})
		list = list[:mostTargets]
	}
	return list, left
}

// targetOf is what to test of a socket, and whether it can be encrypted at all. A plain port
// of SIP or of the manager interface is left alone: what it does not understand, it logs as
// an attack.
func targetOf(m *audit.Machine, s audit.Socket, own []encrypted) (target, bool) {
	port := s.At.Port()
	t := target{address: netip.AddrPortFrom(reachable(s.At.Addr()), port).String()}
	what := ""
	if i := slices.IndexFunc(own, func(o encrypted) bool { return o.port == port }); i >= 0 && (s.Program == "" || s.Program == "asterisk") {
		t.server, t.section, t.expected, what = own[i].server, own[i].section, true, own[i].what
	} else if usual, is := services[port]; is {
		t.server, t.expected, what = usual.server, true, usual.what
	} else if _, web := webServers[s.Program]; !web || port == 80 || port == 8080 {
		return t, false
	}
	switch program, web := webServers[s.Program]; {
	case web:
		t.server, what = program, cmp.Or(what, "web")
	case s.Program == "" && t.server == other:
		t.server = guess(m)
	}
	if s.Program != "" {
		what += ", " + show.Word(s.Program, 20)
	}
	t.about = fmt.Sprintf("port %d (%s)", port, what)
	return t, true
}

// guess is the web server that the machine has, by its files.
func guess(m *audit.Machine) server {
	for _, g := range []struct {
		folder string
		server server
	}{{"/etc/apache2/mods-enabled", apache}, {"/etc/httpd/conf", apache}, {"/etc/nginx", nginx}} {
		if _, err := m.Stat(g.folder); err == nil {
			return g.server
		}
	}
	return other
}

// plainPort reports whether a port is not encrypted from its first byte, by its number: ssh,
// mail, web, databases, SIP, the manager interface.
func plainPort(port uint16) bool {
	return slices.Contains([]uint16{21, 22, 23, 25, 53, 80, 110, 111, 143, 587, 2000, 3306, 5038, 5060, 5432, 6379, 8080, 8088}, port)
}

// reachable is an address of this machine on which a socket answers.
func reachable(listens netip.Addr) netip.Addr {
	switch {
	case !listens.IsUnspecified():
		return listens
	case listens.Is4():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

// namedTarget is a port that the admin named, as HOST:PORT.
func namedTarget(address string) target {
	t := target{about: "port " + show.Word(address, 120), address: address, named: true, expected: true}
	host, _, err := net.SplitHostPort(address)
	if err == nil && isName(host) {
		t.name, t.names = host, []string{host}
	}
	return t
}

// ownNames are the full names of this machine, by its own files.
func ownNames(m *audit.Machine) (names []string) {
	add := func(name string) {
		name = strings.ToLower(strings.Trim(name, ".;\""))
		if strings.Contains(name, ".") && !strings.HasPrefix(name, "localhost") && isName(name) && !strings.ContainsAny(name, "*$_") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add(m.Name)
	hosts, _ := m.Read("/etc/hosts", 1<<20)
	for line := range strings.Lines(string(hosts)) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if m.Name != "" && slices.Contains(words, m.Name) {
			for _, w := range words[1:] {
				add(w)
			}
		}
	}
	for _, l := range configLines(m, apacheFiles, "ServerName") {
		host, _, _ := strings.Cut(strings.TrimPrefix(l.value, "https://"), ":")
		add(host)
	}
	for _, l := range configLines(m, nginxFiles, "server_name") {
		for _, w := range strings.Fields(l.value) {
			add(w)
		}
	}
	return names
}

func portNumber(text string, usual uint16) uint16 {
	if n, err := strconv.ParseUint(text, 10, 16); err == nil && n > 0 {
		return uint16(n)
	}
	return usual
}
