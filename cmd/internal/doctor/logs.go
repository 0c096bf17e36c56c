package doctor

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/findings"
	"pbxjail/cmd/internal/logs"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/show"
)

// followed says of each log that exists when it last had a line. What the daemon reports of
// a log is in the list already.
func followed(e *Env) (list []findings.Finding) {
	if e.Status == nil {
		return nil
	}
	there := 0
	for _, f := range e.Status.Files {
		if f.Problem == control.NotThere {
			continue
		}
		there++
		about := "log " + f.Path
		if f.Problem != "" {
			one := findings.Finding{About: about, Severity: findings.Blind, What: "pbxjail cannot read this log, so it sees no attacks in it: " + f.Problem, Hint: "let the user pbxjail read this log: setfacl -m u:pbxjail:r " + f.Path + "; if this does not help, see the log of pbxjail: journalctl -u pbxjail"}
			if i := slices.IndexFunc(e.Status.Problems, func(p control.Problem) bool { return p.About == about }); i >= 0 {
				one.Hint = e.Status.Problems[i].Hint
			}
			list = append(list, one)
			continue
		}
		last := "no line yet"
		if f.LastLine != nil {
			last = fmt.Sprintf("last line %s, %s, %s", show.Ago(*f.LastLine, e.Now), show.Count(int(f.Lines), "line"), show.Count(int(f.Records), "record"))
		}
		if !slices.ContainsFunc(e.Status.Problems, func(p control.Problem) bool { return p.About == about }) {
			list = append(list, well(about, "%s", cmp.Or(f.Finding, last)))
		}
	}
	if there == 0 {
		list = append(list, findings.Finding{
			About: "logs", Severity: findings.Blind, What: "no log of Asterisk exists, so pbxjail sees no attacks in logs",
			Hint: logs.NoLogs,
		})
	}
	return list
}

// loggerReload makes Asterisk read logger.conf again.
const loggerReload = "asterisk -rx 'logger reload'"

// securityChannel says for each Asterisk that it writes no security events, and what that
// costs.
func securityChannel(e *Env) (list []findings.Finding) {
	for _, l := range e.Logs.Asterisks {
		writes := func(c asterisk.Channel) bool { return c.Path != "" && c.Has(asterisk.LevelSecurity) }
		if !l.Known || slices.ContainsFunc(l.Channels, writes) {
			continue
		}
		f := findings.Finding{
			About: "security events", Severity: findings.Blind,
			What: show.Word(l.File, 200) + " writes no security events to a file. Without these events, the logs do not show which phones log in, and where from. " +
				"The jail silent does not work, and pbxjail cannot recognize forged records by comparing two logs",
		}
		if e.readsPackets() {
			f.What += ". pbxjail reads packets too: these show a part of this, but not what is encrypted with TLS"
		}
		for _, c := range l.Channels {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s: %s => %s", where(c.At), show.Flat(c.Name, 100), show.Flat(strings.Join(c.Levels, ","), 100)))
		}
		if i := slices.IndexFunc(l.Channels, func(c asterisk.Channel) bool {
			return c.Has(asterisk.LevelSecurity) && !strings.EqualFold(c.Name, "console")
		}); i >= 0 {
			f.What = fmt.Sprintf("%s writes security events only to %s, which pbxjail does not read", where(l.Channels[i].At), show.Word(l.Channels[i].Name, 100))
			f.Hint = "write the path of that file into the main file: logs: [PATH]; or let Asterisk write security events to a file of their own"
		}
		f.Fix = []findings.Step{findings.Write("below [logfiles] in "+e.loggerPlace(l), "security => security"), findings.Command(loggerReload)}
		list = append(list, f)
	}
	return list
}

// loggerPlace is the file to write a channel into: where a web interface generates
// logger.conf, the one that it leaves to the admin.
func (e *Env) loggerPlace(l asterisk.Logging) string {
	if e.Found.Generated && e.Found.Custom != "" {
		return e.Found.Custom
	}
	return show.Word(cmp.Or(l.Logfiles.File, l.File), 200)
}

