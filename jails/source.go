package jails

import (
	"slices"

	"pbxjail/parsers"
)

// Source is one log, with the jails that read it. It is valid until the jails change.
type Source struct {
	id       uint16
	file     string
	jails    []*Jail
	patterns []*parsers.Pattern
	foreign  parsers.Services
	text     bool    // its jails have heard: false, and need no packets
	apart    *Source // the source of the jails with heard: false, when there are others too; else nil
}

// Patterns returns the regex patterns of the jails that read this log.
func (s *Source) Patterns() []*parsers.Pattern { return s.patterns }

// Foreign returns the services of other programs that the jails which read this log want.
func (s *Source) Foreign() parsers.Services { return s.foreign }

// maxSources bounds the logs that a Judge knows; the watcher follows fewer.
const maxSources = 1024

// Source returns the source of a log, and makes it at the first call.
func (j *Judge) Source(file string) *Source {
	if s := j.sources[file]; s != nil {
		return s
	}
	if len(j.sources) >= maxSources {
		clear(j.sources)
	}
	s := j.source(file, j.next)
	if j.next++; j.next < firstLogID { // after very many
		j.next = firstLogID
	}
	if log := unrotated(file); j.replay && log != file { // parts of one log are one witness
		s.id = j.Source(log).id
	}
	j.sources[file] = s
	return s
}

func (j *Judge) source(file string, id uint16) *Source {
	s := &Source{id: id, file: file}
	for _, jail := range j.jails {
		if jail.follows(file, false) || j.replay && jail.follows(file, true) {
			s.jails = append(s.jails, jail)
		}
	}
	if j.replay && len(s.jails) == 0 { // no jail names this log: every jail reads it
		s.jails = j.jails
	}
	for _, jail := range s.jails {
		s.foreign |= jail.foreign
		for _, p := range jail.compiled { // a pattern of two jails makes one event, for both
			if !slices.ContainsFunc(s.patterns, func(o *parsers.Pattern) bool { return o.String() == p.String() }) {
				s.patterns = append(s.patterns, p)
			}
		}
	}
	s.part()
	return s
}

// part separates the jails with heard: false from the others.
func (s *Source) part() {
	var near, far []*Jail
	for _, jail := range s.jails {
		if jail.Heard {
			near = append(near, jail)
		} else {
			far = append(far, jail)
		}
	}
	switch {
	case len(far) == 0:
	case len(near) == 0:
		s.text = true
	default:
		s.jails, s.apart = near, &Source{id: s.id, file: s.file, jails: far, text: true}
	}
}

// wireName and amiName are the names of sources, where a log has the name of its file.
const (
	wireName = "wire"
	amiName  = "ami"
)

// wireID and amiID are the numbers of these among the sources; those of logs begin after
// them.
const (
	wireID = iota
	amiID
	firstLogID
)

// Wire returns the source of the events that a sensor on the wire reports. Every jail
// gets them, except those with heard: false. It is valid until the jails change.
func (j *Judge) Wire() *Source {
	if j.onWire == nil {
		j.onWire = j.sourceOfAll(wireName, wireID)
	}
	return j.onWire
}

// AMI returns the source of the security events that Asterisk reports over its manager
// interface: another witness, beside the security log. Every jail gets them, except those with
// heard: false. It is valid until the jails change.
func (j *Judge) AMI() *Source {
	if j.onAMI == nil {
		j.onAMI = j.sourceOfAll(amiName, amiID)
	}
	return j.onAMI
}

// sourceOfAll is a source that every jail reads that wants to know of packets.
func (j *Judge) sourceOfAll(name string, id uint16) *Source {
	s := &Source{id: id, file: name}
	for _, jail := range j.jails {
		if jail.Heard {
			s.jails = append(s.jails, jail)
		}
	}
	return s
}
