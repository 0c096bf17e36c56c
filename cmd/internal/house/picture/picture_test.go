package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree writes a source tree and returns its top.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	top := t.TempDir()
	for name, text := range files {
		p := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

func TestRead(t *testing.T) {
	rooms, err := read(tree(t, map[string]string{
		"go.mod":              "module house\n\ngo 1.26\n",
		"a/one.go":            "package a\n\nimport \"house/b\"\n\ntype T struct{ field b.B }\n\nfunc (t T) use() { helper(); helper(); t.field.Do(local) }\n",
		"a/two.go":            "package a\n\nconst local = 1\n\nfunc helper() {}\n",
		"a/three.go":          "package a\n\nfunc third(t T) { helper := 1; _ = helper; t.use() }\n",
		"a/three_test.go":     "package a\n\nfunc fourth() { helper() }\n",
		"b/b.go":              "package b\n\nimport \"os\"\n\ntype B struct{}\n\nfunc (B) Do(int) { os.Exit(1) }\n",
		"b/testdata/other.go": "no Go at all\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if len(rooms) != 2 || rooms[0].name != "a" || rooms[1].name != "b" {
		t.Fatalf("got %v", rooms)
	}
	if a := rooms[0]; len(a.imports) != 1 || a.imports[0] != "b" || a.files != 3 {
		t.Errorf("got %+v", a)
	}
	// three.go has a variable of its own that is called helper: no arrow to two.go.
	want := map[arrow]bool{{"one.go", "two.go"}: true, {"three.go", "one.go"}: true}
	if !maps.Equal(rooms[0].arrows, want) {
		t.Errorf("got %v, want %v", rooms[0].arrows, want)
	}
	if b := rooms[1]; len(b.imports)+len(b.arrows) != 0 || b.lines != 7 {
		t.Errorf("got %+v", b)
	}
	var out bytes.Buffer
	draw(&out, rooms)
	for _, line := range []string{"a -> b\n", "together: 2 packages, 1 arrows"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("got %s, want a line %q", out.String(), line)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"no go.mod": {"a.go": "package a\n"},
		"no module": {"go.mod": "go 1.26\n"},
		"no Go":     {"go.mod": "module house\n", "a.go": "what is this?\n"},
	} {
		if rooms, err := read(tree(t, files)); err == nil {
			t.Errorf("%s: got %v", name, rooms)
		}
	}
}
