package parsers

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const catalogueFile = "catalogue.md"

const catalogueHead = `# Messages of Asterisk that pbxjail reads

<!-- Generated from the rules of this package by "make catalogue". Do not edit. -->

Each row is one rule. Comments in the code cite a row by its id, such as J1. Names in angle
brackets are fields of the message; a "*" means that the sender's text goes on to the last
place where the rest of the message can follow. Evidence says how far the address can be
trusted: "proven", "seen" or "claimed". One point is one ordinary failure. The source column
says which program writes the message, in which versions (none: all), and in which file.
`

const catalogueEvents = `
## Security events

They are in records of level SECURITY, written by res_security_log.c. Each is a list of
keys in a fixed order. All begin with SecurityEvent, EventTV, Severity, Service,
EventVersion, AccountID, SessionID, LocalAddress and RemoteAddress; then come the keys
below. A key with a "*" holds text of the sender. "(no AccountID)": the event leaves it out.
The order is that of asterisk:main/security_events.c.

| event | kind | points | required | optional |
|---|---|---|---|---|
`

const catalogueMessages = `
## Messages

| id | levels | message | kind | evidence | points | source |
|---|---|---|---|---|---|---|
`

const cataloguePrograms = `
## Messages of other programs

They are read only in logs of jails that want them. Each is a line of its own. A field of the
sender ends at the last place where the rest of the message fits.

| id | program | message | kind | evidence | points | source |
|---|---|---|---|---|---|---|
`

// TestCatalogueIsCurrent compares catalogue.md with the rules. UPDATE_CATALOGUE=1 writes it.
func TestCatalogueIsCurrent(t *testing.T) {
	want := catalogue()
	if os.Getenv("UPDATE_CATALOGUE") != "" {
		if err := os.WriteFile(catalogueFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(catalogueFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the rules say: run make catalogue", catalogueFile)
	}
}

// TestCatalogueNamesEachRule fails where a table of rules is left out of the catalogue.
func TestCatalogueNamesEachRule(t *testing.T) {
	text := string(catalogue())
	for _, r := range allRules() {
		for _, m := range messagesOf(r) {
			if !strings.Contains(text, "| "+m.id+" |") {
				t.Errorf("the catalogue has no row %q", m.id)
			}
		}
	}
	for _, e := range events {
		if !strings.Contains(text, "| "+e.name+" |") {
			t.Errorf("the catalogue has no event %q", e.name)
		}
	}
}

func catalogue() []byte {
	var b bytes.Buffer
	b.WriteString(catalogueHead + catalogueEvents)
	for _, e := range events {
		required := keysOf(e.required)
		if !e.account {
			required = strings.TrimSpace("(no AccountID) " + required)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", e.name, e.kind, pointsOf(e.points), required, keysOf(e.optional))
	}
	b.WriteString(catalogueMessages)
	var messages []message
	for _, r := range allRules() {
		messages = append(messages, messagesOf(r)...)
	}
	slices.SortStableFunc(messages, func(a, b message) int { return compareIDs(a.id, b.id) })
	for _, m := range messages {
		fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s | %s | %s |\n", m.id, levelsOf(m.levels), m.text, m.kind, m.evidence, pointsOf(m.points), m.src)
	}
	b.WriteString(cataloguePrograms)
	for _, g := range programs {
		for _, r := range g.rules {
			fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s | %s | %s |\n", r.id, g.name, formText(r.form), r.kind, r.evidence, pointsOf(r.points), r.src)
		}
	}
	return b.Bytes()
}

// message is one row of the catalogue: a rule, or one of its reasons.
type message struct {
	rule
	text string
}

func messagesOf(r rule) (list []message) {
	text := formText(r.form)
	if len(r.reasons) == 0 {
		return []message{{r, text}}
	}
	for _, reason := range r.reasons {
		m := message{r, strings.Replace(text, "<reason>", reason.text, 1)}
		m.id, m.kind, m.points = reason.id, reason.kind, reason.points
		list = append(list, m)
	}
	return list
}

// compareIDs sorts by the letter, then by the number: J2 comes before J10.
func compareIDs(a, b string) int {
	a, _, _ = strings.Cut(a, " ")
	b, _, _ = strings.Cut(b, " ")
	if a[0] == b[0] && len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func formText(f form) string {
	var b strings.Builder
	for _, s := range f.steps {
		if s.field == fieldNone {
			b.Write(s.lit)
			continue
		}
		for name, field := range fieldNames {
			if field == s.field {
				star := ""
				if s.last {
					star = "*"
				}
				b.WriteString("<" + star + name + ">")
			}
		}
	}
	return b.String()
}

func keysOf(list []element) string {
	var keys []string
	for _, e := range list {
		key := e.key
		if e.free {
			key += "*"
		}
		keys = append(keys, key)
	}
	return strings.Join(keys, ", ")
}

func levelsOf(set levelSet) string {
	var names []string
	for _, l := range []struct {
		bit  levelSet
		name string
	}{{notice, "NOTICE"}, {warning, "WARNING"}, {errorly, "ERROR"}, {verbose, "VERBOSE"}} {
		if set&l.bit != 0 {
			names = append(names, l.name)
		}
	}
	return strings.Join(names, " ")
}

func pointsOf(p Points) string {
	if p == 0 {
		return "0"
	}
	return fmt.Sprintf("%g", float64(p)/float64(Point))
}
