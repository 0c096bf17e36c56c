package configs

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pbxjail/configs/hint"
)

// PlaceRules say how points depend on the country and network of an address. The zero
// value changes no points.
type PlaceRules struct {
	Home      []string `yaml:"home" optional:"[GB, IE]" doc:"Countries your phones are in, as ISO 3166 codes. If none is named, elsewhere has no effect."`
	Elsewhere float64  `yaml:"elsewhere" optional:"2" check:"factor 0.001 to 100" doc:"Points from any other known country are multiplied by this. A country alone never bans."`
	Block     []string `yaml:"block" optional:"[KP]" doc:"Countries where one line is enough for a ban. Protected addresses are still never banned."`
	ASN       []ASN    `yaml:"asn" optional:"[64500=1.5]" doc:"Networks by their autonomous system number, each with the factor for their points."`
}

// ASN is the factor for the points of a network: 64500=1.5 in a file.
type ASN struct {
	Number uint32
	Factor float64
}

func parseASN(text string) (a ASN, err error) {
	bad := hint.New("write the number of the network (ASN), then = and a factor for points, such as 64500=1.5", quote(text)+" is not a network (ASN) with a factor")
	number, factor, _ := strings.Cut(strings.TrimPrefix(text, "AS"), "=")
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n == 0 {
		return a, bad
	}
	if a.Factor, err = strconv.ParseFloat(factor, 64); err != nil || math.IsNaN(a.Factor) {
		return a, bad
	}
	a.Number = uint32(n)
	return a, nil
}

// Or returns the rules of r, and those of o for the keys that r leaves out.
func (r PlaceRules) Or(o PlaceRules) PlaceRules {
	if len(r.Home) == 0 {
		r.Home = o.Home
	}
	if r.Elsewhere == 0 {
		r.Elsewhere = o.Elsewhere
	}
	if len(r.Block) == 0 {
		r.Block = o.Block
	}
	if len(r.ASN) == 0 {
		r.ASN = o.ASN
	}
	return r
}

// FactorOf returns the factor of a network; false if none is set.
func (r PlaceRules) FactorOf(asn uint32) (float64, bool) {
	i := slices.IndexFunc(r.ASN, func(a ASN) bool { return a.Number == asn })
	if i < 0 || asn == 0 {
		return 1, false
	}
	return r.ASN[i].Factor, true
}

var countryCode = regexp.MustCompile(`^[A-Z]{2}$`)

func (r PlaceRules) validate(d *decoder, path string) {
	checkCountries(d, path+".home", r.Home)
	checkCountries(d, path+".block", r.Block)
	for i, c := range r.Block {
		if slices.Contains(r.Home, c) {
			d.fault(fmt.Sprintf("%s.block[%d]", path, i), "remove this country from block or from home", "%s is in block and in home", quote(c))
		}
	}
	for i, a := range r.ASN {
		checkFactor(d, fmt.Sprintf("%s.asn[%d]", path, i), a.Factor)
	}
}

func checkCountries(d *decoder, path string, list []string) {
	for i, c := range list {
		if !countryCode.MatchString(c) {
			d.fault(fmt.Sprintf("%s[%d]", path, i), "write two capital letters, such as GB or DE (ISO 3166)", "%s is not a country", quote(c))
		}
	}
}

// checkFactor refuses factors that make points worthless, or that ban on any line.
func checkFactor(d *decoder, path string, factor float64) {
	if factor < 0.001 || factor > 100 {
		d.fault(path, "write 1 for no change, 2 for twice the points, 0.5 for half", "%v is not between 0.001 and 100", factor)
	}
}
