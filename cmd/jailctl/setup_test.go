package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"pbxjail/cmd/internal/survey"
	"pbxjail/configs/asterisk"
)

func TestSetupWritesSecurityLine(t *testing.T) {
	for _, c := range []struct {
		name   string
		logger string // logger.conf
		custom string // what a web interface leaves to the admin; "-": there is none
		gui    bool
		want   string // the file that is changed, as it is then; "": none, with advice; "=": nothing to do
	}{
		{"plain", "[general]\n[logfiles]\nconsole => notice\nmessages => notice,warning,error\n", "-", false, "[general]\n[logfiles]\nsecurity => security\nconsole => notice\nmessages => notice,warning,error\n"},
		{"written already", "[logfiles]\nfull => notice,security\n", "-", false, "="},
		{"to the console only", "[logfiles]\nconsole => security\n", "-", false, "[logfiles]\nsecurity => security\nconsole => security\n"},
		{"every level", "[logfiles]\nfull => *\n", "-", false, "="},
		{"no log at all", "[general]\ndateformat=%F %T\n", "-", false, ""},
		{"a web interface", "[logfiles]\nfull => notice\n", "; mine", true, "; mine\nsecurity => security\n"},
		{"a web interface without the admin's file", "[logfiles]\nfull => notice\n", "-", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "logger.conf")
			write(t, file, c.logger)
			changed, before := file, c.logger
			p := &setupPlan{Found: survey.Found{Asterisk: "20.6.0", Generated: c.gui}}
			if c.gui {
				changed, before = filepath.Join(dir, "custom.conf"), c.custom
				p.Found.Custom = changed
				if c.custom != "-" {
					write(t, changed, c.custom)
				}
			}
			l, problems := asterisk.Logs(dir, "pbx")
			if problems != nil {
				t.Fatal(problems)
			}
			p.loggerSteps(l)
			switch {
			case c.want == "=":
				if p.Steps != nil || p.Advice != nil {
					t.Errorf("steps %v, advice %v", p.Steps, p.Advice)
				}
				return
			case c.want == "":
				if p.Steps != nil || len(p.Advice) != 1 || !strings.Contains(p.Advice[0], file) {
					t.Errorf("steps %v, advice %v", p.Steps, p.Advice)
				}
				return
			case len(p.Steps) != 1:
				t.Fatalf("steps %v, advice %v", p.Steps, p.Advice)
			}
			if err := p.Steps[0].do(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(changed); string(got) != c.want {
				t.Errorf("%s holds %q", changed, got)
			}
			if kept, _ := os.ReadFile(changed + backupSuffix); string(kept) != before {
				t.Errorf("the copy holds %q", kept)
			}
			if l, _ := asterisk.Logs(dir, "pbx"); !c.gui && !writesSecurity(l) {
				t.Error("Asterisk would write no security events")
			}
		})
	}
}

// The user of Asterisk owns the folder of logger.conf, and setup is root: what he puts in the
// place of the file, before or after it is opened, is not written.
func TestSetupWritesNoOtherFile(t *testing.T) {
	const victim, mine = "root::0:0\n", "[logfiles]\nfull => notice\n"
	for name, put := range map[string]func(other, path string) error{
		"a link":      os.Symlink,
		"a hard link": os.Link,
		"a pipe":      func(_, path string) error { return unix.Mkfifo(path, 0o600) },
		"a folder":    func(_, path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			other, path := filepath.Join(dir, "shadow"), filepath.Join(dir, "logger.conf")
			write(t, other, victim)
			write(t, path, mine)
			f, err := openSettings(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			held := filepath.Join(dir, "held")
			if err := errors.Join(os.Rename(path, held), put(other, path)); err != nil {
				t.Fatal(err)
			}
			if err := insertInto(f, 2, securityLine); err != nil {
				t.Error(err)
			}
			if got, _ := os.ReadFile(held); string(got) != "[logfiles]\n"+securityLine+"\nfull => notice\n" {
				t.Errorf("the file that was opened holds %q", got)
			}
			if err := insertLine(path, 2, securityLine); err == nil {
				t.Error("it was written")
			}
			if got, _ := os.ReadFile(other); string(got) != victim {
				t.Errorf("the other file holds %q", got)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
}
