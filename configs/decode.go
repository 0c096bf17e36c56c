package configs

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"pbxjail/configs/hint"
	"pbxjail/configs/show"
)

// maxProblems is how many faults of one file are reported. A file with more faults is
// probably another kind of file.
const maxProblems = 100

// decoder fills a struct from YAML and remembers the line of each value. It
// walks the YAML tree itself because only the tree knows lines, and because YAML's
// own conversions (010, yes, !!tags, aliases) are guesses we do not want.
type decoder struct {
	file     string
	lines    map[string]int  // by path, such as "match[0].regex"; "" is the file
	given    map[string]int  // lines of the values that were set, by path; a list is one value
	faulty   map[string]bool // paths that have a problem already: one each is enough
	problems Problems
	warnings Problems
}

func newDecoder(file string) *decoder {
	return &decoder{file: file, lines: map[string]int{"": 1}, given: map[string]int{}, faulty: map[string]bool{}}
}

// fault notes what is wrong with the value at path, once.
func (d *decoder) fault(path, fix, format string, args ...any) {
	if !d.faulty[path] {
		d.faulty[path] = true
		d.faultAt(d.line(path), path, fix, fmt.Sprintf(format, args...))
	}
}

// faultOf is a fault of several values together. It names the first path, and has the line
// of the first of these values that this file sets.
func (d *decoder) faultOf(paths []string, fix, format string, args ...any) {
	for _, path := range paths {
		if line, ok := d.given[path]; ok && !d.faulty[paths[0]] {
			d.faulty[paths[0]] = true
			d.faultAt(line, paths[0], fix, fmt.Sprintf(format, args...))
		}
	}
	d.fault(paths[0], fix, format, args...)
}

func (d *decoder) faultAt(line int, path, fix, what string) {
	if len(d.problems) < maxProblems {
		d.problems = append(d.problems, Problem{File: d.file, Line: line, What: within(path, what), Fix: fix})
	}
}

func (d *decoder) warn(path, fix, what string) { d.warnAt(d.line(path), path, fix, what) }

func (d *decoder) warnAt(line int, path, fix, what string) {
	if len(d.warnings) < maxProblems {
		d.warnings = append(d.warnings, Problem{File: d.file, Line: line, What: within(path, what), Fix: fix})
	}
}

func within(path, what string) string {
	if path == "" {
		return what
	}
	return path + ": " + what
}

