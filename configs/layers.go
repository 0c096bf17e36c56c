package configs

import (
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Defaults are settings of the main file for all jails. The zero value sets none. Jail has
// the built-in defaults with these settings applied. Only node knows which keys were
// written.
type Defaults struct {
	Jail
	node *yaml.Node // nil: nothing was written
}

// The layers of a jail. Each replaces values of the one before it. fail2ban users know them as the
// program's defaults, jail.conf, [DEFAULT] in jail.local, and the jail's section there.
const (
	FromBuiltIn  = "built-in"
	FromShipped  = "shipped"  // the jail that comes with the program
	FromDefaults = "defaults" // defaults and logs of the main file
	FromFile     = "file"     // the jail's own file
)

// Origin is where a setting comes from.
type Origin struct {
	Layer string
	File  string // "" where it is built in
	Line  int    // 0 where it is built in
}

// String is "built-in", "shipped", "defaults (FILE:LINE)" or "FILE:LINE".
func (o Origin) String() string {
	switch o.Layer {
	case FromDefaults:
		return fmt.Sprintf("%s (%s:%d)", o.Layer, o.File, o.Line)
	case FromFile:
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	return o.Layer
}

// above reports whether a setting comes from a higher layer than the given one.
func (o Origin) above(layer string) bool {
	order := []string{FromBuiltIn, FromShipped, FromDefaults, FromFile}
	return slices.Index(order, o.Layer) > slices.Index(order, layer)
}

// note remembers that a layer has set what d was given.
func (j *Jail) note(d *decoder, layer string) {
	for path, line := range d.given {
		j.from[path] = Origin{layer, d.file, line}
	}
}

// parseJail builds a jail from its layers. data is the text of its own file. nil: it has no
// file, and name must be the name of a shipped jail.
//
// A file with logs and match is a complete jail, and replaces the shipped jail of its name.
// Any other file changes the shipped jail: keys that it does not have stay.
func (m *Main) parseJail(name, file string, data []byte) (*Jail, error) {
	j, own := newJail(name, file), newDecoder(file)
	var node *yaml.Node
	sound := true
	if data != nil {
		node, sound = own.parse(data)
	}
	if text, ok := shippedText(name); ok && !(hasKey(node, "logs") && hasKey(node, "match")) {
		s := newDecoder(shippedFile(name))
		s.document(text, j) // a test checks it
		j.note(s, FromShipped)
	}
	below := m.applyDefaults(j)
	if data == nil {
		j.validate(below)
		for i := range below.problems {
			below.problems[i].What = "defaults of the main file do not fit the shipped jail " + name + ": " + below.problems[i].What
		}
		j.dropSamples()
		return j.result(below)
	}
	if own.fill(node, j) && sound {
		j.validate(own)
	}
	j.note(own, FromFile)
	j.dropSamples()
	return j.result(own)
}

// dropSamples drops the samples of the shipped jail if this jail counts other lines.
func (j *Jail) dropSamples() {
	shipped := func(path string) bool { return j.origin(path).Layer == FromShipped }
	if shipped("samples") && (!shipped("match") || j.origin("evidence.ban").above(FromShipped)) {
		j.Samples = nil
	}
}

// applyDefaults applies defaults and logs of the main file to j. The decoder knows their
// lines.
func (m *Main) applyDefaults(j *Jail) *decoder {
	d := newDecoder(m.File)
	if node := m.Defaults.node; node != nil {
		d.lines[""] = node.Line
		over := &Defaults{Jail: *j}
		d.mapping(node, reflect.ValueOf(over).Elem(), "")
		*j = over.Jail
	}
	if len(m.Logs) > 0 && !j.ReadsOthers() {
		logs := slices.Clone(m.Logs)
		if j.readsDialplan() {
			logs = append(logs, j.Logs...)
		}
		j.Logs = logs
		d.given["logs"] = m.logsLine
	}
	j.note(d, FromDefaults)
	return d
}

// readsDialplan reports whether the jail reads nothing that Asterisk's logger writes.
func (j *Jail) readsDialplan() bool {
	return len(j.Match) > 0 && !slices.ContainsFunc(j.Match, func(m Match) bool { return m.Service != "dialplan" })
}

// asteriskServices are the services of Asterisk; the others are of other programs.
var asteriskServices = []string{"", "pjsip", "sip", "iax2", "ami", "http", "dialplan", "other"}

// ReadsOthers reports whether the jail counts only lines of other programs, such as sshd:
// Asterisk's logs hold nothing for it.
func (j *Jail) ReadsOthers() bool {
	return len(j.Match) > 0 && !slices.ContainsFunc(j.Match, func(m Match) bool { return m.Regex != "" || slices.Contains(asteriskServices, m.Service) })
}

// hasKey reports whether a mapping has a key with a value.
func hasKey(node *yaml.Node, key string) bool {
	if node == nil || node.Kind != yaml.MappingNode {
		return false
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1].ShortTag() != "!!null"
		}
	}
	return false
}

// JailOf is the jail that a file of this name and text would make beside this main file.
func (m *Main) JailOf(file string, data []byte) (*Jail, error) {
	return m.parseJail(JailName(file), file, append([]byte{}, data...))
}
