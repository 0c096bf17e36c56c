package configs

import (
	"fmt"
	"reflect"
	"strings"
)

// Reference returns the reference of each kind of file, generated from the structs that
// read them: every key, its meaning and its default. Each part is a valid file.
func Reference() string {
	var b strings.Builder
	b.WriteString("# " + DefaultMain + ": the main file.\n")
	b.WriteString("# Every key is optional: the values shown are the defaults.\n")
	describe(&b, reflect.TypeFor[Main](), "", "")
	b.WriteString("---\n# /etc/pbxjail.d/NAME.yaml: one file, one jail.\n")
	b.WriteString("# logs and match are required; the other values shown are the defaults.\n")
	describe(&b, reflect.TypeFor[Jail](), "", "")
	b.WriteString("---\n# /etc/pbxjail/useragents.d/NAME.yaml: user agents of your own.\n")
	describe(&b, reflect.TypeFor[agentFile](), "", "")
	return b.String()
}

// describe prints the keys of t. The first one begins with dash, the others with
// blanks in its place.
func describe(b *strings.Builder, t reflect.Type, indent, dash string) {
	for i, k := range keysOf(t) {
		lead := indent + strings.Repeat(" ", len(dash))
		if indent == "" {
			b.WriteByte('\n')
		}
		comment(b, lead, k)
		if dash != "" && i == 0 {
			lead = indent + dash
		}
		fmt.Fprintf(b, "%s\n", strings.TrimRight(lead+line(k), " "))
		switch field := reflect.New(k.Type).Elem(); {
		case isLeaf(field):
		case k.Type == reflect.TypeFor[Defaults](): // its keys are those of a jail file
		case k.Type.Kind() == reflect.Struct:
			describe(b, k.Type, indent+"  ", "")
		case k.Type.Elem().Kind() == reflect.Struct && !isLeaf(reflect.New(k.Type.Elem()).Elem()):
			item(b, k, indent)
		}
	}
}

// item prints the keys of one item of the list k, as comments if the list is optional.
func item(b *strings.Builder, k key, indent string) {
	if _, ok := k.Tag.Lookup("optional"); !ok {
		describe(b, k.Type.Elem(), indent+"  ", "- ")
		return
	}
	var text strings.Builder
	describe(&text, k.Type.Elem(), indent+"  ", "- ")
	for line := range strings.Lines(text.String()) {
		b.WriteString(indent + "# " + strings.TrimPrefix(line, indent))
	}
}

// line is the key with its default or example. An example of an optional key is a comment.
func line(k key) string {
	if text, ok := k.Tag.Lookup("optional"); ok {
		return "# " + k.name + ": " + text
	}
	return k.name + ": " + k.Tag.Get("default") + k.Tag.Get("example")
}

// comment prints the documentation of k, wrapped at 90 columns.
func comment(b *strings.Builder, lead string, k key) {
	doc := k.Tag.Get("doc")
	if was := k.Tag.Get("fail2ban"); was != "" {
		doc += " (fail2ban: " + strings.Join(strings.Fields(was), ", ") + ")"
	}
	if k.Tag.Get("reload") == atRestart {
		doc += " A change takes effect at the next start."
	}
	text := ""
	for _, word := range strings.Fields(doc) {
		if text != "" && len(lead)+2+len(text)+1+len(word) > 90 {
			fmt.Fprintf(b, "%s# %s\n", lead, text)
			text = ""
		}
		text = strings.TrimPrefix(text+" "+word, " ")
	}
	fmt.Fprintf(b, "%s# %s\n", lead, text)
}
