package fraud

import (
	"bytes"

	"pbxjail/configs"
	"pbxjail/parsers"
)

const (
	// maxDialled is how long a number may be: digits for an outside line, a prefix,
	// and the fifteen digits of ITU-T E.164.
	maxDialled = 32
	maxAccess  = 8
	// tailDigits are what a number keeps however it is dialled.
	tailDigits = 9
	mostDigits = 15 // of a number with its country code: ITU-T E.164 6.1
	// fewestDigits is below what any country has with its code; behind digits for an
	// outside line one more is asked for, since those may be anything.
	fewestDigits = 8
	// bareDigits is what a number without a prefix must have before its first digits
	// are taken for a country code: no national number is as long.
	bareDigits = 12
)

// Plan is a file of numbers, made ready for use. It does not change: any goroutine
// may use it.
type Plan struct {
	prefixes        []configs.AccessPrefix
	countries       map[string]int32 // factors, in thousandths
	premium         map[string]int32
	home            []string
	fewest          int
	longestCode     int
	longestPremium  int
	ordinaryCountry int32 // the factor of every other country
}

// NewPlan makes a Plan. home are the country codes of our own numbers.
func NewPlan(numbers *configs.Numbers, home []string, rule configs.FraudInternational) *Plan {
	p := &Plan{
		prefixes: numbers.Prefixes, home: home, fewest: rule.Digits, ordinaryCountry: configs.Thousandths(rule.Factor),
		countries: map[string]int32{}, premium: map[string]int32{},
	}
	factor := func(f float64) int32 {
		if f == 0 { // the file does not say
			return p.ordinaryCountry
		}
		return configs.Thousandths(f)
	}
	for _, c := range numbers.Countries {
		p.countries[c.Code] = factor(c.Factor)
		p.longestCode = max(p.longestCode, len(c.Code))
	}
	for _, r := range numbers.Premium {
		p.premium[r.Range] = factor(r.Factor)
		p.longestPremium = max(p.longestPremium, len(r.Range))
	}
	return p
}

// Number is what a dialled number is made of: digits for an outside line, a prefix
// that leads abroad, a country code, and the rest. The zero value is no number.
type Number struct {
	text                       [maxDialled]byte // digits, + * #; what only separates them is left out
	size, access, prefix, code uint8            // lengths, in this order

	International bool  // a call abroad, as far as the number tells
	Home          bool  // one of our own country's numbers
	Premium       int   // the premium range it lies in, 0 when in none; only of a call abroad
	Factor        int32 // thousandths, of a call abroad
}

// Access are the digits for an outside line.
func (n *Number) Access() string { return string(n.text[:n.access]) }

// Prefix is what leads abroad, such as 00 or +; "" when there is none.
func (n *Number) Prefix() string { return string(n.text[n.access : n.access+n.prefix]) }

// Country is the country code, with the area code where the file of numbers has
// one; "" when the number does not tell.
func (n *Number) Country() string {
	at := n.access + n.prefix
	return string(n.text[at : at+n.code])
}

// Tail are the last nine digits, the same however the number is dialled; nil when
// there are fewer. It aliases n.
func (n *Number) Tail() []byte {
	if n.size < tailDigits || !isDigits(n.text[n.size-tailDigits:n.size]) {
		return nil
	}
	return n.text[n.size-tailDigits : n.size]
}

// head is what comes before the tail.
func (n *Number) head() []byte { return n.text[:max(n.size, tailDigits)-tailDigits] }

// Analyse takes a number as it was dialled apart. What cannot be dialled is the
// zero Number.
func (p *Plan) Analyse(dialled parsers.Text) Number {
	var n Number
	if !n.read(dialled.Raw()) {
		return Number{}
	}
	access, prefix, code := p.split(n.text[:n.size])
	n.access, n.prefix, n.code = uint8(access), uint8(prefix), uint8(code)
	if code == 0 {
		return n
	}
	rest := n.text[access+prefix : n.size]
	n.Home = p.isHome(rest)
	n.International = !n.Home && int(n.size) >= p.fewest && p.leadsAbroad(&n)
	if n.International {
		n.Factor = p.ordinaryCountry
		if f, ok := p.countries[string(rest[:code])]; ok {
			n.Factor = f
		}
		if length := longest(p.premium, p.longestPremium, rest); length > 0 {
			n.Factor = max(n.Factor, p.premium[string(rest[:length])])
			n.Premium = value(rest[:length])
		}
	}
	return n
}

