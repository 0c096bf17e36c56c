package jails

import (
	"fmt"
	"net/netip"
	"time"

	"pbxjail/configs"
	"pbxjail/parsers"
)

// CheckSamples runs the samples of a jail through it, and returns those with another
// result than the file says.
func (j *Jail) CheckSamples() (bad configs.Problems) {
	for _, s := range j.Samples {
		got := j.charged([]byte(s.Text))
		switch {
		case s.Addr.IsValid() && len(got) == 0:
			bad = append(bad, configs.Problem{File: j.File, Line: s.Line, What: fmt.Sprintf("the sample gives points to no address; addr says that %s must get them", s.Addr),
				Fix: "write the sample into a file and run: jailctl parse FILE; then correct match or samples of this jail"})
		case !s.Addr.IsValid() && len(got) > 0:
			bad = append(bad, configs.Problem{File: j.File, Line: s.Line, What: fmt.Sprintf("the sample gives points to %s; addr says that no address must get them", got[0]),
				Fix: "change match so that no entry of match fits this line"})
		case len(got) > 1:
			bad = append(bad, configs.Problem{File: j.File, Line: s.Line, What: fmt.Sprintf("the sample counts %d times instead of once, first for %s", len(got), got[0]),
				Fix: "remove all but one of the entries of match that fit this line"})
		case s.Addr.IsValid() && got[0] != s.Addr:
			bad = append(bad, configs.Problem{File: j.File, Line: s.Line, What: fmt.Sprintf("the sample gives points to %s; addr says that %s must get them", got[0], s.Addr),
				Fix: "write the sample into a file and run: jailctl parse FILE; then correct the regex of this jail, or addr of this sample"})
		}
	}
	return bad
}

// charged lists the addresses that a record counts against in this jail.
func (j *Jail) charged(text []byte) (list []netip.Addr) {
	p := parsers.New(parsers.Clock{}, j.compiled...)
	p.SetForeign(j.foreign)
	p.Block(text, false, time.Time{}, func(e *parsers.Event) {
		if e.Result == parsers.Offence && e.Evidence >= j.least && j.points(e) > 0 {
			list = append(list, e.Addr)
		}
	})
	return list
}
