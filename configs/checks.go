package configs

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"pbxjail/configs/show"
)

// check compares every value of the struct v with the tag check of its key:
//
//	path            a path from the root
//	log             a path from the root, or a unit in the journal
//	one of a b c    one of these words
//	from 2 to 7     a number, or a time such as 1s, between these two, both included
//	from 0          a number that is not below this
//	factor 1 to 10  a number that something is multiplied by
//
// A list is checked item by item. An optional key that was left out is not checked.
// validate compares keys with each other.
func (d *decoder) check(v reflect.Value, path string) {
	for _, k := range keysOf(v.Type()) {
		field := v.FieldByIndex(k.Index)
		at := strings.TrimPrefix(path+"."+k.name, ".")
		if rule, ok := k.Tag.Lookup("check"); ok {
			d.checkKey(rule, k, field, at)
		}
		switch {
		case isLeaf(field):
		case field.Kind() == reflect.Struct:
			d.check(field, at)
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			for i := range field.Len() {
				if item := field.Index(i); !isLeaf(item) {
					d.check(item, fmt.Sprintf("%s[%d]", at, i))
				}
			}
		}
	}
}

func (d *decoder) checkKey(rule string, k key, field reflect.Value, at string) {
	if field.Kind() == reflect.Slice {
		for i := range field.Len() {
			d.checkValue(rule, field.Index(i), fmt.Sprintf("%s[%d]", at, i))
		}
		return
	}
	if _, optional := k.Tag.Lookup("optional"); optional && field.IsZero() {
		return
	}
	d.checkValue(rule, field, at)
}

func (d *decoder) checkValue(rule string, v reflect.Value, at string) {
	words, isWord := strings.CutPrefix(rule, "one of ")
	kind, span, _ := strings.Cut(rule, " ")
	switch {
	case rule == "path":
		checkAbsolute(d, at, v.String())
	case rule == "log":
		checkLog(d, at, v.String())
	case isWord:
		checkWord(d, at, v.String(), strings.Fields(words)...)
	case kind == "from":
		checkSpan(d, at, span, v, "")
	case kind == "factor":
		checkSpan(d, at, span, v, ": 1 changes nothing, 2 doubles")
	default:
		panic("configs: check of " + at + ": there is no check " + rule) // a test runs them all
	}
}

// checkSpan checks that a number or a time is between two ends, such as "2 to 7". more is
// added to the hint.
func checkSpan(d *decoder, at, span string, v reflect.Value, more string) {
	least, most, bounded := strings.Cut(span, " to ")
	value, is := measure(v)
	low, high := end(v, least), math.Inf(1)
	if bounded {
		high = end(v, most)
	}
	what := "number"
	if v.Type() == reflect.TypeFor[time.Duration]() {
		what = "time"
	}
	switch {
	case value >= low && value <= high:
	case bounded:
		d.fault(at, "write a "+what+" from "+least+" to "+most+more, "%s is not between %s and %s", is, least, most)
	default:
		d.fault(at, "write a "+what+" of at least "+least, "%s is less than %s", is, least)
	}
}

// measure is a number or a time, to be compared and to be shown.
func measure(v reflect.Value) (value float64, shown string) {
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		return float64(v.Int()), show.Duration(time.Duration(v.Int()))
	case v.Type() == reflect.TypeFor[Size]():
		return float64(v.Int()), Size(v.Int()).String()
	case v.CanFloat():
		return v.Float(), strconv.FormatFloat(v.Float(), 'g', -1, 64)
	}
	return float64(v.Int()), strconv.FormatInt(v.Int(), 10)
}

// end reads one end of a span as a value of the kind of v.
func end(v reflect.Value, text string) float64 {
	e := reflect.New(v.Type()).Elem()
	if err := setLeaf(e, text); err != nil {
		panic("configs: check from or to " + text + ": " + err.Error()) // a test runs them all
	}
	value, _ := measure(e)
	return value
}
