package logs

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
	"pbxjail/parsers"
)

// When a log is reported. Few lines are enough where none was ever understood; a packet
// that Asterisk dumps is many lines without a record.
const (
	blindFrom   = 20  // lines, none of which was ever a record
	blindAgain  = 200 // lines since the last record
	silentFrom  = 20  // records of its levels that other logs have had since
	silentFor   = time.Minute
	undatedFrom = 20 // events
	knownFrom   = 5  // records of a level that say that a log holds it
)

// Finding is something wrong with the logs, with the reason and what to change.
type Finding struct {
	Log   string // the path; "" where it is about no log alone
	State string // for a table: "not understood", "silent", "missing"; "security events" where it is about no log
	What  string
	Hint  string
}

// Log is a log that is followed, or waited for.
type Log struct {
	Path  string
	There bool
}

// Findings are what is wrong with the logs now: list are those that are followed.
func (f Found) Findings(list []Log, a *Accounts, now time.Time) (found []Finding) {
	for _, l := range list {
		channel, _ := f.channel(l.Path)
		account := a.Of(l.Path)
		switch {
		case !l.There && channel != nil:
			found = append(found, missing(l.Path, channel))
		case !l.There:
		case account.blind():
			found = append(found, f.notUnderstood(l.Path, account))
		default:
			if one, is := silent(l.Path, channel, a, now); is {
				found = append(found, one)
			}
		}
		if account.Undated >= undatedFrom && account.Undated*2 > account.Matched {
			found = append(found, f.undated(l.Path, account))
		}
	}
	return append(found, f.unwritten(list, a)...)
}

// channel is the channel of logger.conf that writes a log; nil: none does.
func (f Found) channel(path string) (*asterisk.Channel, *asterisk.Logging) {
	for i := range f.Asterisks {
		conf := &f.Asterisks[i]
		for k := range conf.Channels {
			if c := &conf.Channels[k]; c.Path == path && len(c.Levels) > 0 {
				return c, conf
			}
		}
	}
	return nil, nil
}

func missing(path string, c *asterisk.Channel) Finding {
	return Finding{
		Log: path, State: "missing",
		What: fmt.Sprintf("this log does not exist, so pbxjail sees no attacks in this log. By %s, Asterisk should write %s there", at(c.At), show.Word(strings.Join(c.Levels, ","), 100)),
		Hint: "run: asterisk -rx 'logger reload'; pbxjail reads the log as soon as the log exists. If there is still no log, let Asterisk write to the folder: chown asterisk " + show.Word(filepath.Dir(path), 200),
	}
}

func (a Account) blind() bool {
	return a.Records == 0 && a.Unread >= blindFrom || a.Unread >= blindAgain
}

// notUnderstood says why no line of a log is understood.
func (f Found) notUnderstood(path string, a Account) Finding {
	one := Finding{Log: path, State: "not understood"}
	lines := show.Count(int(a.Unread), "line")
	if n := parsers.HeadBehind(a.Example.Raw()); n > 0 {
		one.What = fmt.Sprintf("pbxjail understands none of the last %s: another program writes \"%s\" before each record", lines, beginning(a.Example, n))
		one.Hint = "let that program write only the record (rsyslog: a template of %msg%), or let Asterisk write the log itself: " + f.line(path)
		return one
	}
	one.What = fmt.Sprintf("none of the last %s is a record of Asterisk; one begins with \"%s\"", lines, beginning(a.Example, mostShown))
	one.Hint = "if it is the log of another program, remove its path from logs, in the main file or in /etc/pbxjail.d; otherwise let Asterisk write this log: " + f.line(path)
	return one
}

// mostShown is how much of a line that is not understood is shown.
const mostShown = 60

// beginning is the first bytes of a text, for people.
func beginning(text parsers.Text, most int) string {
	return parsers.TextOf(text.Raw()[:min(text.Len(), most, mostShown)]).Quoted()
}

// line is the line of logger.conf that would write a log.
func (f Found) line(path string) string {
	if c, _ := f.channel(path); c != nil {
		return fmt.Sprintf("%s has %s => %s", at(c.At), show.Word(c.Name, 100), show.Word(strings.Join(c.Levels, ","), 100)) + thenReload
	}
	name := filepath.Base(path)
	levels := "notice,warning,error"
	if strings.HasPrefix(name, "security") {
		levels = "security"
	}
	return fmt.Sprintf("write %s => %s below [logfiles] in %s", show.Word(name, 100), levels, f.file()) + thenReload
}

// file is logger.conf, the first where there are several.
func (f Found) file() string {
	if len(f.Asterisks) > 0 {
		return show.Word(f.Asterisks[0].File, 200)
	}
	return filepath.Join(asterisk.DefaultDir, "logger.conf")
}

const thenReload = ", then: asterisk -rx 'logger reload'"

