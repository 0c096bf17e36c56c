package reach

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// parseSave reads what iptables-save prints. The chains are those of the tables raw, mangle
// and filter that a packet for this machine enters. The table nat drops nothing.
func parseSave(text string) *ruleset {
	r := &ruleset{chains: map[string]*chain{}}
	table := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table = line[1:]
		case strings.HasPrefix(line, ":"):
			words := strings.Fields(line[1:])
			if len(words) >= 2 && r.chains[table+" "+words[0]] == nil { // a chain has one line
				c := &chain{policy: accept}
				if words[1] == "DROP" {
					c.policy = drop
				}
				r.chains[table+" "+words[0]] = c
			}
		case strings.HasPrefix(line, "-A "):
			words := split(line)
			if len(words) < 2 {
				continue
			}
			if c := r.chains[table+" "+words[1]]; c != nil {
				c.rules = append(c.rules, saveRule(table, words[2:]))
			}
		}
	}
	for _, name := range []string{"raw PREROUTING", "mangle PREROUTING", "mangle INPUT", "filter INPUT"} {
		if r.chains[name] != nil {
			r.enters = append(r.enters, name)
		}
	}
	return r
}

// split takes a line apart, with texts in quotes in one piece.
func split(line string) (words []string) {
	var one strings.Builder
	quoted, inside := false, false
	for i := 0; i < len(line); i++ {
		switch b := line[i]; {
		case b == '\\' && quoted && i+1 < len(line):
			i++
			one.WriteByte(line[i])
		case b == '"':
			quoted, inside = !quoted, true
		case b == ' ' && !quoted:
			if inside {
				words = append(words, one.String())
				one.Reset()
			}
			inside = false
		default:
			inside = true
			one.WriteByte(b)
		}
	}
	if inside {
		words = append(words, one.String())
	}
	return words
}

// targets are what ends a rule or lets it pass: iptables-extensions(8).
var targets = map[string]action{
	"ACCEPT": accept, "DROP": drop, "REJECT": drop, "TARPIT": drop, "STEAL": drop, "RETURN": leave,
	"LOG": pass, "NFLOG": pass, "ULOG": pass, "MARK": pass, "CONNMARK": pass, "CT": pass, "NOTRACK": pass, "TRACE": pass, "SET": pass, "TCPMSS": pass,
	"AUDIT": pass, "SECMARK": pass, "CONNSECMARK": pass, "DSCP": pass, "TOS": pass, "TTL": pass, "HL": pass, "CLASSIFY": pass, "CHECKSUM": pass, "RATEEST": pass, "TEE": pass,
}

// saveRule reads the words of a rule after its chain.
func saveRule(table string, words []string) rule {
	r := rule{action: pass}
	for i := 0; i < len(words); i++ {
		negated := words[i] == "!"
		if negated {
			if i++; i == len(words) {
				break
			}
		}
		option, value := words[i], ""
		if i+1 < len(words) {
			value = words[i+1]
		}
		one, took := saveTest(option, value)
		switch option {
		case "-j", "-g":
			i++
			known, is := targets[value]
			switch {
			case is:
				r.action = known
			case option == "-j":
				r.action, r.target = jump, table+" "+value
			default:
				r.action, r.target = goTo, table+" "+value
			}
			if len(words) > i+1 { // the rest are options of the target
				words = words[:i+1]
			}
			continue
		case "-m":
			i++
			if slices.Contains(modules, value) {
				continue // its own options say what it tests
			}
			one, took = always(maybe), 0
		case "--comment":
			i++
			continue
		}
		i += took
		if negated && option != "--match-set" {
			one = inverted(one)
		} else if negated {
			one = always(maybe)
		}
		r.tests = append(r.tests, one)
	}
	return r
}

// modules are those whose options saveTest knows.
var modules = []string{"tcp", "udp", "comment", "conntrack", "state", "multiport", "set", "addrtype", "limit", "hashlimit", "connlimit", "recent", "string"}

