package fraud

import (
	"slices"
	"strings"
	"testing"

	"pbxjail/configs"
	"pbxjail/parsers"
)

func text(s string) parsers.Text { return parsers.TextOf([]byte(s)) }

var international = configs.FraudInternational{Digits: 9, Factor: 2}

func shippedPlan(home ...string) *Plan {
	return NewPlan(configs.ShippedNumbers(), home, international)
}

// What was seen in the wild, and how it is read by a PBX in Germany.
func TestAnalyse(t *testing.T) {
	plan := shippedPlan("49")
	for _, c := range []struct {
		number, parts string // access digits, prefix, country code
		tail          string
		abroad        bool
		factor        int32
		premium       int
	}{
		// technik.line5.de 2013, community.asterisk.org/t/48840, fail2ban 1328, docs.clearip.com
		{"00972597562518", "|00|972", "597562518", true, 2500, 0},
		{"000972597562518", "|000|972", "597562518", true, 2500, 0},
		{"999900972595183136", "9999|00|972", "595183136", true, 2500, 0},
		{"810972597562518", "|810|972", "597562518", true, 2500, 0},
		{"8~10972597562518", "|810|972", "597562518", true, 2500, 0},
		{"900447418600363", "9|00|44", "418600363", true, 2000, 0},
		// antoniobeltranmiller.com: a prefix that is none
		{"0075346850780296", "|00|7", "850780296", true, 2000, 0},
		{"76000046850780294", "760|000|46", "850780294", true, 2500, 0},
		// intuitivelabs.com: one Swedish number under all kinds of prefixes
		{"+46850780296", "|+|46", "850780296", true, 2500, 0},
		{"90046850780296", "9|00|46", "850780296", true, 2500, 0},
		{"901146850780296", "9|011|46", "850780296", true, 2500, 0},
		{"00046850780296", "|000|46", "850780296", true, 2500, 0},
		// the recorded corpora
		{"9011441516014742", "9|011|44", "516014742", true, 2000, 0},
		{"900441516014742", "9|00|44", "516014742", true, 2000, 0},
		{"011441516014742", "|011|44", "516014742", true, 2000, 0},
		{"00441516014742", "|00|44", "516014742", true, 2000, 0},
		{"000441516014742", "|000|44", "516014742", true, 2000, 0},
		{"+441516014742", "|+|44", "516014742", true, 2000, 0},
		{"9810441516014742", "9|810|44", "516014742", true, 2000, 0},
		{"8800441516014742", "88|00|44", "516014742", true, 2000, 0},
		{"810441516014742", "|810|44", "516014742", true, 2000, 0},
		{"0441516014742", "0||44", "516014742", true, 2000, 0},
		{"99900441516014742", "999|00|44", "516014742", true, 2000, 0},
		{"100441516014742", "1|00|44", "516014742", true, 2000, 0},
		{"441516014742", "||44", "516014742", true, 2000, 0},
		{"900972592277524", "9|00|972", "592277524", true, 2500, 0},
		// other prefixes that attackers put before a number
		{"0011441516014742", "|0011|44", "516014742", true, 2000, 0},
		{"001441516014742", "|001|44", "516014742", true, 2000, 0},
		{"119441516014742", "|119|44", "516014742", true, 2000, 0},
		{"*7200441516014742", "*72|00|44", "516014742", true, 2000, 0},
		{"0012125551234", "|00|1", "125551234", true, 2000, 0},
		{"01118765551234", "|011|1876", "765551234", true, 2000, 0},
		{"00882139876543", "|00|882", "139876543", true, 2500, 0},
		// premium ranges
		{"00447012345678", "|00|44", "012345678", true, 2500, 4470},
		{"00979123456789", "|00|979", "123456789", true, 2500, 979},
		// written otherwise
		{"+44 (151) 601-4742", "|+|44", "516014742", true, 2000, 0},
		{"sip:00441516014742@192.0.2.10;user=phone", "|00|44", "516014742", true, 2000, 0},
		{"00441516014742#", "|00|44", "516014742", true, 2000, 0},
		// our own country, and what is no call abroad
		{"+49301234567", "|+|49", "301234567", false, 0, 0},
		{"0049301234567", "|00|49", "301234567", false, 0, 0},
		{"90049301234567", "9|00|49", "301234567", false, 0, 0},
		{"49301234567", "||49", "301234567", false, 0, 0},
		{"0301234567", "||", "301234567", false, 0, 0},
		{"044151601474", "||", "151601474", false, 0, 0},
		{"53981234567", "||", "981234567", false, 0, 0}, // a Brazilian mobile: no country of bare numbers this short
		{"90048123456", "||", "048123456", false, 0, 0}, // behind an access digit no number has so few
		{"101", "||", "", false, 0, 0},
		{"00", "||", "", false, 0, 0},
		{"0048", "||", "", false, 0, 0},
		{"00210123456789", "||", "123456789", false, 0, 0}, // 210 is not assigned
		{"", "||", "", false, 0, 0},
		{"s", "||", "", false, 0, 0},
		{"admin", "||", "", false, 0, 0},
		{"0044151601474x", "||", "", false, 0, 0},
		{strings.Repeat("0", 33), "||", "", false, 0, 0},
		{"+", "||", "", false, 0, 0},
		{"#", "||", "", false, 0, 0},
	} {
		n := plan.Analyse(text(c.number))
		parts := n.Access() + "|" + n.Prefix() + "|" + n.Country()
		if parts != c.parts || string(n.Tail()) != c.tail || n.International != c.abroad || n.Factor != c.factor || n.Premium != c.premium {
			t.Errorf("%s: got %s, tail %s, abroad %v, factor %d, premium %d, want %s, %s, %v, %d, %d",
				c.number, parts, n.Tail(), n.International, n.Factor, n.Premium, c.parts, c.tail, c.abroad, c.factor, c.premium)
		}
	}
}

