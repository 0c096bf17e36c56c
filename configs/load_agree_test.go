package configs

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestViperReadsWhatTheCheckRead: the check knows lines, and viper decodes. A key that
// the two read differently would hold another value than the one that was checked.
func TestViperReadsWhatTheCheckRead(t *testing.T) {
	files, err := filepath.Glob("testdata/main/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseMain(file, data)
		if err != nil {
			continue // a file of a fault
		}
		want, d := defaultMain(), newDecoder(file)
		d.document(data, want)
		want.keepAsRetention(d.given)
		want.File, want.Warnings, want.logsLine = got.File, got.Warnings, got.logsLine
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: viper reads\n%+v\nthe check read\n%+v", file, got, want)
		}
		compared++
	}
	if compared < 4 {
		t.Fatalf("got %d good files, want 4 or more to compare", compared)
	}
}
