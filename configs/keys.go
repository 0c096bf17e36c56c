package configs

import (
	"reflect"
	"slices"
	"strings"
)

// key is a struct field that files can set. Its tags say everything about it
// once, for the decoder and for Reference: yaml (its name), doc, fail2ban (what
// it is called there), one of default, example (must be given) and optional (an
// example; may be left out), check (what a value must be, see decoder.check), zero (off:
// 0 may be written and switches it off), was (its old names, which files may still use; each
// gives a warning), in the main file reload (when a change takes
// effect), and in a jail file own (defaults in the main file cannot have it, and what to
// do). A new key is one field here, and what is done with it.
type key struct {
	reflect.StructField
	name string
}

func keysOf(t reflect.Type) []key {
	var keys []key
	for _, f := range reflect.VisibleFields(t) {
		if _, own := f.Tag.Lookup("own"); own && t == reflect.TypeFor[Defaults]() {
			continue
		}
		if name, ok := f.Tag.Lookup("yaml"); ok {
			keys = append(keys, key{f, name})
		}
	}
	return keys
}

// find is the key that has this name, or had it before it was renamed.
func find(keys []key, name string) (key, bool) {
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	if i < 0 {
		i = slices.IndexFunc(keys, func(k key) bool { return slices.Contains(strings.Fields(k.Tag.Get("was")), name) })
	}
	if i < 0 {
		return key{}, false
	}
	return keys[i], true
}

// setDefaults sets every field of the struct v that has a default.
func setDefaults(v reflect.Value) {
	for _, k := range keysOf(v.Type()) {
		field := v.FieldByIndex(k.Index)
		if text, ok := k.Tag.Lookup("default"); ok && isLeaf(field) {
			if err := setLeaf(field, text); err != nil {
				panic("configs: default of " + k.name + ": " + err.Error()) // a test sets them all
			}
		} else if !isLeaf(field) && field.Kind() == reflect.Struct {
			setDefaults(field)
		}
	}
}

// elsewhere is the hint for a key that a jail file may have and defaults may not; "" for all other keys.
func elsewhere(in reflect.Type, name string) string {
	if in != reflect.TypeFor[Defaults]() {
		return ""
	}
	k, _ := find(keysOf(reflect.TypeFor[Jail]()), name)
	return k.Tag.Get("own")
}

// suggest is the hint for a key that does not exist.
func suggest(keys []key, wrong string) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
		if slices.Contains(strings.Fields(k.Tag.Get("fail2ban")), wrong) {
			return "fail2ban's " + wrong + " is called " + k.name + " here"
		}
	}
	best, distance := "", 1+max(2, len(wrong)/3)
	if len(wrong) <= 40 { // a longer word is no typing error, and comparing it takes long
		for _, name := range names {
			if n := edits(strings.ToLower(wrong), name); n < distance {
				best, distance = name, n
			}
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "the keys allowed here are: " + strings.Join(names, ", ")
}

// edits is the Levenshtein distance of a and b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
