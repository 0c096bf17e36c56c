package asterisk

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pbxjail/configs/hint"
)

// etc makes a folder with files, by name and text.
func etc(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shown is a Logging in one line: each file with its levels.
func shown(l Logging) string {
	list := []string{l.Dir}
	for _, c := range l.Channels {
		form := ""
		if c.JSON {
			form = "json:"
		}
		path := c.Path
		if path == "" {
			path = "-" + c.Name
		}
		list = append(list, fmt.Sprintf("%s=%s%s", path, form, strings.Join(c.Levels, "+")))
	}
	return strings.Join(list, " ")
}

func TestLogs(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"nothing": {nil, "/var/log/asterisk"},
		"as shipped": {[]string{"logger.conf", "[general]\n;dateformat=%F %T\n[logfiles]\n;debug.log => debug\nconsole => notice,warning,error\nmessages.log => notice,warning,error\n;security.log => security\n"},
			"/var/log/asterisk -console=notice+warning+error /var/log/asterisk/messages.log=notice+warning+error"},
		"astlogdir": {[]string{"asterisk.conf", "[directories]\nastlogdir => /storage/log/asterisk/\n", "logger.conf", "[logfiles]\nfull => notice,verbose(3)\n/srv/Sec.Log = security\n"},
			"/storage/log/asterisk /storage/log/asterisk/full=notice+verbose /srv/Sec.Log=security"},
		"astlogdir of a template": {[]string{"asterisk.conf", "[directories](!)\nastlogdir => /storage/log\n", "logger.conf", "[logfiles]\nfull => *\n"},
			"/var/log/asterisk /var/log/asterisk/full=*"},
		"astlogdir that is no path": {[]string{"asterisk.conf", "[directories]\nastlogdir => log\n"}, "/var/log/asterisk"},
		"host name": {[]string{"logger.conf", "[general]\nAppendHostname = yes\n[logfiles]\nfull => notice\n/srv/a => error\nconsole => error\nsyslog.local0 => security\n"},
			"/var/log/asterisk /var/log/asterisk/full.pbx=notice /srv/a.pbx=error -console=error -syslog.local0=security"},
		"no host name": {[]string{"logger.conf", "[general]\nappendhostname = no\n[logfiles]\nfull => notice\n"}, "/var/log/asterisk /var/log/asterisk/full=notice"},
		"formatters": {[]string{"logger.conf", "[logfiles]\na => [json]security\nb => [plain] notice , WARNING\nc => [default]error\nd => [broken\ne =>\n"},
			"/var/log/asterisk /var/log/asterisk/a=json:security /var/log/asterisk/b=notice+warning /var/log/asterisk/c=error /var/log/asterisk/d= /var/log/asterisk/e="},
		"FreePBX": {[]string{"logger.conf", "[general]\n#include logger_general_additional.conf\n#include logger_general_custom.conf\n[logfiles]\n#include logger_logfiles_additional.conf\n#tryinclude logger_logfiles_custom.conf\n",
			"logger_general_additional.conf", "dateformat=%F %T\nrotatestrategy=rotate\n", "logger_general_custom.conf", "", "logger_logfiles_additional.conf", "full => debug,error,notice,verbose,warning\nfail2ban => notice,security\n"},
			"/var/log/asterisk /var/log/asterisk/full=debug+error+notice+verbose+warning /var/log/asterisk/fail2ban=notice+security"},
		"a section twice, and added to": {[]string{"logger.conf", "[logfiles]\na => notice\n[other]\nb => notice\n[logfiles](+)\nc => error\n[logfiles]\nd => error\n"},
			"/var/log/asterisk /var/log/asterisk/a=notice /var/log/asterisk/c=error"},
		"standard output": {[]string{"logger.conf", "[logfiles]\n/dev/stdout => notice\n/proc/1/fd/1 => notice\n"}, "/var/log/asterisk -/dev/stdout=notice -/proc/1/fd/1=notice"},
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := Logs(etc(t, c.files...), "pbx")
			if got := shown(l); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if known := slices.Contains(c.files, "logger.conf"); l.Known != known {
				t.Errorf("got known %v, want %v", l.Known, known)
			}
		})
	}
}

// TestLogsSayWhere: a finding names file and line.
func TestLogsSayWhere(t *testing.T) {
	dir := etc(t, "logger.conf", "[general]\n#include more.conf\n\n[logfiles]\n\nfull => notice\n", "more.conf", "\ndateformat=%D\n")
	l, problems := Logs(dir, "")
	if len(problems) > 0 || l.DateFormat != "%D" || l.DateLine != (Place{dir + "/more.conf", 2}) || l.Logfiles != (Place{dir + "/logger.conf", 6}) || l.Channels[0].At.Line != 6 {
		t.Errorf("got %+v, %v", l, problems)
	}
}

// TestLoggerConfElsewhere: astetcdir holds where logger.conf is there.
func TestLoggerConfElsewhere(t *testing.T) {
	other := etc(t, "logger.conf", "[logfiles]\n#include more.conf\n", "more.conf", "full => notice\n")
	for folder, known := range map[string]bool{other: true, "/nowhere": false} {
		l, _ := Logs(etc(t, "asterisk.conf", "[directories]\nastetcdir => "+folder+"\n"), "")
		if l.Known != known || known != (len(l.Channels) == 1) {
			t.Errorf("%s: got %+v, want known %v", folder, l, known)
		}
	}
}

// TestLogsThatCannotBeRead: nothing is known then, and it is reported.
func TestLogsThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "logger.conf"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, problems := Logs(dir, "")
	if l.Known || len(problems) != 1 || hint.Of(problems[0]) == "" {
		t.Errorf("got %+v, %v", l, problems)
	}
}

// FuzzLogs eats any bytes as logger.conf: what comes out is bounded, whole paths, and all
// that is said is printable.
func FuzzLogs(f *testing.F) {
	f.Add("[general]\nappendhostname=yes\ndateformat=%F\n[logfiles]\nfull => [json]notice,verbose(3)\n/dev/stdout => *\n")
	f.Add("[logfiles](!)\na => b\n[logfiles](+)\n../../x => security\n\\;y => error\n")
	f.Add("[directories]\nastlogdir => /a/../b\nastetcdir => /\n")
	f.Fuzz(func(t *testing.T, text string) {
		dir := etc(t, "logger.conf", text, "asterisk.conf", text)
		l, problems := Logs(dir, "pbx")
		if len(l.Channels) > maxChannels || !filepath.IsAbs(l.Dir) {
			t.Fatalf("got %d channels in %q", len(l.Channels), l.Dir)
		}
		for _, c := range l.Channels {
			if c.Path != "" && (!filepath.IsAbs(c.Path) || device(c.Path)) || len(c.Levels) > maxLevels || c.At.Line < 1 {
				t.Fatalf("got %+v", c)
			}
		}
		for _, p := range problems {
			printable(t, p.Error())
			printable(t, hint.Of(p))
		}
	})
}
