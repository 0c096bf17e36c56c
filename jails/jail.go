package jails

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	"pbxjail/configs"
	"pbxjail/parsers"
)

// Jail is one jail file, compiled. Its window belongs to the Judge it is in.
type Jail struct {
	*configs.Jail
	kinds    map[eventClass]parsers.Points // 0: what the rule finds it worth
	patterns map[string]parsers.Points     // by the pattern's text
	compiled []*parsers.Pattern
	least    parsers.Evidence
	window   *window
	events   uint64 // that counted
}

// eventClass is what a match in a jail file names. NoService stands for any.
type eventClass struct {
	kind    parsers.Kind
	service parsers.Service
}

// Compile gives a jail file its meaning. The error lists every match that has
// none, with file, line and what to do (configs.Problems).
func Compile(spec *configs.Jail) (*Jail, error) {
	j := &Jail{Jail: spec, kinds: map[eventClass]parsers.Points{}, patterns: map[string]parsers.Points{}}
	var bad configs.Problems
	complain := func(line int, what, fix string) {
		bad = append(bad, configs.Problem{File: spec.File, Line: line, What: what, Fix: fix})
	}
	for _, m := range spec.Match {
		if m.Regex != "" {
			p, err := parsers.NewPattern(m.Regex)
			if err != nil {
				complain(m.Line, "regex: "+err.Error(), "write ^, the text Asterisk itself writes, <ADDR> where the address stands, and $ at the end")
				continue
			}
			j.compiled = append(j.compiled, p)
			j.patterns[m.Regex] = parsers.Points(m.Points)
			continue
		}
		class, ok := eventClass{}, false
		if class.kind, ok = parsers.ParseKind(m.Event); !ok {
			complain(m.Line, fmt.Sprintf("event: there is no kind %q", m.Event), "one of: "+strings.Join(parsers.OffenceKinds(), ", "))
		}
		if class.service, ok = parsers.ParseService(m.Service); !ok && m.Service != "" {
			complain(m.Line, fmt.Sprintf("service: there is no service %q", m.Service), "one of: pjsip, sip, iax2, ami, http, dialplan, other")
		}
		j.kinds[class] = parsers.Points(m.Points)
	}
	j.least, _ = parsers.ParseEvidence(spec.Evidence.Ban)
	if len(bad) > 0 {
		return nil, bad
	}
	return j, nil
}

// points says what an event is worth in this jail; 0 is nothing.
func (j *Jail) points(e *parsers.Event) parsers.Points {
	if e.Pattern != nil {
		p, ok := j.patterns[e.Pattern.String()]
		if ok && p == 0 {
			p = e.Points
		}
		return p
	}
	p, ok := j.kinds[eventClass{e.Kind, e.Service}]
	if !ok {
		if p, ok = j.kinds[eventClass{kind: e.Kind}]; !ok {
			return 0
		}
	}
	if p == 0 {
		p = e.Points
	}
	return p
}

// follows reports whether the jail reads this log. A replay names logs that lie
// elsewhere, so there their last name alone tells.
func (j *Jail) follows(file string, anywhere bool) bool {
	for _, pattern := range j.Logs {
		name := file
		if anywhere {
			pattern, name = filepath.Base(pattern), filepath.Base(file)
		}
		if ok, err := filepath.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return false
}

// ignores reports whether the jail's own ignoreip holds any of p.
func (j *Jail) ignores(p netip.Prefix) bool {
	for _, i := range j.Ignoreip {
		if i.Overlaps(p) {
			return true
		}
	}
	return false
}
