package asterisk

import (
	"cmp"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Service is a part of Asterisk that listens on ports.
type Service uint8

const (
	SIP  Service = iota // chan_sip and PJSIP
	IAX                 // IAX2
	AMI                 // the manager interface
	HTTP                // WebSocket, ARI, AMI over HTTP
)

// String is the name of the service in lower case.
func (s Service) String() string { return [...]string{"sip", "iax", "ami", "http"}[s] }

// Port is a port that a service of Asterisk listens on, by its configuration or by
// default. Whether it does is not known: SIP is taken to listen over UDP and TCP, IAX2
// over UDP, the others over TCP.
type Port struct {
	Service Service
	Number  uint16
	TLS     bool // encrypted over TCP, by its transport or its key, or because it is the default for that
}

// maxServicePorts bounds the ports of a service: each costs the firewall a comparison.
const maxServicePorts = 32

// portDefaults are what a service listens on when its files say nothing:
// asterisk:include/asterisk/manager.h, main/http.c, channels/chan_iax2.c, RFC 3261 18.
var portDefaults = [...][]uint16{SIP: {5060, 5061}, IAX: {4569}, AMI: {5038, 5039}, HTTP: {8088, 8089}}

// portKeys are the keys that Ports reads, in the section [general] or of a transport.
var portKeys = []string{"type", "protocol", "bind", "bindport", "port", "bindaddr", "udpbindaddr", "tcpbindaddr", "tlsbindaddr", "tlsbindport"}

// Ports reads below dir which ports Asterisk listens on: the transports of pjsip.conf, and
// sip.conf, iax.conf, manager.conf and http.conf, with what they include; "" is DefaultDir.
// A service whose files name none has its default ports; transports in a database are not
// seen. Ports come in order, each once. problems are as those of Read. Ports may be called
// from any goroutine.
func Ports(dir string) (ports []Port, problems []error) {
	if dir == "" {
		dir = DefaultDir
	}
	r := newReader(dir)
	r.kept, r.lost = portKeys, "so pbxjail does not know the ports in it"
	found := [len(portDefaults)][]listener{}
	for _, f := range []struct {
		name    string
		service Service
	}{{"pjsip.conf", SIP}, {"sip.conf", SIP}, {"iax.conf", IAX}, {"manager.conf", AMI}, {"http.conf", HTTP}} {
		r.begin()
		r.file(place{}, filepath.Join(r.dir, f.name), true)
		for _, s := range r.sections {
			switch {
			case s.template:
			case f.name == "pjsip.conf":
				found[f.service] = append(found[f.service], r.transport(s)...)
			case strings.EqualFold(s.name, "general"):
				found[f.service] = append(found[f.service], r.general(s, f.service)...)
			}
		}
	}
	for service, list := range found {
		if len(list) == 0 {
			list = standard(Service(service))
		}
		slices.SortFunc(list, func(a, b listener) int { return cmp.Or(cmp.Compare(a.number, b.number), plainFirst(a, b)) })
		list = slices.CompactFunc(list, func(a, b listener) bool { return a.number == b.number })
		if len(list) > maxServicePorts {
			r.tell(place{}, "write the other ports into heard.ports of the main file", "%s has more than %d ports: pbxjail does not protect the others", Service(service), maxServicePorts)
			list = list[:maxServicePorts]
		}
		for _, l := range list {
			ports = append(ports, Port{Service(service), l.number, l.tls})
		}
	}
	return ports, r.problems
}

// listener is a port as a file names it.
type listener struct {
	number uint16
	tls    bool
}

// plainFirst orders two entries of one port: a port that may be plain does not count as
// encrypted.
func plainFirst(a, b listener) int {
	switch {
	case a.tls == b.tls:
		return 0
	case a.tls:
		return 1
	}
	return -1
}

// standard is what a service listens on when its files say nothing: the first port is
// plain, the second is for TLS.
func standard(s Service) (list []listener) {
	for i, n := range portDefaults[s] {
		list = append(list, listener{n, i > 0})
	}
	return list
}

// transport is the port of a transport of PJSIP: asterisk:res/res_pjsip/config_transport.c
// transport_apply. WebSocket comes in over the ports of HTTP.
func (r *reader) transport(s *section) []listener {
	last := map[string]setting{}
	for _, set := range s.settings {
		last[set.key] = set
	}
	protocol := strings.ToLower(last["protocol"].value)
	if !strings.EqualFold(last["type"].value, "transport") || protocol == "ws" || protocol == "wss" || last["bind"].value == "" {
		return nil
	}
	if protocol == "tls" {
		return []listener{{r.bound(last["bind"], 5061), true}}
	}
	return []listener{{r.bound(last["bind"], 5060), false}}
}

// general are the ports of the section [general]. A port of its own holds for addresses
// without one: asterisk:channels/chan_sip.c reload_config, channels/chan_iax2.c set_config,
// main/manager.c, main/http.c, main/tcptls.c ast_tls_read_conf.
func (r *reader) general(s *section, service Service) (list []listener) {
	named := portDefaults[service][0]
	for _, set := range s.settings {
		if set.key == "bindport" || set.key == "port" {
			if n := r.number(set, set.value); n != 0 {
				named = n
			}
		}
	}
	list = append(list, listener{named, false})
	for _, set := range s.settings {
		switch set.key {
		case "bindaddr", "udpbindaddr":
			list = append(list, listener{r.bound(set, named), false})
		case "tcpbindaddr":
			list = append(list, listener{r.bound(set, named), false})
		case "tlsbindaddr":
			list = append(list, listener{r.bound(set, portDefaults[service][len(portDefaults[service])-1]), true})
		case "tlsbindport":
			if n := r.number(set, set.value); n != 0 {
				list = append(list, listener{n, true})
			}
		}
	}
	return append(list, standard(service)[1:]...) // of TLS, which may be on by other keys
}

var boundForm = regexp.MustCompile(`^(?:\[[^\]]*\]|[^:]*):(.*)$`)

// bound is the port of an address, or the one that holds without.
func (r *reader) bound(set setting, standard uint16) uint16 {
	text := strip(set.value)
	form := boundForm.FindStringSubmatch(text)
	if _, err := netip.ParseAddr(text); err == nil || form == nil { // the colons of IPv6 are no port
		return standard
	}
	if n := r.number(set, form[1]); n != 0 {
		return n
	}
	return standard
}

// number reads a port; 0 when it is none.
func (r *reader) number(set setting, text string) uint16 {
	n, err := strconv.ParseUint(strip(text), 10, 16)
	if err != nil || n == 0 {
		r.tell(set.at, "write a number from 1 to 65535", "%s %s is not a port", set.key, quoted(text))
		return 0
	}
	return uint16(n)
}