// jsonFormat says where no log keeps the text of callers inside its record, and where a JSON
// log drops what is not UTF-8.
func jsonFormat(e *Env) (list []findings.Finding) {
	if version := e.major(); version != 0 && version < 14 { // asterisk:main/logger.c has had it since 14
		return nil
	}
	for _, l := range e.Logs.Asterisks {
		var plain, structured []asterisk.Channel
		for _, c := range l.Channels {
			switch {
			case c.Path == "" || !slices.ContainsFunc([]string{asterisk.LevelNotice, asterisk.LevelSecurity}, c.Has):
			case c.JSON:
				structured = append(structured, c)
			default:
				plain = append(plain, c)
			}
		}
		switch {
		case len(plain) > 0 && len(structured) == 0:
			list = append(list, findings.Finding{
				About: "json", Severity: findings.Note,
				What: "no log has the [json] format. In a plain log, a caller can write text that looks like a record. pbxjail gives no points for such doubtful records, and so it misses some attacks. You need do nothing: no wrong address is banned",
				Hint: "to see these attacks too: below [logfiles] in " + e.loggerPlace(l) + ", write: full.json => [json]notice,warning,error,security; then: " + loggerReload,
			})
		case len(plain) == 0 && len(structured) > 0:
			list = append(list, findings.Finding{
				About: "json", Severity: findings.Risky,
				What:     "all logs have the [json] format. Asterisk does not write a record there if the text is not UTF-8. With such a user name an attacker is in no log",
				Evidence: channelLines(structured),
				Fix:      []findings.Step{findings.Write("below [logfiles] in "+e.loggerPlace(l), "messages => notice,warning,error", "security => security"), findings.Command(loggerReload)},
			})
		}
	}
	return list
}

func channelLines(list []asterisk.Channel) (lines []string) {
	for _, c := range list {
		format := ""
		if c.JSON {
			format = "[json]"
		}
		lines = append(lines, fmt.Sprintf("%s: %s => %s%s", where(c.At), show.Flat(c.Name, 100), format, show.Flat(strings.Join(c.Levels, ","), 100)))
	}
	return lines
}

// usualQueue is the limit of asterisk:main/logger.c where logger.conf names none.
const usualQueue = 1000

var (
	discardedForm = regexp.MustCompile(`Logging resumed\.\s+(\d+) messages? discarded`)
	exceededForm  = regexp.MustCompile(`^\[[^\]]*\] WARNING\[[^\]]*\](?:\[[^\]]*\])?:? .*?Log queue threshold \(\d+\) exceeded`)
)

// loggerQueue says where Asterisk discards records: what pbxjail reads goes first, since
// warnings and errors are kept.
func loggerQueue(e *Env) (list []findings.Finding) {
	for _, folder := range e.Folders {
		sections, _ := asterisk.Sections(folder, "logger.conf", "logger_queue_limit")
		for _, s := range sections {
			set, found := s.Last("logger_queue_limit")
			n, err := strconv.Atoi(set.Value)
			if !found || err != nil || n >= usualQueue || !strings.EqualFold(s.Name, "general") {
				continue
			}
			list = append(list, findings.Finding{
				About: "logger queue", Severity: findings.Risky,
				What:     fmt.Sprintf("Asterisk discards log records when more than %d of them wait. Notices and security events go first. So pbxjail does not see all attempts in a flood", n),
				Evidence: []string{fmt.Sprintf("%s: logger_queue_limit = %d; without the line it is %d", where(set.At), n, usualQueue)},
				Fix:      []findings.Step{findings.Write("in place of "+where(set.At), "logger_queue_limit = 10000"), findings.Command(loggerReload)},
			})
		}
	}
	for _, t := range e.Tails {
		for _, r := range e.recent(t) {
			if discardedForm.MatchString(r.text) || exceededForm.MatchString(r.text) {
				list = append(list, findings.Finding{
					About: "logger queue", Severity: findings.Blind, What: "Asterisk discarded log records in the last minutes, so pbxjail did not see all attempts",
					Evidence: []string{show.Word(t.Path, 200) + ": " + show.Flat(r.text, 160)},
					Fix:      []findings.Step{findings.Write("below [general] in /etc/asterisk/logger.conf", "logger_queue_limit = 10000"), findings.Command(loggerReload)},
				})
				break
			}
		}
	}
	return list
}

