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
			bad = append(bad, configs.Problem{File: j.File, Line: s.Line, What: fmt.Sprintf("the line of this sample gives points to no address, but the key addr of the sample names %s", s.Addr),
				Fix: "to see how pbxjail reads the line, write the line into a file, and run: jailctl parse FILE. Then correct match of this jail, or the sample"})
		case !s.Addr.IsValid() && len(got) > 0:
			bad = append(bad, configs.Problem{File: j.File, Line: s.Line, What: fmt.Sprintf("the line of this sample gives points to %s, but the sample has no key addr, so no address should get points", got[0]),
				Fix: "if the address should get points, write addr: " + got[0].String() + " below the line of this sample; if not, change match of this jail"})
		case len(got) > 1:
			bad = append(bad, configs.Problem{File: j.File, Line: s.Line, What: fmt.Sprintf("the line of this sample counts %d times instead of once, first for %s", len(got), got[0]),
				Fix: "several entries of match fit this line: change match so that only one entry fits"})
		case s.Addr.IsValid() && got[0] != s.Addr:
			bad = append(bad, configs.Problem{File: j.File, Line: s.Line, What: fmt.Sprintf("the line of this sample gives points to %s, but the key addr of the sample names %s", got[0], s.Addr),
				Fix: "to see how pbxjail reads the line, write the line into a file, and run: jailctl parse FILE. Then correct the regex of this jail, or addr of this sample"})
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
