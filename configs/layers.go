package configs

import (
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Defaults are settings of the main file for all jails. The zero value sets none. The
// fields of Jail are what the built-in defaults become with them; which ones were
// written, the node alone knows.
type Defaults struct {
	Jail
	node *yaml.Node // nil: nothing was written
}

// The layers of a jail, each over the one before. fail2ban users know them as the
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

// above reports whether a setting comes from a layer over another one.
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

// parseJail makes a jail of its layers. data is the text of its own file; nil: it has
// none, and then the name must be that of a shipped jail.
//
// A file that names logs and match is a whole jail, and takes the place of a shipped one
// of its name. Any other file changes the shipped jail: what it does not name stays.
func (m *Main) parseJail(name, file string, data []byte) (*Jail, error) {
	j, own := newJail(name, file), newDecoder(file)
	var node *yaml.Node
	sound := true
	if data != nil {
		node, sound = own.parse(data)
	}
	if text, ok := shippedText(name); ok && !(hasKey(node, "logs") && hasKey(node, "match")) {
		s := newDecoder(shippedFile(name))
		s.document(text, j) // a test holds it to be sound
		j.note(s, FromShipped)
	}
	below := m.applyDefaults(j)
	if data == nil {
		j.validate(below)
		for i := range below.problems {
			below.problems[i].What = "defaults do not suit the shipped jail " + name + ": " + below.problems[i].What
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

// dropSamples drops those of the shipped jail where other lines count than there.
func (j *Jail) dropSamples() {
	shipped := func(path string) bool { return j.origin(path).Layer == FromShipped }
	if shipped("samples") && (!shipped("match") || j.origin("evidence.ban").above(FromShipped)) {
		j.Samples = nil
	}
}

// applyDefaults puts defaults and logs of the main file over j. The decoder knows where
// they are written.
func (m *Main) applyDefaults(j *Jail) *decoder {
	d := newDecoder(m.File)
	if node := m.Defaults.node; node != nil {
		d.lines[""] = node.Line
		over := &Defaults{Jail: *j}
		d.mapping(node, reflect.ValueOf(over).Elem(), "")
		*j = over.Jail
	}
	if len(m.Logs) > 0 {
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

// hasKey reports whether a mapping has a key with something behind it.
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
