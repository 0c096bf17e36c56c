package reach

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// nftDump is what "nft -j list ruleset" prints: libnftables-json(5).
type nftDump struct {
	NFTables []struct {
		Chain *nftChain `json:"chain"`
		Rule  *nftRule  `json:"rule"`
	} `json:"nftables"`
}

type nftChain struct {
	Family, Table, Name, Type, Hook, Policy string
	Prio                                    json.RawMessage
}

type nftRule struct {
	Family, Table, Chain string
	Expr                 []map[string]json.RawMessage
}

// ofIptables are tables that iptables-nft makes: iptables-save shows them better.
var ofIptables = []string{"filter", "raw", "mangle", "nat", "security"}

// parseNFT reads the rules of nftables, for IPv4 and for IPv6.
func parseNFT(text []byte) (four, six []*ruleset, err error) {
	var dump nftDump
	if err := json.Unmarshal(text, &dump); err != nil {
		return nil, nil, fmt.Errorf("cannot understand what nft prints: %w", err)
	}
	tables := map[string]*ruleset{}
	family := map[string]string{}
	foreign := map[string]bool{} // tables that iptables-save shows
	for _, o := range dump.NFTables {
		if o.Rule != nil && slices.Contains(ofIptables, o.Rule.Table) && usesXT(o.Rule.Expr) {
			foreign[o.Rule.Family+" "+o.Rule.Table] = true
		}
	}
	for _, o := range dump.NFTables {
		switch {
		case o.Chain != nil && slices.Contains([]string{"ip", "ip6", "inet"}, o.Chain.Family) && !isOfIptables(o.Chain, foreign):
			key := o.Chain.Family + " " + o.Chain.Table
			r := tables[key]
			if r == nil {
				r = &ruleset{chains: map[string]*chain{}}
				tables[key], family[key] = r, o.Chain.Family
			}
			c := &chain{policy: accept}
			if o.Chain.Policy == "drop" {
				c.policy = drop
			}
			r.chains[o.Chain.Name] = c
			if (o.Chain.Hook == "input" || o.Chain.Hook == "prerouting") && o.Chain.Type == "filter" {
				r.enters = append(r.enters, o.Chain.Name)
			}
		case o.Rule != nil:
			if r := tables[o.Rule.Family+" "+o.Rule.Table]; r != nil && r.chains[o.Rule.Chain] != nil {
				c := r.chains[o.Rule.Chain]
				c.rules = append(c.rules, nftRules(o.Rule.Expr)...)
			}
		}
	}
	for key, r := range tables {
		if len(r.enters) == 0 {
			continue
		}
		if family[key] != "ip6" {
			four = append(four, r)
		}
		if family[key] != "ip" {
			six = append(six, r)
		}
	}
	return four, six, nil
}

// isOfIptables reports whether iptables-save shows this chain: it has a name of iptables, and
// is in a table of its kind.
func isOfIptables(c *nftChain, foreign map[string]bool) bool {
	builtIn := []string{"INPUT", "PREROUTING", "FORWARD", "OUTPUT", "POSTROUTING"}
	return c.Family != "inet" && slices.Contains(ofIptables, c.Table) && (foreign[c.Family+" "+c.Table] || c.Hook != "" && slices.Contains(builtIn, c.Name))
}

func usesXT(list []map[string]json.RawMessage) bool {
	return slices.ContainsFunc(list, func(e map[string]json.RawMessage) bool { return e["xt"] != nil })
}

// nftRules reads the expressions of one rule. A verdict map is as many rules as it has
// elements: only one of them can fit.
func nftRules(list []map[string]json.RawMessage) []rule {
	r := rule{action: pass}
	for _, e := range list {
		for name, body := range e {
			switch name {
			case "match":
				r.tests = append(r.tests, nftMatch(body))
			case "vmap":
				return nftMap(r, body)
			case "counter", "log", "comment", "mangle", "notrack", "set", "meta", "ct helper":
			case "limit", "ct count":
				var over struct{ Inv bool }
				_ = json.Unmarshal(body, &over)                        // what it does not say is false
				r.tests = append(r.tests, always(answerOf(!over.Inv))) // a first packet is over no limit
			default:
				if action, target := nftVerdict(name, body); action != pass {
					r.action, r.target = action, target
				} else { // xt, and what is newer than this
					r.tests = append(r.tests, always(maybe))
				}
			}
		}
	}
	return []rule{r}
}

// nftVerdict is what an expression does with the packet; pass when it is no verdict.
func nftVerdict(name string, body json.RawMessage) (does action, target string) {
	switch name {
	case "accept":
		return accept, ""
	case "drop", "reject":
		return drop, ""
	case "return":
		return leave, ""
	case "queue", "synproxy", "tproxy", "fwd", "dup":
		return strange, ""
	case "jump", "goto":
		var to struct{ Target string }
		if json.Unmarshal(body, &to) != nil {
			return strange, ""
		}
		if name == "goto" {
			return goTo, to.Target
		}
		return jump, to.Target
	}
	return pass, ""
}

