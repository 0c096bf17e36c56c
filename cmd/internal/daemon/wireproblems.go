package daemon

import (
	"fmt"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

// mostPackets is the largest wire.limit that the main file may have.
const mostPackets = 1_000_000

// problems are those of the wire, for status and doctor.
func (w *wireSource) problems(now time.Time) (list []control.Problem) {
	s := w.status()
	if s.Problem != "" {
		list = append(list, control.Problem{About: control.AboutWire, What: "pbxjail cannot read packets, so bans come from logs alone: " + s.Problem, Hint: s.Hint})
		return list
	}
	if s.Complete != nil && now.Sub(*s.Complete) < time.Minute && s.Dropped+s.Sampled > 0 {
		list = append(list, w.unread(&s))
	}
	return list
}

// unread says that packets were not read within the last minute, and what that costs.
func (w *wireSource) unread(s *control.Wire) control.Problem {
	what := fmt.Sprintf("pbxjail did not read all packets within the last minute. It missed %s since it started, %s", show.Count(int(s.Dropped+s.Sampled), "packet"), s.Unread())
	todo := "if somebody floods this machine, wait: the senders will be banned. "
	if s.Sampled > 0 {
		w.mu.Lock()
		limit := w.main.Limit
		w.mu.Unlock()
		what += fmt.Sprintf(". wire.limit is %d packets a second", limit)
		todo += fmt.Sprintf("Else write a larger limit into the main file, such as wire: {limit: %d}; then: systemctl restart pbxjail", min(2*limit, mostPackets))
	} else {
		todo += "Else this machine is too busy. To see the busy programs: top"
	}
	return control.Problem{About: control.AboutWire, What: what + ". Bans because of logs go on. But pbxjail cannot check all records of logs against packets, so some of these bans end after 15 minutes", Hint: todo}
}
