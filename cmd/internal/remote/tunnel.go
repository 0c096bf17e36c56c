package remote

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// Service is where a tunnel leads: a port of the other PBX, or of a host that it reaches.
type Service struct {
	Host string // as the other PBX calls it
	Port int
}

// ParseService reads PORT or HOST:PORT. A port alone is one of the PBX itself.
func ParseService(text string) (s Service, err error) {
	do := "write a port such as 443, or a host and a port such as 192.168.1.20:80"
	if !strings.Contains(text, ":") {
		s.Host = "127.0.0.1"
		s.Port, err = ParsePort(text)
		return s, hint.Add(do, err)
	}
	host, port, err := cutPort(text)
	if err == nil && port == 0 {
		err = hint.Errorf("", "%s has no port", show.Quoted(text, mostName))
	}
	if _, bad := netip.ParseAddr(host); err == nil && bad != nil && !plain(host, "._-") {
		err = hint.Errorf("", "%s is not the name of a host", show.Quoted(host, mostName))
	}
	if err != nil {
		return s, hint.Errorf(do, "%w", err)
	}
	return Service{host, port}, nil
}

// String is what ParseService reads back, and what ssh takes.
func (s Service) String() string {
	if strings.Contains(s.Host, ":") {
		return "[" + s.Host + "]:" + strconv.Itoa(s.Port)
	}
	return s.Host + ":" + strconv.Itoa(s.Port)
}

// Scheme is how a browser reaches the service: "https", "http", or "" for what is no web
// server as far as its port says. 8089 and 8088 are Asterisk's own (http.conf).
func (s Service) Scheme() string {
	switch s.Port {
	case 443, 4443, 8443, 9443, 8089:
		return "https"
	case 80, 81, 83, 8000, 8008, 8080, 8081, 8088, 8888:
		return "http"
	}
	return ""
}

// Resolved is what the configuration of ssh makes of a target.
type Resolved struct {
	User, Host string
	Port       int
	Jump       string // the hosts on the way; "" none
	Control    string // the socket of a connection that can be shared; "" none
}

// Show are the arguments of ssh that print what its configuration makes of a target.
func (s SSH) Show(t Target) []string {
	return append(append(s.base(), "-G"), t.arguments()...)
}

// ReadShown reads what ssh -G prints: a keyword in small letters and its value in each line
// (ssh(1)). A command of the user's configuration that leads to the host counts as a jump.
func ReadShown(text string) (r Resolved) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		switch key {
		case "user":
			r.User = value
		case "hostname":
			r.Host = value
		case "port":
			r.Port, _ = strconv.Atoi(value)
		case "proxyjump", "proxycommand":
			if value != "none" {
				r.Jump = value
			}
		case "controlpath":
			if value != "none" && !strings.Contains(value, "%") { // an old ssh prints it as it is written
				r.Control = value
			}
		}
	}
	return r
}

// Master are the arguments of ssh that hold a connection for forwarded ports, with the
// control socket at a path.
func (s SSH) Master(t Target, control string) []string {
	args := append(s.base(), "-N", "-M", "-S", control, "-o", "ControlPersist=no", "-o", "LogLevel=INFO")
	return append(args, t.arguments()...)
}

// Forwarding is a port of this machine that leads through a connection. Only programs of
// this machine can reach it.
type Forwarding struct {
	Local int
	To    Service // not used for Socks
	Socks bool    // a SOCKS proxy: each connection says where it leads
}

// Control are the arguments of ssh that ask the connection at a control socket to "forward"
// or "cancel" a port, or only to "check" it. No configuration is read: it could ask for
// other ports (openssh:mux.c, mux_client_forwards).
func (f Forwarding) Control(do, control string, t Target) []string {
	args := []string{"-F", "/dev/null", "-S", control, "-O", do}
	local := "127.0.0.1:" + strconv.Itoa(f.Local)
	switch {
	case do == "check":
	case f.Socks:
		args = append(args, "-D", local)
	default:
		args = append(args, "-L", local+":"+f.To.String())
	}
	return append(args, "--", t.Host)
}

// refusals are what ssh prints when the other PBX does not open a connection
// (openssh:channels.c), and what to do about it. TO is the service.
var refusals = [...]cause{
	{"administratively prohibited", "its ssh server forwards no ports", "write AllowTcpForwarding yes into /etc/ssh/sshd_config there; then: systemctl reload ssh"},
	{"Connection refused", "nothing listens at TO there", "to see what listens, run on the PBX: ss -tln; then name that port, or ADDRESS:PORT, with --to"},
	{"timed out", "TO does not answer there", "check the address; the PBX must reach it"},
	{"Name or service not known", "no address is known there for the host in TO", "write its address: --to ADDRESS:PORT"},
	{"No route to host", "no network leads there to TO", "check the address; the PBX must reach it"},
}

// Refused says why nothing answers at the other end of a tunnel, by what ssh printed.
func (s Service) Refused(t Target, said string) error {
	for _, c := range refusals {
		if strings.Contains(said, c.says) {
			return hint.Errorf(c.do, "%s: %s", t, strings.ReplaceAll(c.what, "TO", s.String()))
		}
	}
	return hint.Errorf(refusals[1].do, "%s: nothing answers at %s there", t, s)
}

// Address is where a browser finds the service on this machine.
func (f Forwarding) Address() string {
	switch scheme := f.To.Scheme(); {
	case f.Socks:
		return fmt.Sprintf("socks5://127.0.0.1:%d", f.Local)
	case scheme != "":
		return fmt.Sprintf("%s://127.0.0.1:%d/", scheme, f.Local)
	}
	return fmt.Sprintf("127.0.0.1:%d", f.Local)
}
