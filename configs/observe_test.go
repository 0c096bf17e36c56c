package configs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestSetObserve(t *testing.T) {
	for _, c := range []struct {
		name, text string
		to         bool
		want       string // "": refused, and the file is as it was
	}{
		{"switched off", "# why\nobserve: true  # for a week\nlog_format: json\n", false, "# why\nobserve: false  # for a week\nlog_format: json\n"},
		{"switched on", "observe: false\n", true, "observe: true\n"},
		{"as it is", "observe: false\n", false, "observe: false\n"},
		{"not there", "log_format: json", false, "log_format: json\nobserve: false\n"},
		{"an empty file is bad", "", true, ""},
		{"in a comment only", "#observe: true\n", false, "#observe: true\nobserve: false\n"},
		{"no value", "observe:\n", false, "observe: false\n"},
		{"a bad file stays", "obserf: true\n", false, ""},
		{"quoted key", "\"observe\": true\n", false, ""},
		{"flow form", "{observe: true}\n", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "pbxjail.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o640); err != nil {
				t.Fatal(err)
			}
			err := SetObserve(path, c.to)
			got, _ := os.ReadFile(path)
			switch {
			case c.want == "" && (err == nil || string(got) != c.text):
				t.Errorf("error %v, the file holds %q", err, got)
			case c.want != "" && (err != nil || string(got) != c.want):
				t.Errorf("error %v, the file holds %q", err, got)
			}
			if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 {
				t.Errorf("mode %v", info.Mode())
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".pbxjail*")); left != nil {
				t.Errorf("left behind: %v", left)
			}
		})
	}
	if err := SetObserve(filepath.Join(t.TempDir(), "none"), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}
