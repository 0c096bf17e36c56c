package asterisk

import "path/filepath"

// Section is a section of one of Asterisk's files, with what it inherits.
type Section struct {
	Name     string
	Template bool // "(!)": others inherit from it; it is nothing by itself
	Settings []Setting
	At       Place // of its name in brackets; settings can be elsewhere
}

// Setting is one line "key = value" of a section.
type Setting struct {
	Key, Value string // as they are written; they may hold any byte
	At         Place
}

// Last is the last setting of a key in lower case, and whether there is one.
func (s Section) Last(key string) (last Setting, found bool) {
	for _, set := range s.Settings {
		if set.Key == key {
			last, found = set, true
		}
	}
	return last, found
}

// IsTrue reports whether Asterisk reads a value as true: asterisk:main/utils.c ast_true.
func IsTrue(value string) bool { return isTrue(value) }

// Sections reads one file of Asterisk's configuration below dir, such as "sip.conf", with
// what it includes; "" is DefaultDir. Only settings with these keys, in lower case, are
// kept: name none that holds a password. A file that is not there has no sections. problems
// are as those of Read. Sections may be called from any goroutine.
func Sections(dir, name string, keys ...string) (list []Section, problems []error) {
	return sections(dir, name, func(r *reader) { r.kept = keys })
}

// Dialplan reads extensions.conf as Sections does, with all settings: a section is a
// context, and its settings are "exten", "same", "include" and so on. The section
// "globals" has variables.
func Dialplan(dir string) (list []Section, problems []error) {
	return sections(dir, "extensions.conf", func(r *reader) { r.all = true })
}

func sections(dir, name string, prepare func(*reader)) (list []Section, problems []error) {
	if dir == "" {
		dir = DefaultDir
	}
	r := newReader(dir)
	prepare(r)
	r.begin()
	r.file(place{}, filepath.Join(r.dir, name), true)
	for _, s := range r.sections {
		one := Section{Name: s.name, Template: s.template, At: s.at.public()}
		for _, set := range s.settings {
			one.Settings = append(one.Settings, Setting{set.key, set.value, set.at.public()})
		}
		list = append(list, one)
	}
	return list, r.problems
}
