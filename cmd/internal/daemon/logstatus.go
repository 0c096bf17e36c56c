package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/logs"
	"pbxjail/configs/hint"
	"pbxjail/configs/show"
	"pbxjail/watcher"
	"pbxjail/watcher/journal"
)

// logStatus adds the logs that are followed, and what is wrong with them.
func (b *backend) logStatus(s *control.Status, now time.Time) {
	var list []logs.Log
	at := map[string]int{}
	for _, f := range b.logs.Files() {
		at[f.File] = len(s.Files)
		file := b.fileOf(f.File)
		file.Offset, file.Size, file.LastLine = f.Offset, f.Size, control.Moment(f.LastLine)
		switch {
		case errors.Is(f.Problem, fs.ErrNotExist):
			file.Problem = control.NotThere
		case errors.Is(f.Problem, watcher.ErrSame):
			file.Finding = f.Problem.Error() // it is read under the other name
		case f.Problem != nil:
			file.Problem = strings.TrimPrefix(f.Problem.Error(), f.File+": ")
			s.Problems = append(s.Problems, control.Problem{About: "log " + f.File, What: "log " + f.File + " is not read: " + file.Problem, Hint: hint.Of(f.Problem)})
		}
		if file.Missed = f.Missed; f.Missed > 0 {
			s.Problems = append(s.Problems, control.Problem{
				About: "log " + f.File, What: fmt.Sprintf("log %s: the lines of %s are lost, because the log was rotated more than once before pbxjail could read these lines", f.File, show.Count(f.Missed, "rotated file")), Hint: missedHint,
			})
		}
		list = append(list, logs.Log{Path: f.File, There: file.Problem != control.NotThere})
		s.Files = append(s.Files, file)
	}
	names, states := b.journals.states(now)
	for i, name := range names {
		at[name] = len(s.Files)
		file := b.fileOf(name)
		file.LastLine = control.Moment(states[i].LastLine)
		if err := states[i].Problem; err != nil {
			file.Problem = err.Error()
			s.Problems = append(s.Problems, control.Problem{About: "log " + name, What: err.Error(), Hint: hint.Of(err)})
		}
		list = append(list, logs.Log{Path: name, There: true})
		s.Files = append(s.Files, file)
	}
	for _, one := range b.reading.findings(b.found.current(), list, now) {
		p := control.Problem{About: one.State, What: one.What, Hint: one.Hint}
		if one.Log != "" {
			p.About, p.What = "log "+one.Log, "log "+one.Log+": "+one.What
			s.Files[at[one.Log]].Finding = one.State
		}
		s.Problems = append(s.Problems, p)
	}
}

const missedHint = "attempts in the lost lines do not count. In the file of this log in /etc/logrotate.d, write delaycompress and rotate 2, and rotate less often: daily in place of hourly, or a larger size. If this happens again, the processor of this machine is too slow or too busy: top"

// fileOf is what was read of a log.
func (b *backend) fileOf(name string) control.File {
	a := b.reading.account(name)
	return control.File{
		Path: name, Lines: a.Lines, Records: a.Records, Matched: a.Matched, Doubtful: a.Doubtful,
		Unread: a.Unread, LastRecord: control.Moment(a.Last),
	}
}

// filesOf are the logs that are no units in the journal.
func filesOf(logs []string) []string {
	return slices.DeleteFunc(slices.Clone(logs), journal.Is)
}
