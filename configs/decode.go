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

// maxProblems is how many faults of one file are told. A file with more is
// another kind of file.
const maxProblems = 100

// decoder fills a struct from YAML and remembers where each value stands. It
// walks the tree itself because the tree alone knows lines, and because YAML's
// own conversions (010, yes, !!tags, aliases) are guesses we do not want.
type decoder struct {
	file     string
	lines    map[string]int  // by path, such as "match[0].regex"; "" is the file
	given    map[string]int  // lines of the values that were set, by path; a list is one value
	faulty   map[string]bool // paths that were complained about: once is enough
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

// faultOf is a fault of several values together. It is about the first path, and stands
// where the first of them is written that this file has.
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

func (d *decoder) warn(path, fix, what string) {
	if len(d.warnings) < maxProblems {
		d.warnings = append(d.warnings, Problem{File: d.file, Line: d.line(path), What: within(path, what), Fix: fix})
	}
}

func within(path, what string) string {
	if path == "" {
		return what
	}
	return path + ": " + what
}

// line is where path stands, or the nearest thing around it that was written.
func (d *decoder) line(path string) int {
	for {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

// document decodes data into the struct that into points to, and holds each value
// against its tag check. What the file does not mention stays as it is. It reports
// whether there was a document with keys: if so the values are worth comparing with
// each other, however many were faulty.
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
			d.faultAt(second.Line, "", "keep one document and remove the line ---", "a second document begins")
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

// result is nil, or all the problems in the order of lines.
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
	d.faultAt(max(line, 1), "", "check brackets, quotes, colons and indentation (blanks, no tabs) from this line on", "not YAML: "+show.Escaped(m[2]))
}

func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	d.lines[path] = n.Line
	switch {
	case n.Kind == yaml.AliasNode:
		d.fault(path, "write the value out", "aliases (*%s) are not used here", show.Escaped(n.Value))
	case n.Style&yaml.TaggedStyle != 0:
		d.fault(path, "remove "+show.Escaped(n.Tag), "tags (%s) are not used here", show.Escaped(n.Tag))
	case n.ShortTag() == "!!null": // a key with nothing behind it: the default stays
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
		d.fault(path, "write a single value", "one value is wanted, not a list or keys")
		return
	}
	if v.Kind() == reflect.String && n.ShortTag() != "!!str" {
		d.fault(path, "put it in quotes if it is meant", "%s is not text", quote(n.Value))
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
		d.warn(path, "write "+p.String(), fmt.Sprintf("%s has bits beyond the network: read as %s", quote(text), p))
	}
	if p.Bits() == 0 {
		d.warn(path, "remove it, or set observe: true if that is what you want", p.String()+" is every address: nobody will be banned")
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	if _, one := v.Interface().([]PortWord); one && n.Kind == yaml.ScalarNode { // ports: service
		n = &yaml.Node{Kind: yaml.SequenceNode, Line: n.Line, Content: []*yaml.Node{n}}
	}
	if n.Kind != yaml.SequenceNode {
		d.fault(path, "write it in brackets, [a, b], or one to a line, each after a dash", "a list is wanted")
		return
	}
	d.given[path] = n.Line
	v.SetZero() // a list is taken whole: it does not add to the one below it
	for i, item := range n.Content {
		elem := reflect.New(v.Type().Elem()).Elem()
		if elem.Kind() == reflect.Struct && !isLeaf(elem) {
			setDefaults(elem)
		}
		d.value(item, elem, fmt.Sprintf("%s[%d]", path, i))
		v.Set(reflect.Append(v, elem))
	}
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.fault(path, "write key: value, one to a line", "keys are wanted")
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
		if first := seen[key.Value]; first != 0 {
			d.faultAt(key.Line, path, "remove one of the two", fmt.Sprintf("key %s stands in line %d already", field.name, first))
			continue
		}
		seen[key.Value] = key.Line
		if value.Value == "0" && field.Tag.Get("zero") == "off" {
			v.FieldByIndex(field.Index).SetZero()
			d.given[strings.TrimPrefix(path+"."+field.name, ".")] = value.Line
			continue
		}
		d.value(value, v.FieldByIndex(field.Index), strings.TrimPrefix(path+"."+field.name, "."))
	}
}
