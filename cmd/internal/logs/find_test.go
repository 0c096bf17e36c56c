package logs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pbxjail/configs"
	"pbxjail/configs/hint"
)

// etc makes a folder of Asterisk's configuration.
func etc(t *testing.T, astlogdir, logger string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"asterisk.conf": "[directories]\nastlogdir => " + astlogdir + "\n", "logger.conf": logger} {
		if text != "" {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// added are the logs that a shipped jail has beside its own.
func added(f Found, name string) []string {
	j := configs.ShippedJail(name)
	n := len(j.Logs)
	f.AddTo(j)
	return j.Logs[n:]
}

const logger = "[logfiles]\nconsole => notice\nown => notice,warning\nattacks => security\ndebug => debug,dtmf\n/srv/every[1] => *\nsyslog.local0 => notice\n"

func TestAddTo(t *testing.T) {
	f := Find([]string{etc(t, "/storage/log", logger)}, "pbx")
	if got, want := added(f, "guessing"), []string{"/storage/log/own", "/storage/log/attacks", `/srv/every\[1]`}; !slices.Equal(got[:3], want) || !slices.Contains(got, "/storage/log/messages") {
		t.Errorf("got %v, want %v and the usual names in astlogdir", got, want)
	}
	if got, want := added(f, "silent"), []string{"/storage/log/attacks", `/srv/every\[1]`}; !slices.Equal(got[:2], want) || slices.Contains(got, "/storage/log/own") {
		t.Errorf("got %v, want those with security alone", got)
	}
	if got, want := added(f, "sipsec"), []string{"/storage/log/sipsec.log"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestAddToWhatSomebodyNamed: who names logs has those.
func TestAddToWhatSomebodyNamed(t *testing.T) {
	f := Find([]string{etc(t, "/storage/log", logger)}, "pbx")
	own := configs.ShippedJail("guessing")
	own.Logs = []string{"/srv/mine"}
	other := &configs.Jail{Name: "door", Logs: []string{"/var/log/asterisk/full"}}
	f.AddTo(own)
	f.AddTo(other)
	if len(own.Logs) != 1 || len(other.Logs) != 1 {
		t.Errorf("got %v, %v", own.Logs, other.Logs)
	}
}

// TestUsualNames: without logger.conf the usual list holds, and nothing is doubled.
func TestUsualNames(t *testing.T) {
	for name, folders := range map[string][]string{"no folder": {t.TempDir() + "/none"}, "no logger.conf": {etc(t, "/var/log/asterisk", "")}, "nothing": nil} {
		if got := added(Find(folders, "pbx"), "guessing"); len(got) > 0 {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if got := added(Find([]string{etc(t, "/var/log/asterisk", "[logfiles]\nfull => notice\nmessages.log => notice\n")}, "pbx"), "guessing"); len(got) > 0 {
		t.Errorf("got %v, want no name twice", got)
	}
}

// TestManyFolders: one folder by two names is read once, and not more than some are.
func TestManyFolders(t *testing.T) {
	one := etc(t, "/storage/log", logger)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(one, link); err != nil {
		t.Fatal(err)
	}
	if f := Find([]string{one, link, one + "/"}, "pbx"); len(f.Asterisks) != 1 || len(f.Problems) > 0 {
		t.Errorf("got %+v", f)
	}
	var many []string
	for range maxFolders + 3 {
		many = append(many, etc(t, "/storage/log", logger))
	}
	f := Find(many, "pbx")
	if len(f.Asterisks) != maxFolders || len(f.Problems) != 1 || hint.Of(f.Problems[0]) == "" {
		t.Errorf("got %d, %v", len(f.Asterisks), f.Problems)
	}
	if got := added(Find([]string{etc(t, "/a", "[logfiles]\n"+strings.Repeat("x => notice\n", 60))}, ""), "guessing"); len(got) > maxLogs {
		t.Errorf("got %d logs", len(got))
	}
}
