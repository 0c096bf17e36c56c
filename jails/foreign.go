package jails

import (
	"time"

	"pbxjail/configs"
	"pbxjail/jails/witness"
	"pbxjail/parsers"
)

// hearForeign weighs an event of another program, such as sshd. No witness of packets
// watches its ports, no security event confirms it, and its accounts are none of Asterisk's:
// the text alone is believed.
func (j *Judge) hearForeign(s *Source, e *parsers.Event, now time.Time, decide func(Verdict)) {
	j.tick(now, decide)
	if e.Result != parsers.Offence {
		return
	}
	if s.apart != nil {
		j.charge(s.apart, e, witness.Ungated, now, decide)
	}
	j.charge(s, e, witness.Ungated, now, decide)
}

// ForeignIn returns the services of other programs that jails want in a log of this name,
// in whatever folder it is. It asks no jail whether it is switched on.
func ForeignIn(list []*configs.Jail, file string) (s parsers.Services) {
	for _, spec := range list {
		if jail, err := Compile(spec); err == nil && jail.follows(file, true) {
			s |= jail.foreign
		}
	}
	return s
}
