package jails

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/ports"
	"pbxjail/configs/show"
	"pbxjail/jails/book"
	"pbxjail/jails/customer"
	"pbxjail/jails/tally"
	"pbxjail/parsers"
)

// Jail is one jail file, compiled. Its memory belongs to the Judge that has it.
type Jail struct {
	*configs.Jail
	kinds    [parsers.Custom + 1][parsers.ServiceCount]parsers.Points // by kind and service (NoService is any of Asterisk's); 0: does not count
	foreign  parsers.Services                                         // of other programs, that count
	patterns map[string]parsers.Points                                // by the pattern's text
	compiled []*parsers.Pattern
	least    parsers.Evidence
	lines    int // the most lines that reach maxretry
	span     tally.Span
	wide     tally.Span                // of networks
	worth    [parsers.Proven + 1]int32 // by evidence, in thousandths
	places   configs.PlaceRules
	fixed    ports.Set // the ports its bans close; unused where a ban closes what was attacked
	memory   *memory   // the Judge's
}

// asParsed means: as many points as the parser gives the event.
const asParsed parsers.Points = -1

// Compile compiles a jail file. The error lists every match that is wrong, with file, line
// and what to do (configs.Problems).
func Compile(spec *configs.Jail) (*Jail, error) {
	j := &Jail{Jail: spec, patterns: map[string]parsers.Points{}}
	var bad configs.Problems
	for _, m := range spec.Match {
		j.add(m, func(what, fix string) {
			bad = append(bad, configs.Problem{File: spec.File, Line: m.Line, What: what, Fix: fix})
		})
	}
	j.fixed = spec.Closes()
	j.least, _ = parsers.ParseEvidence(spec.Evidence.Ban)
	if len(bad) > 0 {
		return nil, bad
	}
	w := spec.Evidence.Factor
	j.worth = [...]int32{book.One, configs.Thousandths(w.Claimed), configs.Thousandths(w.Seen), configs.Thousandths(w.Proven)}
	j.measure()
	return j, nil
}

// measure computes how long lines count and how many are remembered for each address:
// enough for maxretry, even with the smallest weight.
func (j *Jail) measure() {
	light := slices.Min(j.worth[j.least:])
	lines := func(limit configs.Points) int {
		n := int64(j.lines) * int64(limit) / int64(j.Maxretry) * book.One / int64(min(light, book.One))
		return int(min(n*MostAllowance, tally.MostHits)) + 1
	}
	slow := time.Duration(0)
	most := j.Maxretry
	if j.Slow.Maxretry > 0 {
		slow, most = j.Slow.Findtime, max(most, j.Slow.Maxretry)
	}
	j.span = tally.NewSpan(j.Findtime, slow, lines(most))
	j.wide = tally.NewSpan(j.Findtime, 0, lines(j.Widen.Maxretry))
}

const (
	// leastPoints is the fewest points that the parser gives an event.
	leastPoints = configs.Points(parsers.Point / 4)
	// maxLines is how many lines of an address a jail may need: it remembers all of them.
	maxLines = 1000
)

// add compiles one match.
func (j *Jail) add(m configs.Match, complain func(what, fix string)) {
	least := cmp.Or(m.Points, leastPoints)
	lines := int((j.Maxretry + least - 1) / least)
	j.lines = max(j.lines, lines)
	if m.Points > 0 && lines > maxLines {
		complain(fmt.Sprintf("points: it takes %d such lines to reach maxretry, but at most %d lines of an address are remembered", lines, maxLines), "write larger points, or a smaller maxretry")
	}
	if m.Regex == "" {
		j.addEvent(m, complain)
		return
	}
	p, err := parsers.NewPattern(m.Regex)
	if err != nil {
		complain("regex: "+show.Flat(err.Error(), 200), "begin with ^, then write the text as Asterisk writes it, with <ADDR> in place of the address, and end with $")
		return
	}
	if _, twice := j.patterns[m.Regex]; twice {
		complain("regex: another entry above has the same regex", "remove one of the two entries")
	}
	j.compiled = append(j.compiled, p)
	j.patterns[m.Regex] = worth(m)
}

