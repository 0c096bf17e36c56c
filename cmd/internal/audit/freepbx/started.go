package freepbx

import (
	"fmt"
	"slices"
	"strings"

	"pbxjail/cmd/internal/audit"
	"pbxjail/cmd/internal/findings"
	"pbxjail/configs/show"
)

// Files whose lines run by themselves. A user without rights may not read some of them.
var startFiles = []string{
	"/etc/crontab", "/etc/anacrontab", "/etc/rc.local", "/etc/rc.d/rc.local", "/etc/profile", "/etc/bashrc", "/etc/bash.bashrc",
	"/root/.bashrc", "/root/.bash_profile", "/root/.profile", "/var/lib/asterisk/.bashrc", "/var/lib/asterisk/.bash_profile", "/home/asterisk/.bashrc",
}

// startFolders are folders of such files.
var startFolders = []string{
	"/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly", "/etc/cron.monthly", "/etc/profile.d",
	"/var/spool/cron", "/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/etc/asterisk/startup.d",
}

const (
	mostStarts = 256 // files of one folder
	mostLines  = 20_000
)

// started looks at the lines of cron, of start scripts and of log-ins.
func started(m *audit.Machine) (list []findings.Finding) {
	if _, other := look(m); other != nil {
		return nil // the first check says it
	}
	known, looked := knownSigns(), 0
	var sure, maybe []string
	var unread []string
	var failed error
	miss := func(name string, err error) {
		if !missing(err) && len(unread) < mostUnread {
			unread, failed = append(unread, name), err
		}
	}
	names := slices.Clone(startFiles)
	for _, folder := range startFolders {
		w := &walker{m: m}
		if err := w.entriesOf(folder, func(e fsEntry) {
			if !e.IsDir() && len(names) < len(startFiles)+len(startFolders)*mostStarts {
				names = append(names, folder+"/"+e.Name())
			}
		}); err != nil {
			miss(folder, err)
		}
	}
	for _, name := range names {
		text, err := m.Read(name, mostConf)
		if err != nil {
			miss(name, err)
			continue
		}
		looked++
		s, h := judgeLines(known, name, string(text))
		sure, maybe = append(sure, s...), append(maybe, h...)
	}
	rows, err := ask(m, "SELECT CONCAT(modulename,'/',jobname), command FROM cron_jobs LIMIT 500")
	for _, row := range rows {
		if len(row) < 2 || row[1] == "" {
			continue
		}
		if what, known := known.judgeCommand(row[1]); what != "" {
			line := fmt.Sprintf("database, cron_jobs %s: it %s: %s", show.Word(row[0], 80), what, show.Flat(row[1], 120))
			if known {
				sure = append(sure, line)
			} else {
				maybe = append(maybe, line)
			}
		}
	}
	list = startFindings(known, sure, maybe)
	if failed != nil {
		f := m.Unseen("cron", "what all files of cron, of the start and of log-ins run", failed)
		f.Evidence = unread
		list = append(list, f)
	}
	if err != nil && !missing(err) {
		list = append(list, unseenTable(m, "cron", "which jobs FreePBX itself runs (table cron_jobs)", err))
	}
	if len(sure)+len(maybe) == 0 && looked > 0 {
		list = append(list, audit.OK("cron", "%s of cron, of the start and of log-ins: no line runs what an attacker leaves (known on %s)", show.Count(looked, "file"), known.Date))
	}
	return list
}

// judgeLines are the lines of a file that run something of an attacker, and those that may.
func judgeLines(known signs, name, text string) (sure, maybe []string) {
	at := 0
	for line := range strings.Lines(text) {
		if at++; at > mostLines {
			break
		}
		what, certain := known.judgeCommand(strings.TrimSpace(line))
		if what == "" {
			continue
		}
		one := fmt.Sprintf("%s:%d: it %s: %s", named(name), at, what, show.Flat(strings.TrimSpace(line), 120))
		if certain {
			sure = append(sure, one)
		} else {
			maybe = append(maybe, one)
		}
	}
	return sure, maybe
}

func startFindings(known signs, sure, maybe []string) (list []findings.Finding) {
	if len(sure) > 0 {
		list = append(list, findings.Finding{
			About: "cron", Severity: findings.Broken, What: "somebody broke in: this machine starts programs of a known attack by itself",
			Evidence: sure, References: known.Sources[:2], Hint: afterBreakIn,
		})
	}
	if len(maybe) > 0 {
		list = append(list, findings.Finding{
			About: "cron", Severity: findings.Risky, What: "this machine starts programs by itself in a way that attackers use. Who changes the other machine, or the file, runs commands here",
			Evidence: maybe, References: known.Sources[:2],
			Hint: "look at these lines. If you do not know who wrote one of them, somebody broke in; else store the program on this machine, and run the stored file",
		})
	}
	return list
}
