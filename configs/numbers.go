package configs

import (
	_ "embed"
	"fmt"
	"reflect"
	"regexp"
)

// Numbers is the file of numbers: the prefixes of calls abroad, and the numbers that fraud
// calls. It is plain data; package jails/fraud reads numbers with it.
type Numbers struct {
	File     string   // where it was read; "shipped/numbers.yaml" for the embedded one
	Warnings Problems // values that were read differently from how they are written

	Prefixes  []AccessPrefix `yaml:"prefixes" doc:"Prefixes dialled before a country code, the most frequent first."`
	Countries []Country      `yaml:"countries" doc:"Country codes that fraud often calls."`
	Premium   []PremiumRange `yaml:"premium" doc:"Numbers that pay their owner for each call."`
}

// AccessPrefix is what is dialled before a country code.
type AccessPrefix struct {
	Digits string `yaml:"digits" example:"\"00\"" doc:"The prefix, digits or +."`
	Access int    `yaml:"access" optional:"8" check:"from 0 to 8" doc:"How many digits for an outside line may come before it, at most 8. Left out: none."`
}

// Country is a country code that fraud calls often.
type Country struct {
	Code   string  `yaml:"code" example:"\"972\"" doc:"The code, with the area code where countries share one."`
	Factor float64 `yaml:"factor" optional:"2.5" check:"factor 1 to 10" doc:"Points of such a call are multiplied by this. Left out: fraud.international.factor."` // 0: left out
}

// PremiumRange is the beginning of numbers that pay their owner for each call.
type PremiumRange struct {
	Range  string  `yaml:"range" example:"\"4470\"" doc:"The first digits, with the country code."`
	Factor float64 `yaml:"factor" optional:"2.5" check:"factor 1 to 10" doc:"Points of such a call are multiplied by this. Left out: fraud.international.factor."` // 0: left out
}

// maxNumbers is how many entries each list of the file may have.
const maxNumbers = 1000

//go:embed data/numbers.yaml
var shippedNumbers []byte

// ShippedNumbers are the numbers that come with the program.
func ShippedNumbers() *Numbers {
	n, err := ParseNumbers("shipped/numbers.yaml", shippedNumbers)
	if err != nil {
		panic(err) // a test checks them
	}
	return n
}

// LoadNumbers reads a file of numbers. An error is a Problem or Problems.
func LoadNumbers(path string) (*Numbers, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	n, err := ParseNumbers(path, data)
	if err != nil {
		return nil, hideForeign(path, err)
	}
	return n, nil
}

// ParseNumbers reads the text of the file of numbers called file. An error is
// Problems, with every fault of the file.
func ParseNumbers(file string, data []byte) (*Numbers, error) {
	n := &Numbers{File: file}
	setDefaults(reflect.ValueOf(n).Elem())
	d := newDecoder(file)
	if d.document(data, n) {
		n.validate(d)
	}
	n.Warnings = d.warnings
	if err := d.result(); err != nil {
		return nil, err
	}
	return n, nil
}

var accessDigits = regexp.MustCompile(`^(\+|[0-9]{2,5})$`)

func (n *Numbers) validate(d *decoder) {
	if len(n.Prefixes) == 0 {
		d.fault("prefixes", `write the digits that callers dial before a country code, such as prefixes: [{digits: "00", access: 8}]`, "is empty")
	}
	checkLength(d, "prefixes", len(n.Prefixes))
	checkLength(d, "countries", len(n.Countries))
	checkLength(d, "premium", len(n.Premium))
	for i, p := range n.Prefixes {
		path := fmt.Sprintf("prefixes[%d]", i)
		if !accessDigits.MatchString(p.Digits) {
			d.fault(path+".digits", `write two to five digits in quotes, or "+"`, "%s is not a prefix of numbers", quote(p.Digits))
		}
	}
	for i, c := range n.Countries {
		checkCode(d, fmt.Sprintf("countries[%d].code", i), c.Code)
	}
	for i, p := range n.Premium {
		checkCode(d, fmt.Sprintf("premium[%d].range", i), p.Range)
	}
}

func checkLength(d *decoder, path string, length int) {
	if length > maxNumbers {
		d.fault(path, "remove entries; one entry with fewer digits can replace several longer ones", "too many entries: %d, the limit is %d", length, maxNumbers)
	}
}