// nftMap reads {"key": {...}, "data": {"set": [[VALUE, VERDICT], ...]}}. before has the tests
// that come before it in the rule.
func nftMap(before rule, body json.RawMessage) (list []rule) {
	var m struct {
		Key  map[string]json.RawMessage
		Data struct{ Set [][]json.RawMessage }
	}
	if json.Unmarshal(body, &m) != nil || len(m.Data.Set) == 0 { // a map with a name is not printed
		before.action = strange
		return []rule{before}
	}
	for _, pair := range m.Data.Set {
		one := rule{tests: slices.Clone(before.tests), action: strange}
		var verdict map[string]json.RawMessage
		if len(pair) == 2 && json.Unmarshal(pair[1], &verdict) == nil {
			for name, body := range verdict {
				if one.action, one.target = nftVerdict(name, body); name == "continue" {
					one.action = pass
				}
			}
			one.tests = append(one.tests, nftValue(m.Key, values(pair[0])))
		}
		list = append(list, one)
	}
	return list
}

// nftValue compares a part of the packet with values; those that are not understood may fit.
func nftValue(left map[string]json.RawMessage, right string) test {
	if right == "?" {
		return always(maybe)
	}
	return nftTest(left, right)
}

// nftMatch reads {"op": "==", "left": {"payload": {...}}, "right": 22}.
func nftMatch(body json.RawMessage) test {
	var m struct {
		Op    string
		Left  map[string]json.RawMessage
		Right json.RawMessage
	}
	if json.Unmarshal(body, &m) != nil || !slices.Contains([]string{"==", "!=", "in"}, m.Op) {
		return always(maybe)
	}
	if isSet(m.Right) {
		if m.Op == "!=" {
			return always(maybe)
		}
		return inList
	}
	one := nftValue(m.Left, values(m.Right))
	if m.Op != "!=" {
		return one
	}
	return inverted(one)
}

func nftTest(left map[string]json.RawMessage, right string) test {
	var payload struct{ Protocol, Field string }
	var meta, ct struct{ Key string }
	switch {
	case left["payload"] != nil && json.Unmarshal(left["payload"], &payload) == nil:
		return nftPayload(payload.Protocol, payload.Field, right)
	case left["meta"] != nil && json.Unmarshal(left["meta"], &meta) == nil:
		switch meta.Key {
		case "l4proto":
			return func(p packet, _ action) answer { return anyOf(right, func(v string) answer { return protocol(v, p) }) }
		case "iif", "iifname":
			return func(p packet, _ action) answer { return anyOf(right, func(v string) answer { return cameIn(v, p) }) }
		case "nfproto":
			return func(p packet, _ action) answer {
				if p.to.IsUnspecified() && p.to.Is6() {
					return maybe
				}
				return answerOf((right == "ipv4") == p.to.Is4())
			}
		}
	case left["ct"] != nil && json.Unmarshal(left["ct"], &ct) == nil:
		switch ct.Key {
		case "state":
			return always(state(right))
		case "status": // dnat: it is not for a socket of this machine
			return always(no)
		}
	}
	return always(maybe)
}

func nftPayload(of, field, right string) test {
	switch of + " " + field {
	case "tcp dport", "udp dport", "th dport":
		return func(p packet, _ action) answer {
			if of != "th" && of != p.protocol {
				return no
			}
			return portIn(right, p.port)
		}
	case "ip saddr", "ip6 saddr":
		return always(anyOf(right, fromWorld))
	case "ip daddr", "ip6 daddr":
		return func(p packet, _ action) answer { return anyOf(right, func(v string) answer { return toUs(v, p) }) }
	case "ip protocol", "ip6 nexthdr":
		return func(p packet, _ action) answer { return anyOf(right, func(v string) answer { return protocol(v, p) }) }
	}
	if slices.Contains([]string{"icmp", "icmpv6", "igmp", "sctp", "dccp", "arp", "esp", "ah"}, of) {
		return always(no)
	}
	return always(maybe)
}

// isSet reports whether the right side is a named set: "@name".
func isSet(right json.RawMessage) bool {
	var name string
	return json.Unmarshal(right, &name) == nil && strings.HasPrefix(name, "@")
}

// anyOf is the best answer of several values.
func anyOf(list string, test func(string) answer) answer {
	out := no
	for one := range strings.SplitSeq(list, ",") {
		if a := test(one); a > out {
			out = a
		}
	}
	return out
}

var errNoValue = errors.New("not a value")

// values are the values of the right side, with commas between them: numbers, words, ranges
// ("22-80"), networks. What is not understood is "?", which no test understands.
func values(right json.RawMessage) string {
	var any any
	if json.Unmarshal(right, &any) != nil {
		return "?"
	}
	text, err := value(any)
	if err != nil {
		return "?"
	}
	return text
}

func value(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case float64:
		return fmt.Sprint(int64(v)), nil
	case []any:
		return joined(v, ",")
	case map[string]any:
		if list, ok := v["set"].([]any); ok {
			return joined(list, ",")
		}
		if list, ok := v["range"].([]any); ok && len(list) == 2 {
			return joined(list, "-")
		}
		if p, ok := v["prefix"].(map[string]any); ok {
			length, _ := p["len"].(float64)
			return fmt.Sprintf("%v/%d", p["addr"], int(length)), nil
		}
		if e, ok := v["elem"].(map[string]any); ok {
			return value(e["val"])
		}
	}
	return "", errNoValue
}

func joined(list []any, with string) (string, error) {
	var words []string
	for _, one := range list {
		text, err := value(one)
		if err != nil {
			return "", err
		}
		words = append(words, text)
	}
	return strings.Join(words, with), nil
}
