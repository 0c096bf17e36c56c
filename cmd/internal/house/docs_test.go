package house

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pbxjail/cmd/internal/house/words/count"
)

// texts are all files that people read, slash-separated from the top.
func texts(t *testing.T) map[string]string {
	t.Helper()
	top, list := filepath.Join("..", "..", ".."), map[string]string{}
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != top && (name == ".git" || name == "testdata" || name == "bin" || name == "dist") {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".md", ".yaml", ".txt", ".sh", ".service", ".8"}, path.Ext(name)) && name != "Makefile" {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, p)
		list[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if list["README.md"] == "" || len(list) < 200 {
		t.Fatalf("got %d texts, want all: the walk is broken", len(list))
	}
	return list
}

var (
	document = regexp.MustCompile(`[\w./-]*\w\.md\b`)
	comment  = regexp.MustCompile(`(?m)^\s*//.*`)
)

// TestDocumentsThatAreCitedAreHere: a reader can open whatever a comment points to. A
// document is cited by its path from the top, from the file that cites it, or by the end of
// its path.
func TestDocumentsThatAreCitedAreHere(t *testing.T) {
	all := texts(t)
	cited := 0
	for name, text := range all {
		if strings.HasSuffix(name, "_test.go") {
			text = strings.Join(comment.FindAllString(text, -1), "\n") // strings of tests are data
		}
		for _, doc := range document.FindAllString(text, -1) {
			cited++
			if !isHere(all, name, doc) {
				t.Errorf("%s cites %s, which is not in the tree", name, doc)
			}
		}
	}
	if cited < 5 {
		t.Errorf("got %d citations, want more: the pattern is broken", cited)
	}
}

func isHere(all map[string]string, from, doc string) bool {
	if _, ok := all[path.Join(path.Dir(from), doc)]; ok {
		return true
	}
	if strings.HasPrefix(doc, "/usr/share/doc/") {
		doc = path.Base(doc) // a package puts it there
	}
	for name := range all {
		if name == doc || strings.HasSuffix(name, "/"+doc) {
			return true
		}
	}
	return false
}

func TestIsHere(t *testing.T) {
	all := map[string]string{"README.md": "", "parsers/catalogue.md": ""}
	for _, c := range []struct {
		from, doc string
		want      bool
	}{
		{"parsers/doc.go", "catalogue.md", true},
		{"jails/doc.go", "catalogue.md", true},
		{"jails/doc.go", "parsers/catalogue.md", true},
		{"a/b/x.yaml", "../../README.md", true},
		{"a/b/x.yaml", "/usr/share/doc/pbxjail/README.md", true},
		{"jails/doc.go", "logue.md", false},
		{"jails/doc.go", "jails/catalogue.md", false},
		{"a/b/x.yaml", "../README.md", false},
	} {
		if got := isHere(all, c.from, c.doc); got != c.want {
			t.Errorf("%s in %s: got %v, want %v", c.doc, c.from, got, c.want)
		}
	}
}

// avoidedWords is how many of the words that readers have to look up are left. It may only
// be made smaller: when you remove some, write the new count here.
const avoidedWords = 4

func TestAvoidedWordsBecomeFewer(t *testing.T) {
	list, err := count.Tree(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if len(list) > avoidedWords {
		t.Errorf("got %d avoided words, want at most %d: run make words, and say it with other words", len(list), avoidedWords)
	}
}

// TestReadmeStaysShort: an admin reads it in the order of an installation. Tasks are help
// pages (cmd/jailctl/help), tables of figures are in cmd/pbxlab/figures.md.
func TestReadmeStaysShort(t *testing.T) {
	const limit = 10_000
	text := texts(t)["README.md"]
	if len(text) >= limit {
		t.Errorf("README.md has %d bytes, want less than %d", len(text), limit)
	}
	last := -1
	for _, title := range []string{"## Install", "## The first ten minutes", "## Who is never banned", "## When somebody is locked out", "## How to switch it off", "## Jails", "## Evidence", "## Score", "## Figures", "## Design"} {
		at := strings.Index(text, title+"\n")
		if at <= last {
			t.Errorf("README.md: %q is missing, or comes too early", title)
		}
		last = at
	}
}
