package book

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pbxjail/configs/show"
	"pbxjail/parsers"
)

// Reckoning is how the points of a ban add up: the points that its lines count,
// and Rest, are Score.
type Reckoning struct {
	Score, Maxretry parsers.Points
	Within          time.Duration
	Rest            parsers.Points // of Earlier records, whose text is not kept
	Earlier         int
	Retold          int // records of other logs that report the same attempts and do not count
	// Allowance is by how much Maxretry is larger than the jail's, because accounts are at
	// home there; 0: it is not.
	Allowance int `json:",omitempty"`
	Members   int // addresses of a network that took part; 0 for a single address
	// Customer is how many bits the prefix of an IPv6 customer has who is scored for all of
	// its addresses; 0: this is not about one.
	Customer int `json:",omitempty"`
	// Witness names who wrote the records that count: security, notice, acl, dialplan,
	// wire. Packets is what the witnesses of packets say of them: wire, heard, cannot
	// tell. Both have several, with commas, or none.
	Witness, Packets string
	Place            Place
}

// Reason is the ban in one line, with the factors that raised its points.
func (s *Reckoning) Reason(lines []Line) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s points", s.Score)
	if s.Members > 0 {
		fmt.Fprintf(&b, " of %d addresses", s.Members)
	}
	if s.Customer > 0 {
		fmt.Fprintf(&b, " of one /%d", s.Customer)
	}
	fmt.Fprintf(&b, " within %s, maxretry %s", show.Duration(s.Within), s.Maxretry)
	if s.Allowance > 0 {
		fmt.Fprintf(&b, " (%d times maxretry of the jail, because accounts log in from this address)", s.Allowance)
	}
	var named []Factor // of each name the latest
	for _, l := range lines {
		for _, f := range l.Factors {
			named = slices.DeleteFunc(named, func(o Factor) bool { return o.Name == f.Name })
			if f.Name != ByEvidence && f.Name != PlaceAlone && f.Name != ClaimAlone {
				named = append(named, f)
			}
		}
	}
	for i, f := range named[max(0, len(named)-mostNamed):] {
		b.WriteString([]string{"; ", ", "}[min(i, 1)] + f.String())
	}
	return b.String()
}

// mostNamed bounds the factors that one reason names.
const mostNamed = 4
