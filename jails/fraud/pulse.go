package fraud

import "time"

// pulse finds a monitor: a provider, or a proxy, that asks whether we live. It asks for one
// account, at one slow pace, and never answers a challenge. It learns nothing of any other
// account, so an attacker that imitates one gains nothing. Times are unix milliseconds.
type pulse struct {
	account uint32 // that it asks for
	last    int64  // when it asked last
	pace    int64  // between the last two; 0: not known
	beats   uint8  // so many in a row came at this pace
}

const (
	// slowPulse is the shortest pace of a monitor: Kamailio's dispatcher asks each 10
	// seconds by default, a qualify of Asterisk each 60.
	slowPulse = 9 * time.Second
	// steadyBeats is how many gaps must be alike.
	steadyBeats = 2
	// lostBeats is how many in a row may be lost.
	lostBeats = 2
)

// beat hears of a challenge, and reports whether a monitor has caused it.
func (p *pulse) beat(account uint32, at int64) bool {
	gap := at - p.last
	if p.account != account || p.last == 0 || gap < slowPulse.Milliseconds() {
		*p = pulse{account: account, last: at}
		return false
	}
	p.last = at
	if !p.fits(gap) {
		p.pace, p.beats = gap, 1
		return false
	}
	if p.beats < steadyBeats {
		p.beats++
	}
	return p.beats >= steadyBeats
}

// fits reports whether a gap is the pace, or some of it where beats were lost. A log's
// date says whole seconds.
func (p *pulse) fits(gap int64) bool {
	if p.pace == 0 {
		return false
	}
	slack := p.pace/20 + 1000
	for n := int64(1); n <= 1+lostBeats; n++ {
		if off := gap - n*p.pace; off <= slack && -off <= slack {
			return true
		}
	}
	return false
}
