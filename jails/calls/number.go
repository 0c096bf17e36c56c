package calls

import (
	"slices"
	"strings"

	"pbxjail/configs"
)

// Class is what kind of destination a number is.
type Class uint8

// The classes. Calls of the first two are not watched.
const (
	Internal  Class = iota // of this PBX, or no number at all
	Emergency              // it must always get through
	Free                   // it costs the caller nothing
	National
	Abroad
	Premium // it pays its owner, or is a satellite phone; in any country
)

var classWords = [...]string{"internal", "emergency", "free", "national", "abroad", "premium"}

func (c Class) String() string { return classWords[min(int(c), len(classWords)-1)] }

const (
	// maxDigits is how long a number may be: an outside line, a prefix, and the 15 digits of
	// ITU-T E.164 6.1. What is longer is read without its end.
	maxDigits = 40
	// fewestNational is below any number outside of this PBX, with its area code. A shorter
	// one is an extension, a feature code or a local service.
	fewestNational = 6
	// fewestBare is what a number without any prefix must have before it is read as one with a
	// country code: no national number is as long.
	fewestBare = 12
	fewestCode = 7 // digits of a number with its country code
)

// Destination is where a number leads.
type Destination struct {
	Class   Class
	Country string // ISO 3166 code; "XS": satellites and networks without a country; "": of this PBX
	Digits  string // with the country code, without + ; or as dialled, where there is none
	index   int    // of the country
}

// String is the number as people write it.
func (d Destination) String() string {
	if d.Country == "" {
		return d.Digits
	}
	return "+" + d.Digits
}

// Plan reads numbers as the PBX dials them. It does not change: any goroutine may use it.
type Plan struct {
	table         *table
	home          place
	code          string   // of home
	international []string // prefixes, the longest first
	national      string
	outside       []string // digits for an outside line, the longest first; "" is the last
	emergency     map[string]bool
	premium       map[string]bool
	longest       int // of premium
}

// NewPlan makes a Plan. premiumToo are more ranges that cost more, with their country code.
func NewPlan(c *configs.Calls, premiumToo []string) *Plan {
	p := &Plan{table: newTable(), emergency: map[string]bool{}, premium: map[string]bool{}}
	p.code = p.table.codeOf[c.Country]
	p.home = place{c.Country, slices.Index(p.table.countries, c.Country)}
	for n := 1; n < len(p.code); n++ { // a country that shares the code of another
		if _, ok := p.table.places[p.code[:n]]; ok {
			p.code = p.code[:n]
		}
	}
	p.international = texts(c.International)
	if len(p.international) == 0 {
		p.international = []string{"00"}
		if own, ok := internationalOf[c.Country]; ok {
			p.international = []string{own}
		}
	}
	p.national = "0"
	if own, ok := nationalOf[c.Country]; ok {
		p.national = own
	}
	if c.National != "" {
		p.national = strings.TrimPrefix(string(c.National), "none")
	}
	p.outside = append(texts(c.Outside), "")
	longestFirst(p.international)
	longestFirst(p.outside)
	for _, n := range c.EmergencyNumbers() {
		p.emergency[string(n)] = true
	}
	for _, r := range append(strings.Fields(premium), premiumToo...) {
		p.premium[r] = true
		p.longest = max(p.longest, len(r))
	}
	return p
}

func texts(list []configs.TrapName) (out []string) {
	for _, n := range list {
		out = append(out, string(n))
	}
	return out
}

func longestFirst(list []string) {
	slices.SortStableFunc(list, func(a, b string) int { return len(b) - len(a) })
}

// Countries are all countries of the table, as ISO 3166 codes, and XS.
func Countries() []string { return newTable().countries }