func TestHome(t *testing.T) {
	for _, c := range []struct {
		home         []string
		number       string
		abroad, ours bool
	}{
		{[]string{"44"}, "00441516014742", false, true},
		{[]string{"44"}, "900441516014742", false, true},
		{[]string{"44"}, "+441516014742", false, true},
		{[]string{"44"}, "441516014742", false, true},
		{[]string{"44"}, "0441516014742", false, true},
		{[]string{"44"}, "00447012345678", false, true}, // premium, and ours
		{[]string{"44"}, "00972597562518", true, false},
		{[]string{"44", "353"}, "0035312345678", false, true},
		{[]string{"353"}, "00441516014742", true, false},
		{[]string{"1"}, "+12125551234", false, true},
		{[]string{"1"}, "12125551234", false, true},
		{[]string{"1"}, "+18765551234", true, false}, // the file names Jamaica apart
		{[]string{"1876"}, "+18765551234", false, true},
		// It is not known where we are: only a prefix leads abroad.
		{nil, "+441516014742", false, false},
		{nil, "441516014742", false, false},
		{nil, "0441516014742", false, false},
		{nil, "00441516014742", true, false},
		{nil, "9+441516014742", true, false},
	} {
		n := shippedPlan(c.home...).Analyse(text(c.number))
		if n.International != c.abroad || n.Home != c.ours {
			t.Errorf("%s at home in %v: got abroad %v, ours %v", c.number, c.home, n.International, n.Home)
		}
	}
}

func TestFewestDigits(t *testing.T) {
	plan := NewPlan(configs.ShippedNumbers(), []string{"49"}, configs.FraudInternational{Digits: 15, Factor: 2})
	for number, want := range map[string]bool{"00441516014742": false, "900441516014742": true} {
		if n := plan.Analyse(text(number)); n.International != want {
			t.Errorf("%s: got abroad %v", number, n.International)
		}
	}
}

// Whatever is dialled: the parts are in their order and in their bounds, the tail
// holds digits only, and what leads abroad has a factor.
func FuzzAnalyse(f *testing.F) {
	for _, seed := range []string{"", "00972597562518", "9~00 44-151", "sip:+1@x", "\x00\xff", "tel:;", "((((", "0044151601474*"} {
		f.Add([]byte(seed))
	}
	plans := []*Plan{shippedPlan(), shippedPlan("49"), shippedPlan("1", "44")}
	f.Fuzz(func(t *testing.T, number []byte) {
		before := slices.Clone(number)
		for _, p := range plans {
			n := p.Analyse(parsers.TextOf(number))
			if int(n.access)+int(n.prefix)+int(n.code) > int(n.size) || n.size > maxDialled || n.access > maxAccess {
				t.Fatalf("%q: got lengths %d %d %d of %d", number, n.access, n.prefix, n.code, n.size)
			}
			if tail := n.Tail(); tail != nil && (len(tail) != tailDigits || !isDigits(tail)) {
				t.Fatalf("%q: got tail %q", number, tail)
			}
			if n.International && (n.Factor < 1000 || n.Country() == "" || n.Home) {
				t.Fatalf("%q: got %+v", number, n)
			}
			if !n.International && (n.Factor != 0 || n.Premium != 0) {
				t.Fatalf("%q: got %+v", number, n)
			}
		}
		if !slices.Equal(before, number) {
			t.Fatalf("got %q, want %q untouched", number, before)
		}
	})
}