// line is the line of path, or of the nearest key around it that the file has.
func (d *decoder) line(path string) int {
	for {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

// document decodes data into the struct that into points to, and compares each
// value with its tag check. Keys that the file does not have stay as they are. It reports
// whether there was a document with keys. If so, the caller compares the values with each
// other, even if some are faulty.
func (d *decoder) document(data []byte, into any) (readable bool) {
	node, sound := d.parse(data)
	return d.fill(node, into) && sound
}

// parse reads data as one document of YAML; the node is nil where there is none. It
// reports whether all of data was understood.
func (d *decoder) parse(data []byte) (node *yaml.Node, sound bool) {
	if p := checkText(d.file, data); p != nil {
		d.problems = append(d.problems, *p)
		return nil, false
	}
	var doc, second yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(&doc)
	if err == nil {
		node = doc.Content[0]
		if err = dec.Decode(&second); err == nil {
			d.faultAt(second.Line, "", "remove this line", "--- begins a second YAML document, but a file must be one document")
		}
	}
	if err != nil && err != io.EOF { // EOF at once: nothing but comments
		d.syntax(err)
		return node, false
	}
	return node, true
}

// fill decodes node into the struct that into points to, as document has it. The nil
// node mentions nothing.
func (d *decoder) fill(node *yaml.Node, into any) (readable bool) {
	if node != nil {
		d.value(node, reflect.ValueOf(into).Elem(), "")
	}
	if d.faulty[""] {
		return false
	}
	d.check(reflect.ValueOf(into).Elem(), "")
	return true
}

// result returns nil, or all problems in the order of lines.
func (d *decoder) result() error {
	if len(d.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
	return d.problems
}

var (
	yamlLine = regexp.MustCompile(`^(?:line (\d+): )?(?s:(.*))$`)
	// fromParser are the errors whose line is counted from 0: those of the YAML
	// parser, not of its scanner (go.yaml.in/yaml/v3:decode.go fail).
	fromParser = regexp.MustCompile(`^did not find expected (node content|'-' indicator|key|',' or|<)`)
)

// syntax takes the line out of an error of the YAML parser, which has no type for it.
func (d *decoder) syntax(err error) {
	m := yamlLine.FindStringSubmatch(strings.TrimPrefix(err.Error(), "yaml: "))
	line, _ := strconv.Atoi(m[1])
	if fromParser.MatchString(m[2]) {
		line++
	}
	d.faultAt(max(line, 1), "", "check brackets, quotes, colons and indentation (spaces, no tabs) from this line on", "this is not valid YAML: "+show.Escaped(m[2]))
}

func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	d.lines[path] = n.Line
	switch {
	case n.Kind == yaml.AliasNode:
		d.fault(path, "write the value itself in place of *"+show.Escaped(n.Value), "an alias of YAML (*%s) is not allowed in files of pbxjail", show.Escaped(n.Value))
	case n.Style&yaml.TaggedStyle != 0:
		d.fault(path, "remove "+show.Escaped(n.Tag), "a tag of YAML (%s) is not allowed in files of pbxjail", show.Escaped(n.Tag))
	case n.ShortTag() == "!!null": // a key without a value: the default stays
	case isLeaf(v):
		d.leaf(n, v, path)
	case v.Kind() == reflect.Slice:
		d.list(n, v, path)
	default:
		d.mapping(n, v, path)
	}
}

func (d *decoder) leaf(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fault(path, "write one value after the colon", "must be one value, not a list or keys")
		return
	}
	digits := v.Type() == reflect.TypeFor[TrapName]() && allDigits.MatchString(n.Value) // they stay as they are written: 0049
	if v.Kind() == reflect.String && n.ShortTag() != "!!str" && !digits {
		d.fault(path, "write "+quote(n.Value)+", with the quotes", "YAML does not read %s as a text, because it has no quotes", show.Escaped(n.Value))
	}
	if err := setLeaf(v, n.Value); err != nil {
		d.fault(path, hint.Of(err), "%s", err)
		return
	}
	d.given[path] = n.Line
	if p, ok := v.Interface().(netip.Prefix); ok {
		d.checkPrefix(path, n.Value, p)
	}
}

func (d *decoder) checkPrefix(path, text string, p netip.Prefix) {
	if written, err := netip.ParsePrefix(text); err == nil && written != written.Masked() {
		d.warn(path, "write "+p.String(), fmt.Sprintf("%s is not the first address of a network: pbxjail reads it as %s", quote(text), p))
	}
	if p.Bits() == 0 {
		d.warn(path, "remove it, or set observe: true if you want no bans", p.String()+" is every address: pbxjail bans no address")
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	if _, one := v.Interface().([]PortWord); one && n.Kind == yaml.ScalarNode { // ports: service
		n = &yaml.Node{Kind: yaml.SequenceNode, Line: n.Line, Content: []*yaml.Node{n}}
	}
	if n.Kind != yaml.SequenceNode {
		d.fault(path, "write [a, b], or one item on each line, after a dash", "must be a list")
		return
	}
	d.given[path] = n.Line
	v.SetZero() // a list replaces the list of the layer below: it does not add to it
	for i, item := range n.Content {
		elem := reflect.New(v.Type().Elem()).Elem()
		if elem.Kind() == reflect.Struct && !isLeaf(elem) {
			setDefaults(elem)
		}
		at := fmt.Sprintf("%s[%d]", path, i)
		if item.ShortTag() == "!!null" && item.Kind == yaml.ScalarNode {
			d.faultAt(item.Line, at, "write the item after the dash, or remove the dash", "is empty")
			continue
		}
		d.value(item, elem, at)
		v.Set(reflect.Append(v, elem))
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.fault(path, "write key: value, one on each line", "must be keys with values, not a list or one value")
		return
	}
	if line := v.FieldByName("Line"); line.IsValid() {
		line.SetInt(int64(n.Line))
	}
	if all, ok := v.Addr().Interface().(*Defaults); ok {
		all.node = n
	}
	known := keysOf(v.Type())
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		field, ok := find(known, key.Value)
		if !ok || key.Kind != yaml.ScalarNode {
			d.faultAt(key.Line, path, cmp.Or(elsewhere(v.Type(), key.Value), suggest(known, key.Value)), "unknown key "+quote(key.Value))
			continue
		}
		if key.Value != field.name {
			d.warnAt(key.Line, path, "write "+field.name, fmt.Sprintf("key %s is called %s now", key.Value, field.name))
		}
		if first := seen[field.name]; first != 0 {
			d.faultAt(key.Line, path, "remove one of the two lines", fmt.Sprintf("key %s is already in line %d", field.name, first))
			continue
		}
		seen[field.name] = key.Line
		if value.Value == "0" && field.Tag.Get("zero") == "off" {
			v.FieldByIndex(field.Index).SetZero()
			d.given[strings.TrimPrefix(path+"."+field.name, ".")] = value.Line
			continue
		}
		d.value(value, v.FieldByIndex(field.Index), strings.TrimPrefix(path+"."+field.name, "."))
	}
}
