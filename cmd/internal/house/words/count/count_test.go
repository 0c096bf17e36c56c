package count

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestFile(t *testing.T) {
	for _, c := range []struct {
		what, name, text string
		want             []string
	}{
		{"comment", "a.go", "// Nobody is told.\npackage a\n", []string{"nobody", "told"}},
		{"string", "a.go", "package a\n\nvar a = \"whom\"\n", []string{"whom"}},
		{"raw string", "a.go", "package a\n\nvar a = `x\nit stands`\n", []string{"stands"}},
		{"names where they are declared", "a.go", "package a\n\nfunc tellNobody() { whom := 1; _ = whom; tellNobody() }\n", []string{"nobody", "whom"}},
		{"field, parameter, loop", "a.go", "package a\n\ntype t struct{ told int }\n\nfunc (t t) f(anew int) {\n\tfor mend := range anew {\n\t\t_ = mend\n\t}\n}\n", []string{"told", "anew", "mend"}},
		{"forms", "a.md", "mended, mending, whomever", []string{"mended", "mending", "whomever"}},
		{"two words", "a.yaml", "# for\n# ever; forever is a value\n", []string{"for ever"}},
		{"two words over lines of a comment", "a.go", "package a\n\n// kept for\n// ever\n", []string{"for ever"}},
		{"parts of other words", "a.md", "recommend amend toldya outstands anewly", nil},
		{"code is not text", "a.go", "package a\n\nimport told \"fmt\"\n\nvar _ = told.Sprint\n", nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			uses, err := File(c.name, []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, u := range uses {
				got = append(got, u.Word)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTree(t *testing.T) {
	top := t.TempDir()
	for name, text := range map[string]string{
		"a/x.md": "one\nwhoever\n", "a/testdata/y.md": "nobody", ".git/z.md": "nobody", "bin/z.md": "nobody", "a/x.bin": "nobody",
	} {
		p := filepath.Join(top, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Tree(top)
	if err != nil {
		t.Fatal(err)
	}
	want := []Use{{File: "a/x.md", Line: 2, Word: "whoever", Text: "whoever"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
