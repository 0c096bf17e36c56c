package parsers

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// A citation names who writes a text, where need be in which versions, and
// where: "asterisk 13, 15-20:res/res_x.c:12, function". No end of the versions
// means that the last one has it too.
var (
	citation  = regexp.MustCompile(`^(?:asterisk|pjproject|freepbx/core|pbxjail)(?: ` + versionPart + `(?:, ` + versionPart + `)*)?:[\w./-]+\.(?:c|h|php|go)(?::\d+)?(?:, [\w-]+)?$`)
	mention   = regexp.MustCompile(`\b(?:asterisk|pjproject|fail2ban)(?: [\d.][\d., -]*)?:\S*`)
	mentioned = regexp.MustCompile(`^\w+(?: ` + versionPart + `(?:, ` + versionPart + `)*)?:[\w./-]+\.(?:c|h|php|conf)(?::\d+)?(?:, \d+)*[),.;:]*$`)
)

const versionPart = `(?:\d+(?:\.\d+)?-?(?:\d+(?:\.\d+)?)?|-\d+(?:\.\d+)?)`

// allRules are the tables of rules.go, whatever their number.
func allRules() []rule {
	var all []rule
	table := reflect.ValueOf(*builtin)
	for i := range table.NumField() {
		list := table.Field(i)
		for n := range list.Len() {
			all = append(all, *(*rule)(list.Index(n).Addr().UnsafePointer()))
		}
	}
	return all
}

func TestEveryRuleCitesItsSource(t *testing.T) {
	if len(allRules()) < 40 {
		t.Fatalf("got %d rules, want all of them", len(allRules()))
	}
	for _, l := range allRules() {
		if !citation.MatchString(l.src) {
			t.Errorf("%s: got source %q, want one like %q", l.id, l.src, "asterisk 13, 15-20:res/res_x.c:12, function")
		}
	}
}

func TestCitationsInComments(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range tree.Comments {
			for _, text := range mention.FindAllString(group.Text(), -1) {
				found++
				if !mentioned.MatchString(text) {
					t.Errorf("%s: got citation %q, want one like %q", set.Position(group.Pos()), text, "asterisk 11-:main/x.c:12")
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("got %d citations, want at least 10: the test reads nothing", found)
	}
}

// TestSmallFiles: no source of this room is longer than one sitting.
func TestSmallFiles(t *testing.T) {
	files, _ := filepath.Glob("*.go")
	for _, name := range files {
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if n := set.File(tree.Pos()).LineCount(); n > 400 {
			t.Errorf("%s: got %d lines, want at most 400", name, n)
		}
	}
}
