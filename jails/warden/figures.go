package warden

import (
	"maps"
	"time"

	"pbxjail/parsers"
)

// Events counts offences and signals by kind and channel.
type Events [parsers.KindCount][parsers.ChannelCount]uint64

// LatencyBounds are the upper bounds of the buckets of Latency, in ascending order.
var LatencyBounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	100 * time.Millisecond, 500 * time.Millisecond, 2500 * time.Millisecond,
}

// Latency is how long bans took: from the moment when the line or the packet was read to
// the moment when the kernel had the ban.
type Latency struct {
	Buckets [len(LatencyBounds) + 1]uint64 // each without those before it; the last has no upper bound
	Sum     time.Duration
}

func (l *Latency) take(d time.Duration) {
	d = max(d, 0) // packets have the time of the clock, which may be set back
	i := 0
	for i < len(LatencyBounds) && d > LatencyBounds[i] {
		i++
	}
	l.Buckets[i]++
	l.Sum += d
}

// figures are counters since the start that only metrics and status need. mu of the warden
// is held for all methods.
type figures struct {
	events    Events
	latency   Latency
	protected uint64            // verdicts that a protection stopped
	bans      map[string]uint64 // that began, by jail: names of jail files, "manual" and "unknown"
	repairs   map[string]uint64 // of the rules, by the program that had changed the firewall
}

// see counts an event of a log or of packets. One that charges no address is counted as
// doubtful elsewhere.
func (f *figures) see(e *parsers.Event) {
	if e.Result == parsers.Offence || e.Result == parsers.Signal {
		f.events[e.Kind][e.Channel]++
	}
}

func (f *figures) began(jail string) {
	if f.bans == nil {
		f.bans = map[string]uint64{}
	}
	f.bans[jail]++
}

// maxRepairers bounds the names of programs: any user can start one of any name.
const maxRepairers = 15

// OtherPrograms is the name for the programs that have no room of their own in RepairsBy.
const OtherPrograms = "others"

func (f *figures) repairedAfter(by string) {
	if f.repairs == nil {
		f.repairs = map[string]uint64{}
	}
	if _, known := f.repairs[by]; !known && len(f.repairs) >= maxRepairers {
		by = OtherPrograms
	}
	f.repairs[by]++
}

// Figures are what metrics need of a warden. Other than in Report, a ban that is over counts
// until Run looks, within a minute.
type Figures struct {
	Report
	Events    Events            // of logs and of packets
	Latency   Latency           // of the bans of jails
	Protected uint64            // verdicts that a protection stopped
	BansBy    map[string]uint64 // that began, by jail
	ActiveBy  map[string]int    // live bans by jail, and those of jails that are gone and of no jail
	RepairsBy map[string]uint64 // Repairs.Rules by the program that had changed the firewall; "" is not known
	Unwritten int               // bans that wait for the ledger
}

// Figures returns all counters. It takes as long for one ban as for half a million.
func (w *Warden) Figures() Figures {
	w.mu.Lock()
	defer w.mu.Unlock()
	active := maps.Clone(w.book.ByJail())
	return Figures{
		Report: w.report(active), Events: w.figures.events, Latency: w.figures.latency, Protected: w.figures.protected,
		BansBy: maps.Clone(w.figures.bans), ActiveBy: active, RepairsBy: maps.Clone(w.figures.repairs), Unwritten: len(w.unwritten),
	}
}
