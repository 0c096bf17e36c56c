package daemon

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
)

// troubles are problems for status that stay until the next start. The zero value has
// none. All methods may be called from any goroutine.
type troubles struct {
	mu    sync.Mutex
	found []control.Problem
}

// note keeps what is wrong with about, and the hint.
func (t *troubles) note(about, what, hint string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.found = append(t.found, control.Problem{About: about, What: what, Hint: hint})
}

func (t *troubles) list() []control.Problem {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.found)
}

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
			About: "log of pbxjail", What: fmt.Sprintf("%d lines of pbxjail's own log are lost, because the program that takes these lines is too slow. Bans are not affected", n),
			Hint: "in most cases this program is journald: systemctl status systemd-journald. To begin again: systemctl restart systemd-journald",
		})
	}
	return list
}