// saveTest is one test of a rule, and how many words its value has. The packet is the first
// one of a stranger: it is over no limit, and on no list of those that came before.
func saveTest(option, value string) (one test, took int) {
	switch option {
	case "-p":
		return func(p packet, _ action) answer { return protocol(value, p) }, 1
	case "--dport", "--dports":
		return func(p packet, _ action) answer { return portIn(value, p.port) }, 1
	case "-s":
		return always(fromWorld(value)), 1
	case "-d":
		return func(p packet, _ action) answer { return toUs(value, p) }, 1
	case "-i":
		return func(p packet, _ action) answer { return cameIn(value, p) }, 1
	case "--ctstate", "--state":
		return always(state(value)), 1
	case "--match-set":
		return inList, 2
	case "--dst-type":
		return always(answerOf(value == "LOCAL")), 1
	case "--src-type":
		return always(answerOf(value == "UNICAST")), 1
	case "--limit", "--hashlimit-upto", "--connlimit-upto":
		return always(yes), 1
	case "--hashlimit-above", "--connlimit-above", "--string", "--hex-string":
		return always(no), 1
	case "--set": // of recent
		return always(yes), 0
	case "--rcheck", "--update", "--remove":
		return always(no), 0
	case "--sport", "--sports":
		return always(maybe), 1
	}
	switch {
	case !strings.HasPrefix(option, "-"): // a value of an option
		return always(yes), 0
	case slices.ContainsFunc([]string{"--limit-", "--hashlimit-", "--connlimit-", "--seconds", "--hitcount", "--name", "--mask", "--rsource", "--rdest", "--rttl", "--reap", "--algo", "--from", "--to", "--icase"}, func(known string) bool { return strings.HasPrefix(option, known) }):
		return always(yes), 0 // it belongs to one of those above
	}
	return always(maybe), 0
}

func answerOf(fits bool) answer {
	if fits {
		return yes
	}
	return no
}

// cameIn is whether the packet of a stranger comes in over an interface: "eth0", "eth+", "lo".
func cameIn(name string, p packet) answer {
	start, wild := strings.CutSuffix(strings.ReplaceAll(name, "*", "+"), "+")
	switch {
	case name == "lo":
		return no
	case p.in == "":
		return maybe
	case wild:
		return answerOf(strings.HasPrefix(p.in, start))
	}
	return answerOf(p.in == name)
}

func protocol(name string, p packet) answer {
	switch strings.ToLower(name) {
	case "all", "0", p.protocol, map[string]string{"tcp": "6", "udp": "17"}[p.protocol]:
		return yes
	}
	return no
}

// portIn reads "22", "22,80", "5060:5070", "5060-5070".
func portIn(list string, port uint16) answer {
	for one := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(strings.ReplaceAll(one, "-", ":"), ":")
		if !isRange {
			to = from
		}
		a, errA := strconv.ParseUint(orText(from, "0"), 10, 16)
		b, errB := strconv.ParseUint(orText(to, "65535"), 10, 16)
		if errA != nil || errB != nil {
			return maybe
		}
		if uint64(port) >= a && uint64(port) <= b {
			return yes
		}
	}
	return no
}

func orText(text, empty string) string {
	if text == "" {
		return empty
	}
	return text
}

// widest is how large a network must be to be taken for the world.
const widest = 3

// fromWorld is whether a stranger can have an address of this network.
func fromWorld(network string) answer {
	p, err := netip.ParsePrefix(network)
	if addr, addrErr := netip.ParseAddr(network); addrErr == nil {
		p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	switch {
	case err != nil:
		return maybe
	case p.Bits() == 0:
		return yes
	case p.Bits() <= widest:
		return maybe
	}
	return no
}

// toUs is whether a packet to the socket can have this destination.
func toUs(network string, p packet) answer {
	n, err := netip.ParsePrefix(network)
	if addr, addrErr := netip.ParseAddr(network); addrErr == nil {
		n, err = netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	switch {
	case err != nil || p.to.IsUnspecified():
		return maybe
	case n.Contains(p.to):
		return yes
	}
	return no
}

// state is whether the first packet of a connection has one of these states.
func state(list string) answer {
	for one := range strings.SplitSeq(list, ",") {
		switch strings.ToUpper(strings.TrimSpace(one)) {
		case "NEW":
			return yes
		case "UNTRACKED":
			return maybe
		}
	}
	return no
}