// Read says where a dialled number leads. Text that no phone can dial is of this PBX.
func (p *Plan) Read(dialled string) Destination {
	digits, plus := clean(dialled)
	if digits == "" {
		return Destination{Class: Internal}
	}
	for _, line := range p.outside {
		if rest, ok := strings.CutPrefix(digits, line); ok && !plus && p.emergency[rest] {
			return Destination{Class: Emergency, Digits: rest}
		}
	}
	if plus {
		return p.full(digits)
	}
	for _, line := range p.outside { // what leads abroad is found first, with or without the line
		rest, ok := strings.CutPrefix(digits, line)
		if !ok {
			continue
		}
		for _, prefix := range p.international {
			if after, ok := strings.CutPrefix(rest, prefix); ok && p.plausible(after) {
				return p.full(after)
			}
		}
	}
	for _, line := range p.outside {
		rest, ok := strings.CutPrefix(digits, line)
		if !ok {
			continue
		}
		if after, ok := strings.CutPrefix(rest, p.national); ok && len(after) >= fewestNational && p.national != "" {
			return p.full(p.code + after)
		}
	}
	if len(digits) >= fewestBare && p.plausible(digits) {
		return p.full(digits)
	}
	switch {
	case len(digits) < fewestNational:
		return Destination{Class: Internal, Digits: digits}
	case p.national == "" || p.code == "1" && len(digits) == 10:
		return p.full(p.code + digits)
	}
	// Its area code is not known, so its first digits say nothing.
	return Destination{Class: National, Country: p.home.country, Digits: p.code + digits, index: p.home.index}
}

// plausible reports whether digits can be a number with its country code.
func (p *Plan) plausible(digits string) bool {
	if len(digits) < fewestCode {
		return false
	}
	_, ok := p.table.find(digits)
	return ok || strings.HasPrefix(digits, "800") || strings.HasPrefix(digits, "808")
}

// full reads a number with its country code.
func (p *Plan) full(digits string) Destination {
	d := Destination{Class: Abroad, Digits: digits}
	for _, f := range strings.Fields(free) {
		if strings.HasPrefix(digits, f) {
			return Destination{Class: Free, Digits: digits}
		}
	}
	to, ok := p.table.find(digits)
	if !ok {
		return Destination{Class: Internal, Digits: digits}
	}
	d.Country, d.index = to.country, to.index
	home := to.country == p.home.country
	switch {
	case to.country == "XS" || p.isPremium(digits):
		d.Class = Premium
	case home:
		d.Class = National
	}
	if home && (strings.HasPrefix(digits, p.code+"800") || p.code == "1" && freeNANP(digits)) {
		d.Class = Free
	}
	return d
}

// freeNANP knows the area codes of free numbers in North America: NANPA, non-geographic 8YY.
func freeNANP(digits string) bool {
	for _, code := range []string{"1800", "1833", "1844", "1855", "1866", "1877", "1888"} {
		if strings.HasPrefix(digits, code) {
			return true
		}
	}
	return false
}

func (p *Plan) isPremium(digits string) bool {
	for n := min(p.longest, len(digits)); n > 0; n-- {
		if p.premium[digits[:n]] {
			return true
		}
	}
	return false
}

// clean is the digits of a number, and whether it begins with +. What separates digits is
// left out, and what follows @, ; or , too: that is the rest of an address, or sent later.
func clean(dialled string) (digits string, plus bool) {
	var b [maxDigits]byte
	n := 0
	for i := 0; i < len(dialled) && n < maxDigits && i < 4*maxDigits; i++ {
		switch c := dialled[i]; {
		case c >= '0' && c <= '9':
			b[n] = c
			n++
		case c == '+' && n == 0:
			plus = true
		case c == '@' || c == ';' || c == ',' || c == '/' || c == '&':
			if n > 0 {
				return string(b[:n]), plus
			}
		case c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '~':
		case (c == '*' || c == '#') && n == 0: // a feature code
			return "", false
		case c == '#': // it ends a number
			return string(b[:n]), plus
		default:
			return "", false
		}
	}
	return string(b[:n]), plus
}
