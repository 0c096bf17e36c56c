package configs

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pbxjail/configs/ports"
	"pbxjail/configs/show"
)

// Setting is one value of a jail, and where it comes from.
type Setting struct {
	Key   string // such as evidence.max_bantime.seen
	Value string // as a file has it, in one line; "" where nothing is set
	From  Origin
}

// Settings are all values of a jail, in the order of the reference. Samples are counted.
func (j *Jail) Settings() []Setting { return j.settings(reflect.ValueOf(j).Elem(), "") }

func (j *Jail) settings(v reflect.Value, path string) (list []Setting) {
	for _, k := range keysOf(v.Type()) {
		field, at := v.FieldByIndex(k.Index), strings.TrimPrefix(path+"."+k.name, ".")
		if field.Kind() == reflect.Struct && !isLeaf(field) {
			list = append(list, j.settings(field, at)...)
			continue
		}
		s := Setting{at, inLine(k, field), j.origin(at)}
		if at == "samples" {
			s.Value = show.Count(field.Len(), "line")
		}
		list = append(list, s)
	}
	return list
}

func (j *Jail) origin(path string) Origin {
	if o, ok := j.from[path]; ok {
		return o
	}
	return Origin{Layer: FromBuiltIn}
}

// Text returns the jail as a complete jail file, with a comment that says where each setting
// comes from. Reading it again gives the same jail.
func (j *Jail) Text() string {
	var b strings.Builder
	j.write(&b, reflect.ValueOf(j).Elem(), "", "")
	return b.String()
}

func (j *Jail) write(b *strings.Builder, v reflect.Value, path, indent string) {
	for _, k := range keysOf(v.Type()) {
		field, at := v.FieldByIndex(k.Index), strings.TrimPrefix(path+"."+k.name, ".")
		switch {
		case field.Kind() == reflect.Struct && !isLeaf(field):
			fmt.Fprintf(b, "%s%s:\n", indent, k.name)
			j.write(b, field, at, indent+"  ")
		case inLine(k, field) == "":
			fmt.Fprintf(b, "%s# %s is not set\n", indent, k.name)
		case field.Kind() == reflect.Slice && field.Len() > 0:
			fmt.Fprintf(b, "%s%s: # %s\n", indent, k.name, j.origin(at))
			for i := range field.Len() {
				fmt.Fprintf(b, "%s  - %s\n", indent, itemText(field.Index(i)))
			}
		default:
			fmt.Fprintf(b, "%s%s: %s # %s\n", indent, k.name, inLine(k, field), j.origin(at))
		}
	}
}

// inLine is a value as one line of a file; "" for an optional value that was left out.
func inLine(k key, v reflect.Value) string {
	if _, optional := k.Tag.Lookup("optional"); optional && v.IsZero() {
		return ""
	}
	if v.Kind() != reflect.Slice {
		return valueText(v)
	}
	var items []string
	for i := range v.Len() {
		items = append(items, itemText(v.Index(i)))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// itemText is one item of a list.
func itemText(v reflect.Value) string {
	if isLeaf(v) {
		return valueText(v)
	}
	var parts []string
	for _, k := range keysOf(v.Type()) {
		field := v.FieldByIndex(k.Index)
		if text := valueText(field); !field.IsZero() || field.Type() == reflect.TypeFor[netip.Addr]() {
			parts = append(parts, k.name+": "+text)
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// valueText is the text that setLeaf reads as v.
func valueText(v reflect.Value) string {
	switch p := v.Interface().(type) {
	case string:
		return yamlText(p)
	case time.Duration:
		return show.Duration(p)
	case Size:
		return p.String()
	case Points:
		return strconv.FormatFloat(float64(p)/1000, 'f', -1, 64)
	case netip.Addr:
		if !p.IsValid() {
			return `"-"`
		}
		return quoteColon(p.String())
	case netip.Prefix:
		return quoteColon(show.Address(p))
	case ASN:
		return fmt.Sprintf("%d=%s", p.Number, strconv.FormatFloat(p.Factor, 'f', -1, 64))
	case TrapName:
		if allDigits.MatchString(string(p)) {
			return string(p)
		}
		return yamlText(string(p))
	case PortWord:
		if p.Word != "" {
			return p.Word
		}
		return p.Range.String()
	case ports.Range:
		return p.String()
	}
	return fmt.Sprint(v.Interface())
}

// plainYAML is text that needs no quotes in YAML, also not in a list. Words that YAML does
// not read as text, such as yes, are handled in yamlText.
var plainYAML = regexp.MustCompile(`^[A-Za-z_/.][A-Za-z0-9_/.-]*$`)

// yamlText is text as a value of YAML.
func yamlText(text string) string {
	words := []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n", ".inf", ".nan"}
	switch {
	case plainYAML.MatchString(text) && !slices.Contains(words, strings.ToLower(text)):
		return text
	case !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }):
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return show.Quoted(text, len(text))
}

// quoteColon puts an IPv6 address in quotes: YAML may read the colon as the end of a key.
func quoteColon(text string) string {
	if strings.Contains(text, ":") {
		return "'" + text + "'"
	}
	return text
}
