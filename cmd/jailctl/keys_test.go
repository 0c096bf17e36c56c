package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pbxjail/configs"
)

var (
	referenceKey = regexp.MustCompile(`(?m)^[ #-]*([a-z][a-z0-9_]*):`)
	// advised is a key of a file that a message tells somebody to write.
	advised = regexp.MustCompile(`\b(?:[Ww]rite|[Ss]et) ([a-z][a-z0-9_]*): (?:\{([a-z0-9_]+):|[\["'a-z0-9/])`)
	// quoted is a word that looks like a key, in backquotes, in a page for admins.
	quoted = regexp.MustCompile("`([a-z][a-z0-9]*(?:_[a-z0-9]+)+)(?::[^`]*)?`")
)

// Every key that a message or a page names is one that a file can have: a hint that names
// another one costs an hour.
func TestNamedKeysExist(t *testing.T) {
	known := map[string]bool{}
	for _, m := range referenceKey.FindAllStringSubmatch(configs.Reference(), -1) {
		known[m[1]] = true
	}
	for _, m := range []string{"prefixes", "countries", "premium", "digits", "code", "range", "access"} { // of numbers
		known[m] = true
	}
	named := 0
	check := func(where string, keys ...string) {
		for _, key := range keys {
			if key == "" || key == "key" { // write key: value
				continue
			}
			if named++; !known[key] {
				t.Errorf("%s names the key %s, and no file has it", where, key)
			}
		}
	}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch {
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					text, _ := strconv.Unquote(lit.Value)
					for _, m := range advised.FindAllStringSubmatch(text, -1) {
						check(set.Position(lit.Pos()).String(), m[1:]...)
					}
				}
				return true
			})
		case filepath.Base(path) == "README.md":
			text, err := os.ReadFile(path)
			for _, m := range quoted.FindAllStringSubmatch(string(text), -1) {
				check(path, m[1])
			}
			return err
		}
		return nil
	})
	if err != nil || named < 15 {
		t.Errorf("got %d named keys, %v, want 15 or more", named, err)
	}
}