func worth(m configs.Match) parsers.Points {
	if m.Points == 0 {
		return asParsed
	}
	return parsers.Points(m.Points)
}

func (j *Jail) addEvent(m configs.Match, complain func(what, fix string)) {
	kind, known := parsers.ParseKind(m.Event)
	if !known {
		complain(fmt.Sprintf("event: there is no kind %q", show.Flat(m.Event, 200)), "write one of "+strings.Join(parsers.OffenceKinds(), ", "))
	}
	service, ok := parsers.ParseService(m.Service)
	if !ok && m.Service != "" {
		complain(fmt.Sprintf("service: there is no service %q", show.Flat(m.Service, 200)), "write one of "+strings.Join(parsers.ServiceWords(), ", "))
	}
	if known && j.kinds[kind][service] != 0 {
		complain("event: another entry above has the same event", "remove one of the two entries")
	}
	j.kinds[kind][service] = worth(m)
	if service.Foreign() {
		j.foreign = j.foreign.With(service)
	}
}

// points returns the points of an event in this jail; with 0 it does not count.
func (j *Jail) points(e *parsers.Event) parsers.Points {
	p := parsers.Points(0)
	if e.Pattern != nil {
		p = j.patterns[e.Pattern.String()]
	} else if p = j.kinds[e.Kind][e.Service]; p == 0 && !e.Service.Foreign() {
		p = j.kinds[e.Kind][parsers.NoService]
	}
	if p == asParsed {
		return e.Points
	}
	return p
}

// rotated matches the ending of the name of a rotated log: full.1, full.2.gz,
// full-20260102.
var rotated = regexp.MustCompile(`([.-][0-9]+)*(\.(gz|xz|bz2|zst))?$`)

func unrotated(file string) string { return file[:rotated.FindStringIndex(file)[0]] }

// follows reports whether the jail reads this log. The logs of a replay may be in another
// directory: with anywhere only the file names are compared.
func (j *Jail) follows(file string, anywhere bool) bool {
	for _, pattern := range j.Logs {
		name := file
		if anywhere {
			pattern, name = filepath.Base(pattern), filepath.Base(unrotated(file))
		}
		if ok, err := filepath.Match(pattern, name); ok && err == nil {
			return true
		}
	}
	return false
}

// ignores reports whether the ignoreip of the jail overlaps p.
func (j *Jail) ignores(p netip.Prefix) bool {
	for _, i := range j.Ignoreip {
		if i.Overlaps(p) || i.Overlaps(customer.ScoredIn(p)) {
			return true
		}
	}
	return false
}

// Length is how long the jail makes this ban, from its strike, its evidence and Most;
// Forever is without end.
func (j *Jail) Length(b book.Ban) time.Duration {
	d := j.BanLength(b.Strike, b.Evidence)
	if b.Most > 0 && (d == book.Forever || d > b.Most) {
		return b.Most
	}
	return d
}

// BanLength is how long a jail bans on this strike and evidence; Forever is without end.
func (j *Jail) BanLength(strike int, e parsers.Evidence) time.Duration {
	d := j.Bantime
	if j.Growth.Factor > 1 && strike > 1 && d != book.Forever {
		grown := float64(d) * math.Pow(j.Growth.Factor, float64(strike-1))
		limit := float64(math.MaxInt64)
		if j.Growth.Max != book.Forever {
			limit = float64(max(j.Growth.Max, d))
		}
		d = time.Duration(min(grown, limit, float64(max(100*365*24*time.Hour, d))))
	}
	most := book.Forever
	switch e {
	case parsers.Claimed:
		most = j.Evidence.Max.Claimed
	case parsers.Seen:
		most = j.Evidence.Max.Seen
	case parsers.Proven:
		most = j.Evidence.Max.Proven
	}
	if most != book.Forever && (d == book.Forever || d > most) {
		d = most
	}
	return d
}
