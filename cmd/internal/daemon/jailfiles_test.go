package daemon

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pbxjail/configs"
	"pbxjail/jails"
)

// At the start a bad file leaves the shipped jail of its name in force; one that was
// switched off stays off, whatever its file says later.
func TestBadFileAtStart(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	find := func(f *jailFiles, name string) *jails.Jail {
		for _, j := range f.list() {
			if j.Name == name {
				return j
			}
		}
		return nil
	}
	write("guessing.yaml", "maxretries: 1\n")
	write("scanning.yaml", "enabled: false\n")
	write("door.yaml", "maxretries: 1\n")
	var text ownLog
	f := newJailFiles(slog.New(slog.NewTextHandler(&text, nil)))
	f.load(&configs.Main{Jails: dir})
	if find(f, "guessing") == nil || find(f, "scanning") != nil || find(f, "door") != nil {
		t.Errorf("got %v, want guessing, and neither scanning nor door", f.list())
	}
	if got := text.String(); !strings.Contains(got, "the shipped jail of this name runs instead\" jail=guessing") || f.refused()["guessing"] == nil {
		t.Errorf("it is not said: %s", got)
	}
	write("scanning.yaml", "enabld: false\n")
	f.load(&configs.Main{Jails: dir})
	if find(f, "scanning") != nil {
		t.Error("got a jail that was switched off, by a bad file")
	}
}
