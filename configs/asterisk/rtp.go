package asterisk

import (
	"path/filepath"
	"strings"
)

// The span of RTP when rtp.conf says nothing, and the least port it takes:
// asterisk:res/res_rtp_asterisk.c DEFAULT_RTP_START, DEFAULT_RTP_END, MINIMUM_RTP_PORT.
const (
	rtpStart = 5000
	rtpEnd   = 31000
	rtpLeast = 1024
)

var rtpKeys = []string{"rtpstart", "rtpend"}

// RTP reads below dir which ports, over UDP, Asterisk takes for RTP and RTCP: rtpstart and
// rtpend of rtp.conf, with what it includes; "" is DefaultDir. Where they make no span the
// default holds, as for Asterisk. problems are as those of Read. It may be called from any
// goroutine.
func RTP(dir string) (first, last uint16, problems []error) {
	if dir == "" {
		dir = DefaultDir
	}
	r := newReader(dir)
	r.kept = rtpKeys
	r.begin()
	r.file(place{}, filepath.Join(r.dir, "rtp.conf"), true)
	first, last = rtpStart, rtpEnd
	for _, s := range r.sections {
		if s.template || !strings.EqualFold(s.name, "general") {
			continue
		}
		for _, set := range s.settings {
			n := r.number(set, set.value)
			switch {
			case n < rtpLeast: // Asterisk keeps what it had, too
			case set.key == "rtpstart":
				first = n
			case set.key == "rtpend":
				last = n
			}
		}
	}
	if first >= last {
		return rtpStart, rtpEnd, r.problems
	}
	return first, last, r.problems
}
