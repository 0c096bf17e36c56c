package asterisk

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDatabase(t *testing.T) {
	for text, want := range map[string]string{
		"": "/var/lib/asterisk/astdb.sqlite3",
		"[directories](!)\nastetcdir => /etc/asterisk\nastdbdir => /srv/asterisk\n": "/srv/asterisk/astdb.sqlite3",
		"[directories]\nastdbdir = /srv/pbx ; ours\n":                               "/srv/pbx/astdb.sqlite3",
		"[options]\nastdbdir => /elsewhere\n":                                       "/var/lib/asterisk/astdb.sqlite3",
		"[directories]\nastdbdir => relative\n":                                     "/var/lib/asterisk/astdb.sqlite3",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "asterisk.conf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Database(dir); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	if got := Database(t.TempDir()); got != "/var/lib/asterisk/astdb.sqlite3" {
		t.Errorf("no file: got %s", got)
	}
}
