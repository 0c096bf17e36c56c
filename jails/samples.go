package jails

import (
	"fmt"
	"net/netip"
	"time"

	"pbxjail/configs"
	"pbxjail/parsers"
)

// CheckSamples runs a jail's samples through it, and returns those that do not
// come out as the file says.
func (j *Jail) CheckSamples() (bad configs.Problems) {
	for _, s := range j.Samples {
		got := j.charged([]byte(s.Text))
		switch {
		case s.Addr.IsValid() && len(got) == 0:
			bad = append(bad, configs.Problem{File: j.File, Line: s.Line, What: fmt.Sprintf("sample charges nobody, not %s", s.Addr),
				Fix: "see what is made of the line with: jailctl parse; then mend match, or the sample"})
		case !s.Addr.IsValid() && len(got) > 0:
			bad = append(bad, configs.Problem{File: j.File, Line: s.Line, What: fmt.Sprintf("sample charges %s, and should charge nobody", got[0]),
				Fix: "make match say less"})
		case len(got) > 1:
			bad = append(bad, configs.Problem{File: j.File, Line: s.Line, What: fmt.Sprintf("sample counts %d times, first for %s", len(got), got[0]),
				Fix: "leave one match that fits it"})
		case s.Addr.IsValid() && got[0] != s.Addr:
			bad = append(bad, configs.Problem{File: j.File, Line: s.Line, What: fmt.Sprintf("sample charges %s, not %s", got[0], s.Addr),
				Fix: "see what is made of the line with: jailctl parse"})
		}
	}
	return bad
}

// charged lists the addresses that a record counts against in this jail.
func (j *Jail) charged(text []byte) (list []netip.Addr) {
	p := parsers.New(parsers.Clock{}, j.compiled...)
	p.Block(text, false, time.Time{}, func(e *parsers.Event) {
		if e.Result == parsers.Offence && e.Evidence >= j.least && j.points(e) > 0 {
			list = append(list, e.Addr)
		}
	})
	return list
}