// leadsAbroad: while we do not know our own country, a number in the international
// form may be our own, dialled by a provider that we do not know. A prefix says
// that somebody wants to leave the country he is in.
func (p *Plan) leadsAbroad(n *Number) bool {
	return len(p.home) > 0 || n.prefix > 1 || n.prefix == 1 && n.access > 0
}

// read takes over what can be dialled. It reports false when there is none, or more.
func (n *Number) read(b []byte) bool {
	b = noScheme(b)
	for i, c := range b {
		switch {
		case isDigit(c) || c == '+' || c == '*' || c == '#':
			if n.size == maxDialled {
				return false
			}
			n.text[n.size] = c
			n.size++
		case c == '@' || c == ';': // the rest of an address
			return n.trim()
		case c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '~' || c == '/':
			if i > 2*maxDialled {
				return false
			}
		default:
			return false
		}
	}
	return n.trim()
}

// trim takes the # away that ends a number on many phones.
func (n *Number) trim() bool {
	for n.size > 0 && n.text[n.size-1] == '#' {
		n.size--
		n.text[n.size] = 0
	}
	return n.size > 0
}

// split finds the lengths of the parts. Where a number can be read in two ways, the
// one with fewer digits before the prefix holds, then the prefix that the file has
// first. code is 0 when no country code is to be seen.
func (p *Plan) split(b []byte) (access, prefix, code int) {
	for access = range min(maxAccess+1, len(b)) {
		least := fewestDigits
		if access > 0 {
			least++
		}
		for i := range p.prefixes {
			x := &p.prefixes[i]
			if access > x.Access || !bytes.HasPrefix(b[access:], []byte(x.Digits)) {
				continue
			}
			if code := p.code(b[access+len(x.Digits):], least); code > 0 {
				return access, len(x.Digits), code
			}
		}
	}
	for access = range min(2, len(b)) { // a trunk digit, or none, and no prefix
		if access == 1 && b[0] != '0' && b[0] != '8' && b[0] != '9' {
			break
		}
		code := p.code(b[access:], fewestDigits)
		known := code > 0 && len(b)-access >= bareDigits && p.listed(b[access:]) == code
		if known || code > 0 && access == 0 && p.isHome(b) {
			return access, 0, code
		}
	}
	return 0, 0, 0
}

// code is the length of the country code of b, when b can be a number with one.
func (p *Plan) code(b []byte, least int) int {
	if len(b) < least || len(b) > mostDigits || !isDigits(b) {
		return 0
	}
	// North America has ten digits behind its code, none beginning with 0 or 1: so 001
	// and 0011 are distinguished from 00 and its code.
	if b[0] == '1' && (len(b) != 11 || b[1] < '2') {
		return 0
	}
	if n := p.listed(b); n > 0 {
		return n
	}
	return countryCode(b)
}

func (p *Plan) listed(b []byte) int { return longest(p.countries, p.longestCode, b) }

// isHome reports whether b, with its country code, is of our own country. One that
// the file names apart, as 1876 beside 1, is abroad.
func (p *Plan) isHome(b []byte) bool {
	for _, code := range p.home {
		if bytes.HasPrefix(b, []byte(code)) && p.listed(b) <= len(code) {
			return true
		}
	}
	return false
}

// longest is the length of the longest key that b begins with.
func longest(keys map[string]int32, most int, b []byte) int {
	for n := min(most, len(b)); n > 0; n-- {
		if _, ok := keys[string(b[:n])]; ok {
			return n
		}
	}
	return 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isDigits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return true
}

// value reads at most nine digits.
func value(digits []byte) (v int) {
	for _, c := range digits[:min(len(digits), 9)] {
		v = 10*v + int(c-'0')
	}
	return v
}