// record is a line of a log that begins a record, with its date.
type record struct {
	text string
	at   time.Time
}

// lately is how old a record may be that shows how Asterisk is set now.
const lately = 5 * time.Minute

// recent are the last records of a log that are not old. A record whose date cannot be read
// counts when the log was written lately.
func (e *Env) recent(t Tail) (list []record) {
	for _, r := range t.records(e.zone()) {
		at := r.at
		if at.IsZero() {
			at = t.Written
		}
		if e.Now.Sub(at) <= lately {
			list = append(list, r)
		}
	}
	return list
}

// zone is the one in which the daemon reads dates. The shell of an admin may have another.
func (e *Env) zone() *time.Location {
	if e.Status == nil || e.Status.ZoneOffset == nil {
		return e.Now.Location()
	}
	return time.FixedZone("", *e.Status.ZoneOffset)
}

var headForm = regexp.MustCompile(`^\[([^\]]{5,40})\] (?:NOTICE|WARNING|ERROR|SECURITY|VERBOSE|DEBUG|DTMF)\[\d+\]`)

// records are those of the text. A text that begins with a newline, as chan_sip writes its
// packets, goes on in the next line.
func (t Tail) records(zone *time.Location) (list []record) {
	for line := range strings.Lines(t.Text) {
		if n := len(list); n > 0 && strings.HasSuffix(list[n-1].text, ".c:") && !headForm.MatchString(line) {
			list[n-1].text += " " + strings.TrimSpace(line)
			continue
		}
		if form := headForm.FindStringSubmatch(line); form != nil {
			list = append(list, record{strings.TrimSpace(line), dateOf(form[1], t.Written, zone)})
		}
	}
	return list
}

// dateOf reads the two usual forms of a date: "%F %T", perhaps with parts of a second, and
// "%b %e %T", which has no year; zero: it is another form.
func dateOf(text string, written time.Time, zone *time.Location) time.Time {
	text, _, _ = strings.Cut(text, ".")
	if at, err := time.ParseInLocation(time.DateTime, text, zone); err == nil {
		return at
	}
	at, err := time.ParseInLocation("Jan _2 15:04:05", text, zone)
	if err != nil {
		return time.Time{}
	}
	at = time.Date(written.In(zone).Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, zone)
	switch {
	case at.Sub(written) > 180*24*time.Hour:
		at = at.AddDate(-1, 0, 0)
	case written.Sub(at) > 180*24*time.Hour:
		at = at.AddDate(1, 0, 0)
	}
	return at
}

const (
	mostSkew  = 2 * time.Minute // between a date and the time of the write
	skewSince = 24 * time.Hour  // a log that was written longer ago says nothing
)

// clock says where the dates of a log are not those of this machine's clock.
func clock(e *Env) (list []findings.Finding) {
	for _, t := range e.Tails {
		records := t.records(e.zone())
		if len(records) == 0 || records[len(records)-1].at.IsZero() || e.Now.Sub(t.Written) > skewSince {
			continue
		}
		last := records[len(records)-1]
		skew := t.Written.Sub(last.at)
		if skew < 0 {
			skew = -skew
		}
		if skew < mostSkew {
			continue
		}
		list = append(list, findings.Finding{
			About: "clock", Severity: findings.Risky,
			What: fmt.Sprintf("the last record of a log has a date that is wrong by %s. Asterisk and pbxjail have different clocks or time zones. So after a restart, pbxjail counts old records at a wrong time", show.Brief(skew)),
			Evidence: []string{
				fmt.Sprintf("%s: %s", show.Word(t.Path, 200), show.Flat(last.text, 60)),
				"this record was written at " + show.StampIn(t.Written, e.zone()),
			},
			Hint: "to see the clock and the time zone: timedatectl. Give Asterisk and pbxjail the same time zone: TZ in both services, or /etc/localtime in a container. Then restart both",
		})
	}
	if e.Clock.Known && !e.Clock.Synchronised {
		list = append(list, findings.Finding{
			About: "clock", Severity: findings.Note, What: "the clock of this machine is not set by a time server, and may become wrong",
			Hint: "to switch the time server on: timedatectl set-ntp true",
		})
	}
	return list
}
