package daemon

import (
	"errors"
	"io/fs"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/logs"
	"pbxjail/watcher"
)

// logStatus adds the logs that are followed, and what is wrong with them.
func (b *backend) logStatus(s *control.Status, now time.Time) {
	var list []logs.Log
	at := map[string]int{}
	for _, f := range b.logs.Files() {
		at[f.File] = len(s.Files)
		a := b.reading.account(f.File)
		file := control.File{
			Path: f.File, Offset: f.Offset, Size: f.Size, LastLine: control.Moment(f.LastLine), Lines: a.Lines,
			Records: a.Records, Matched: a.Matched, Doubtful: a.Doubtful, Unread: a.Unread, LastRecord: control.Moment(a.Last),
		}
		switch {
		case errors.Is(f.Problem, fs.ErrNotExist):
			file.Problem = control.NotThere
		case errors.Is(f.Problem, watcher.ErrSame):
			file.Finding = f.Problem.Error() // it is read under the other name
		case f.Problem != nil:
			file.Problem = f.Problem.Error()
		}
		list = append(list, logs.Log{Path: f.File, There: file.Problem != control.NotThere})
		s.Files = append(s.Files, file)
	}
	for _, one := range b.reading.findings(b.found.current(), list, now) {
		p := control.Problem{About: one.State, What: one.What, Hint: one.Hint}
		if one.Log != "" {
			p.About, p.What = "log "+one.Log, one.Log+": "+one.What
			s.Files[at[one.Log]].Finding = one.State
		}
		s.Problems = append(s.Problems, p)
	}
}
