package jails

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pbxjail/configs/show"
	"pbxjail/parsers"
)

// TestForeign: lines of sshd, in a log that jails read.
func TestForeign(t *testing.T) {
	const ssh = "maxretry: 5\nbantime: 1h\nports: [22/tcp]\nmatch: [{event: bad-password, service: ssh}, {event: unknown-account, service: ssh}]"
	failed := func(i int) string {
		return fmt.Sprintf("Mar  5 06:07:%02d pbx sshd[1638]: Failed password for root from 203.0.113.9 port %d ssh2", i, 40000+i)
	}
	for _, c := range []struct {
		name, jail, file string
		line             func(i int) string
		want             string
	}{
		{"wrong passwords", ssh, "/log", failed, "ban 203.0.113.9 1h 22/tcp proven"},
		{"a jail for Asterisk's events", "maxretry: 5\nmatch: [{event: bad-password}]", "/log", failed, ""},
		{"another log", ssh, "/other", failed, ""},
		{"names of a victim", ssh, "/log", func(i int) string {
			return fmt.Sprintf("Mar  5 06:07:%02d pbx sshd[1638]: Failed password for invalid user x from 198.51.100.8 port 1 ssh2 from 203.0.113.9 port 40000 ssh2", i)
		}, "ban 203.0.113.9 1h 22/tcp proven"},
		{"names of a victim at the place where sshd cuts", ssh, "/log", func(i int) string {
			const name = " 198.51.100.8 port 1 [preauth]"
			msg := "Connection closed by invalid user " + strings.Repeat(`\001`, 100)
			return fmt.Sprintf("Mar  5 06:07:%02d pbx sshd[1638]: %s%s%s", i, msg, strings.Repeat("y", 500-len(msg)-len(name)), name)
		}, ""},
	} {
		judge := judgeOf(jailOf(t, "x", c.jail))
		judge.SetWitnesses(nil, packets{}) // nothing comes to the ports of Asterisk
		s := judge.Source(c.file)
		p := parsers.New(parsers.Clock{}, s.Patterns()...)
		p.SetForeign(s.Foreign())
		var got []string
		for i := range 6 {
			at := start.Add(time.Duration(i) * time.Second)
			p.Line([]byte(c.line(i)), false, at, func(e *parsers.Event) {
				for _, v := range hearIn(judge, c.file, e, at) {
					got = append(got, fmt.Sprintf("ban %s %s %s %s", v.Ban.Prefix.Addr(), show.Duration(v.Ban.Until.Sub(v.Ban.Since)), v.Ban.Ports, v.Ban.Evidence))
				}
			})
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestReadsOthers: configs knows which services are Asterisk's without asking parsers.
func TestReadsOthers(t *testing.T) {
	for _, word := range parsers.ServiceWords() {
		service, _ := parsers.ParseService(word)
		if got := jailOf(t, "x", "match: [{event: acl, service: "+word+"}]").ReadsOthers(); got != service.Foreign() {
			t.Errorf("%s: ReadsOthers is %v, and Foreign %v", word, got, service.Foreign())
		}
	}
}
