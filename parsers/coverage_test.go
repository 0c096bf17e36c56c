package parsers

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// coverage counts, for each message we know, the labelled lines that are read as
// that message and settled: an offence, a signal, or the doubt its rule states.
type coverage struct {
	rules   map[string]int // by form
	reasons map[string]int // by form and reason
	secure  map[string]int // by event and service
	acls    map[string]int
	ids     map[string]int // by what events call themselves
}

func countSamples(t *testing.T) coverage {
	c := coverage{map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}}
	for _, name := range []string{"positives.tsv", "negatives.tsv"} {
		for _, r := range loadRows(t, name) {
			for _, line := range strings.Split(r.line, "\n") {
				c.count([]byte(line))
			}
			for _, e := range readAll(r.line) {
				c.ids[e.Rule]++
				c.ids[e.Kind.String()]++
			}
		}
	}
	return c
}

func (c coverage) count(line []byte) {
	p := New(Clock{})
	if !p.head(trimLine(line), &p.record) {
		return
	}
	r := &p.record
	if r.level == levelSecurity {
		s := securityEvent{last: new(ownAddress)}
		if rest, ok := s.front(r.msg); ok && s.addresses(rest) && s.checkTail() {
			c.secure[s.spec.name+" "+s.service.String()]++
			c.acls[string(s.aclName)]++
		}
		return
	}
	msg := p.normal(r)
	for _, l := range builtin.rulesOf(r.file) {
		var got found
		if l.levels&(1<<r.level) == 0 || l.fn != "" && l.fn != string(r.fn) || l.form.match(msg, &got) == noMatch {
			continue
		}
		if len(l.reasons) == 0 {
			c.rules[key(l)]++
			return
		}
		if why, ok := l.reasonOf(got.reason); ok {
			c.rules[key(l)]++
			c.reasons[key(l)+": "+why.text]++
			return
		}
	}
}

// key tells rules of one name apart.
func key(l rule) string {
	var text strings.Builder
	for _, s := range l.form.steps {
		if s.field == fieldNone {
			text.Write(s.lit)
		} else if s.field == fieldDotted {
			text.WriteString("….")
		} else {
			text.WriteString("…")
		}
	}
	return l.id + " | " + text.String()
}

// raisedBy says which services write an event. An event that no service raises yet is
// read as PJSIP would write it.
func raisedBy(name string) []string {
	switch name {
	case "RequestNotAllowed", "RequestBadFormat":
		return []string{"ami"}
	case "RequestNotSupported", "AuthMethodNotAllowed":
		return []string{"pjsip"}
	case "InvalidTransport":
		return []string{"sip"}
	case "SessionLimit":
		return []string{"sip", "ami"}
	case "InvalidPassword":
		return []string{"sip", "ami"}
	case "ChallengeSent":
		return []string{"pjsip", "sip"}
	}
	return []string{"pjsip", "sip", "ami"}
}

var aclNames = []string{
	"not_match_endpoint_acl", "not_match_endpoint_contact_acl", "registrar_attempt_exceeds_maximum_configured_contacts",
	"registrar_attempt_without_configured_aors", "registrar_invalid_contacts_provided", "registrar_invalid_uri_in_to_received",
	"device_must_match_acl", "domain_must_match", "no_extension_match", "peer_not_dynamic",
}

// TestCoverage fails for a message without a sample, and prints which versions of
// Asterisk write each message and how many samples it has.
func TestCoverage(t *testing.T) {
	c := countSamples(t)
	need := func(what string, n int) {
		t.Helper()
		if n == 0 {
			t.Errorf("%s: has no sample in testdata", what)
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "\n%-112s %s\n", "message", strings.Join(versions, " "))
	line := func(what, src string, n int) {
		need(what, n)
		fmt.Fprintf(&table, "%-112.112s %s\n", what, versionCells(src, n))
	}
	for _, l := range allRules() {
		if len(l.reasons) == 0 {
			line(key(l), l.src, c.rules[key(l)])
		}
		for _, why := range l.reasons {
			k := key(l) + ": " + why.text
			line(strings.ReplaceAll(k, "…: ", "…"), l.src, c.reasons[k])
		}
	}
	for _, e := range events {
		for _, service := range raisedBy(e.name) {
			line("SecurityEvent "+e.name+" "+service, map[string]string{"pjsip": "asterisk 12-:", "sip": "asterisk 10-20:", "ami": "asterisk 1.8-:"}[service], c.secure[e.name+" "+service])
		}
	}
	for _, name := range aclNames {
		line("SecurityEvent FailedACL "+name, "asterisk 12-:", c.acls[name])
	}
	for _, id := range []string{"J2 pjsip no matching endpoint, many tries", "D3 dialplan unknown call"} {
		line(id, map[byte]string{'J': "asterisk 13-:", 'D': "a public dialplan:"}[id[0]], c.ids[id])
	}
	for _, k := range kindWords[BadPassword:Custom] {
		if k == Unanswered.String() { // no record tells of it
			continue
		}
		need("kind "+k, c.ids[k])
	}
	t.Log(table.String())
}

var versions = []string{"1.4", "1.6", "1.8", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23"}

var versionRange = regexp.MustCompile(`(\d+(?:\.\d+)?)?(-)?(\d+(?:\.\d+)?)?`)

// versionCells writes the count under each version that src names.
func versionCells(src string, n int) string {
	what, _, _ := strings.Cut(src, ":")
	list, ours := strings.CutPrefix(what, "asterisk")
	if !ours {
		return fmt.Sprintf("%3d in %s", n, what)
	}
	var cells []string
	for _, v := range versions {
		cell := "."
		for _, r := range strings.Split(list, ",") {
			if inRange(v, strings.TrimSpace(r)) {
				cell = strconv.Itoa(n)
			}
		}
		cells = append(cells, fmt.Sprintf("%*s", len(v), cell))
	}
	return strings.Join(cells, " ")
}

func inRange(v, r string) bool {
	m := versionRange.FindStringSubmatch(r)
	at := slices.Index(versions, v)
	from, to := slices.Index(versions, m[1]), slices.Index(versions, m[3])
	if m[2] == "" {
		return at == from
	}
	return at >= from && (to < 0 || at <= to)
}

func TestVersionRanges(t *testing.T) {
	for _, c := range []struct {
		version, list string
		want          bool
	}{
		{"1.8", "1.8-20", true}, {"20", "1.8-20", true}, {"21", "1.8-20", false}, {"1.6", "1.8-20", false},
		{"23", "16-", true}, {"15", "16-", false}, {"13", "13", true}, {"14", "13", false}, {"1.4", "-1.8", true}, {"10", "-1.8", false},
	} {
		if got := inRange(c.version, c.list); got != c.want {
			t.Errorf("%s in %q: got %v, want %v", c.version, c.list, got, c.want)
		}
	}
}