// silent knows a log that has nothing while others of the same Asterisk have records that
// belong into it as well.
func silent(path string, c *asterisk.Channel, a *Accounts, now time.Time) (Finding, bool) {
	account := a.Of(path)
	wanted := holds(account, c)
	missed, last := a.missed(path, wanted)
	if missed < silentFrom || last.Sub(account.Last) < silentFor {
		return Finding{}, false
	}
	since := "no record since the start"
	if !account.Last.IsZero() {
		since = "no record for " + show.Brief(now.Sub(account.Last))
	}
	one := Finding{
		Log: path, State: "silent",
		What: fmt.Sprintf("%s, but other logs in the same folder got %s that should also be in this log", since, show.Count(int(missed), "record")),
		Hint: "run: asterisk -rx 'logger reload'; and write the same command below postrotate in /etc/logrotate.d/asterisk: then Asterisk begins a new file after each rotation",
	}
	if wanted[securities] {
		one.Hint += "; if security events are missing: asterisk -rx 'module load res_security_log.so'"
	}
	return one, true
}

// holds says which kinds of records a log should have: by logger.conf, or by what it had.
func holds(a Account, c *asterisk.Channel) (wanted [kinds]bool) {
	for k, level := range []string{notices: asterisk.LevelNotice, warnings: asterisk.LevelWarning, errorsKind: asterisk.LevelError, securities: asterisk.LevelSecurity} {
		if c != nil {
			wanted[k] = c.Has(level)
		} else {
			wanted[k] = a.levels[k] >= knownFrom
		}
	}
	wanted[attempts] = wanted[securities] && c != nil
	return wanted
}

// undated says that the dates of a log cannot be read.
func (f Found) undated(path string, a Account) Finding {
	one := Finding{
		Log: path, State: "no dates",
		What: fmt.Sprintf("pbxjail cannot read the dates in %s. So attempts from the time when pbxjail was stopped do not count", show.Count(int(a.Undated), "event")),
		Hint: "write dateformat=%F %T below [general] in " + f.file() + thenReload,
	}
	if _, conf := f.channel(path); conf != nil && conf.DateLine.Line > 0 {
		one.Hint = fmt.Sprintf("write dateformat=%%F %%T in place of %s, which says %s", at(conf.DateLine), show.Quoted(conf.DateFormat, 100)) + thenReload
	}
	return one
}

// unwritten says which levels Asterisk writes to no log.
func (f Found) unwritten(list []Log, a *Accounts) (found []Finding) {
	var read [kinds]uint64
	for _, l := range list {
		one := a.Of(l.Path)
		for k := range read {
			read[k] += one.levels[k]
		}
	}
	known := slices.ContainsFunc(f.Asterisks, func(l asterisk.Logging) bool { return l.Known })
	if read[securities] == 0 {
		if known {
			found = append(found, f.noChannel(asterisk.LevelSecurity, "security => security")...)
		} else if one, missed := noSecurityLog(list); missed {
			found = append(found, one)
		}
	}
	if read[notices]+read[warnings]+read[errorsKind] == 0 && known {
		found = append(found, f.noChannel(asterisk.LevelNotice, "messages => notice,warning,error")...)
	}
	return found
}

// NoLogs is what to do where Asterisk writes no log.
const NoLogs = "write 2 lines below [logfiles] in /etc/asterisk/logger.conf. Line 1: messages => notice,warning,error; line 2: security => security; then: asterisk -rx 'logger reload'"

// noChannel says for each Asterisk that it writes a level to no file.
func (f Found) noChannel(level, line string) (found []Finding) {
	for _, conf := range f.Asterisks {
		if !conf.Known || slices.ContainsFunc(conf.Channels, func(c asterisk.Channel) bool { return c.Path != "" && c.Has(level) }) {
			continue
		}
		one := Finding{State: level + " events", What: fmt.Sprintf("%s does not write %s to a file, so pbxjail does not see attacks that only these records show", show.Word(conf.File, 200), level)}
		one.Hint = fmt.Sprintf("write %s below [logfiles] in %s", line, show.Word(conf.File, 200))
		if conf.Logfiles.Line > 0 {
			one.Hint = fmt.Sprintf("write %s below the line [logfiles] (%s:%d)", line, show.Word(conf.Logfiles.File, 200), conf.Logfiles.Line-1)
		}
		one.Hint += thenReload
		for _, c := range conf.Channels {
			if c.Has(level) && !strings.EqualFold(c.Name, "console") {
				one.What = fmt.Sprintf("%s writes %s only to %s, which pbxjail does not read", at(c.At), level, show.Word(c.Name, 100))
				one.Hint += "; or write the path of the other log into the main file: logs: [PATH]; then: jailctl reload"
				break
			}
		}
		found = append(found, one)
	}
	return found
}

// noSecurityLog tells whether one of the usual logs of security events is there, if any
// is wanted. It is asked where logger.conf is not known.
func noSecurityLog(list []Log) (Finding, bool) {
	first := ""
	for _, l := range list {
		name := filepath.Base(l.Path)
		switch {
		case !strings.HasPrefix(name, "security") && name != "fail2ban":
		case l.There:
			return Finding{}, false
		case first == "" || name == "security":
			first = l.Path
		}
	}
	if first == "" {
		return Finding{}, false
	}
	return Finding{
		State: "security events",
		What:  "there is no log of security events: " + show.Word(first, 200),
		Hint:  "write security => security below [logfiles] in /etc/asterisk/logger.conf" + thenReload,
	}, true
}

// at is a line of a file, as text for people.
func at(p asterisk.Place) string { return fmt.Sprintf("%s:%d", show.Word(p.File, 200), p.Line) }
