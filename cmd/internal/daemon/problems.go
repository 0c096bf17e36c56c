package daemon

import (
	"fmt"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
)

// problems are those of the parts that have no place of their own in status.
func (d *Daemon) problems() []control.Problem {
	list := append(d.troubles.list(), d.upkeep.ports.problems()...)
	list = append(list, d.off.problems()...)
	list = append(list, d.upkeep.over.problems()...)
	list = append(list, d.past.problems()...)
	list = append(list, d.metricsProblems()...)
	if err := d.store.Unreadable(); err != nil {
		list = append(list, control.Problem{About: control.AboutDatabase, What: err.Error(), Hint: hint.Of(err)})
	}
	if d.senders != nil {
		list = append(list, d.senders.problems()...)
	}
	if d.wire != nil {
		list = append(list, d.wire.problems(time.Now())...)
	}
	list = append(list, d.ami.problems()...)
	if d.opts.Lost == nil {
		return list
	}
	if n := d.opts.Lost(); n > 0 {
		list = append(list, control.Problem{
			About: "log of pbxjail", What: fmt.Sprintf("%d lines of pbxjail's own log are lost, because the program that reads them is too slow", n),
			Hint: "bans are not affected; check the program that reads the log of pbxjail, which is usually journald: systemctl status systemd-journald",
		})
	}
	return list
}
