// Package remote is how jailctl runs a verb on another PBX: which host to ask, what the two ends
// say to each other over ssh, and what is made of the answer. jailctl calls it on both
// ends. It must never start a program or open a connection, never let a host name become an
// option of ssh or reach a shell, and never let bytes of the other PBX reach a terminal as
// they are.
package remote

import (
	"net/netip"
	"strconv"
	"strings"

	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// mostName is how long a user or a host may be, in bytes: RFC 1035 2.3.4 has 253 for a name.
const mostName = 255

// Target is a host to ask. User "" and Port 0 leave it to the configuration of ssh. Host is a
// name, an alias of that configuration, or an address without brackets. All of it is letters,
// digits and a few signs: ssh puts a host name into commands for a shell (ssh_config(5),
// ProxyCommand and Match exec), so no sign of a shell may be in it.
type Target struct {
	User string
	Host string
	Port int
}

const howToName = "write user@host, host, or user@host:port; an IPv6 address with a port is [2001:db8::10]:22"

// ParseTarget reads [USER@]HOST[:PORT]. Everything else is an error with a hint.
func ParseTarget(text string) (t Target, err error) {
	bad := func(why string) (Target, error) {
		return Target{}, hint.Errorf(howToName, "%s is not the name of a host: %s", show.Quoted(text, mostName), why)
	}
	host := text
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		t.User, host = text[:at], text[at+1:]
		if !plain(t.User, "._+@-") {
			return bad("the user has signs other than letters, digits, dot, underscore, plus and minus")
		}
	}
	if host, t.Port, err = cutPort(host); err != nil {
		return bad(err.Error())
	}
	t.Host = host
	if addr, err := netip.ParseAddr(host); err == nil {
		if !plain(addr.Zone(), "._-") && addr.Zone() != "" {
			return bad("the name of the network interface has other signs than letters and digits")
		}
		return t, nil
	}
	if !plain(host, "._-") {
		return bad("it must have letters, digits, dots, underscores and minus alone, and must not begin with minus")
	}
	return t, nil
}

// cutPort splits host:port. An address of IPv6 has colons of its own.
func cutPort(text string) (host string, port int, err error) {
	digits, found := "", false
	if inner, ok := strings.CutPrefix(text, "["); ok {
		var rest string
		if host, rest, ok = strings.Cut(inner, "]"); !ok {
			return "", 0, hint.New("", "a closing bracket is missing")
		}
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is6() {
			return "", 0, hint.New("", "only an IPv6 address has brackets")
		}
		if digits, found = strings.CutPrefix(rest, ":"); !found && rest != "" {
			return "", 0, hint.New("", "only a colon and a port can follow the bracket")
		}
	} else if strings.Count(text, ":") != 1 {
		return text, 0, nil
	} else {
		host, digits, found = strings.Cut(text, ":")
	}
	if !found {
		return host, 0, nil
	}
	if port, err = ParsePort(digits); err != nil {
		return "", 0, err
	}
	return host, port, nil
}

// ParsePort reads a port number from 1 to 65535.
func ParsePort(text string) (int, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, hint.Errorf("write a number from 1 to 65535", "%s is not a port", show.Quoted(text, 20))
	}
	return int(port), nil
}

// plain reports whether a text has ASCII letters, digits and the given signs alone, is not
// empty, not too long, and does not begin with a minus, as an option does.
func plain(text, signs string) bool {
	if text == "" || len(text) > mostName || text[0] == '-' {
		return false
	}
	for _, c := range []byte(text) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte(signs, c) < 0 {
			return false
		}
	}
	return true
}

// String is what ParseTarget reads back.
func (t Target) String() string {
	text := t.Host
	if t.Port != 0 {
		if strings.Contains(text, ":") {
			text = "[" + text + "]"
		}
		text += ":" + strconv.Itoa(t.Port)
	}
	if t.User != "" {
		text = t.User + "@" + text
	}
	return text
}

// arguments are the port and the destination for ssh(1). After "--" no name is an option.
func (t Target) arguments() (list []string) {
	if t.Port != 0 {
		list = append(list, "-p", strconv.Itoa(t.Port))
	}
	destination := t.Host
	if t.User != "" {
		destination = t.User + "@" + destination
	}
	return append(list, "--", destination)
}
