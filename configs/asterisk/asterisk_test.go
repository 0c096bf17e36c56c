package asterisk

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pbxjail/configs/hint"
)

var update = flag.Bool("update", false, "write what is got into the golden files: read the diff before you commit it")

// story tells what Read returns, one line each.
func story(trusts []Trust, problems []error) string {
	var b strings.Builder
	for _, t := range trusts {
		who := t.Host
		if who == "" {
			who = t.Prefix.String()
		}
		fmt.Fprintf(&b, "%s | %s | %s:%d\n", who, t.Why, filepath.ToSlash(t.File), t.Line)
	}
	for _, err := range problems {
		fmt.Fprintf(&b, "problem: %v | %s\n", err, hint.Of(err))
	}
	return b.String()
}

// Each folder is one configuration; its file "want" tells what it says.
func TestRead(t *testing.T) {
	folders, err := filepath.Glob("testdata/*/want")
	if *update {
		folders, err = filepath.Glob("testdata/*/*.conf")
	}
	if err != nil || len(folders) < 15 {
		t.Fatalf("got %d folders, %v", len(folders), err)
	}
	for _, folder := range folders {
		folder = filepath.Dir(folder)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			got := story(Read(folder))
			golden := filepath.Join(folder, "want")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	if _, err := os.Stat("testdata/was-run"); err == nil {
		t.Error("an #exec was run")
	}
}
