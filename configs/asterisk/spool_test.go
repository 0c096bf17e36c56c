package asterisk

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestSpool(t *testing.T) {
	dir := t.TempDir()
	if folder, file := Spool(dir); folder != DefaultSpool || file != "" {
		t.Errorf("got %s of %q without a file", folder, file)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("asterisk.conf", "[directories](!)\nastdbdir => /srv/db\nastspooldir => /srv/spool/\nastlogdir => /srv/log\n[options]\nastspooldir => /no\n")
	if folder, file := Spool(dir); folder != "/srv/spool" || file != filepath.Join(dir, "asterisk.conf") {
		t.Errorf("got %s of %s", folder, file)
	}
	if got := Database(dir); got != "/srv/db/astdb.sqlite3" {
		t.Errorf("got database %s", got)
	}
}

func TestRecordingFolders(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"none", "asterisk/extensions_additional.conf", "[globals]\nMIXMON_DIR = \nMIXMON_FORMAT = wav\n", ""},
		{"dialplan", "asterisk/extensions_additional.conf", "[globals]\n#include globals_custom.conf\nMIXMON_DIR = /srv/rec/\n[x]\nMIXMON_DIR = /no\nexten => s,1,Set(MIXMON_DIR=/no)\n", "/srv/rec"},
		{"custom", "asterisk/globals_custom.conf", "MIXMON_DIR = /srv/own/\n", "/srv/own"},
		{"amportal", "amportal.conf", "# x\nASTSPOOLDIR=/var/spool/asterisk\nMIXMON_DIR=/srv/old\n", "/srv/old"},
		{"relative", "amportal.conf", "MIXMON_DIR=../etc\n", ""},
		{"a word like it", "amportal.conf", "XMIXMON_DIR=/srv/no\n", ""},
	} {
		top := t.TempDir()
		path := filepath.Join(top, c.file)
		if err := os.MkdirAll(filepath.Join(top, "asterisk"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		want := "[]"
		if c.want != "" {
			want = fmt.Sprint([]Recordings{{c.want, path}})
		}
		if got := fmt.Sprint(RecordingFolders(filepath.Join(top, "asterisk"))); got != want {
			t.Errorf("%s: got %s, want %s", c.name, got, want)
		}
	}
}
