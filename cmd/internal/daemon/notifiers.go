package daemon

import (
	"context"
	"log/slog"
	"sync"

	"pbxjail/cmd/internal/notify"
	"pbxjail/jails/warden"
)

// notifier receives the decisions of the warden, one after another. It may be slow: no ban
// waits for it.
type notifier interface {
	notify(d warden.Decision)
	// lost says that so many decisions had no room while it was slow.
	lost(n uint64)
}

// notifiers are all receivers of decisions. Each has a queue of its own, so that a slow one holds
// up neither a ban nor the others: what does not fit is dropped and counted.
type notifiers struct{ list []receiver }

type receiver struct {
	name  string // for metrics: a word of ours
	to    notifier
	wants func(warden.Decision) bool // nil: all
	queue *notify.Queue[warden.Decision]
}

// maxDecisions is how many decisions wait for one notifier.
const maxDecisions = 4000

// add adds a notifier of the decisions that it wants, before Run and before the first
// decision. One that is added twice, for different decisions, has two queues. name is that of
// the queue in metrics.
func (n *notifiers) add(name string, to notifier, wants func(warden.Decision) bool) {
	n.list = append(n.list, receiver{name, to, wants, notify.NewQueue[warden.Decision](maxDecisions)})
}

// tell never waits. It may be called from any goroutine, and under any lock.
func (n *notifiers) tell(d warden.Decision) {
	for _, t := range n.list {
		if t.wants == nil || t.wants(d) {
			t.queue.Put(d)
		}
	}
}

// Run delivers until ctx ends and nothing waits.
func (n *notifiers) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, t := range n.list {
		all.Go(func() { t.deliver(ctx) })
	}
	all.Wait()
	return nil
}

// deliver tells one notifier, and says how much was dropped before.
func (r *receiver) deliver(ctx context.Context) {
	said := uint64(0)
	r.queue.Run(ctx, func(d warden.Decision) {
		r.to.notify(d)
		if lost := r.queue.Dropped(); lost > said {
			r.to.lost(lost - said)
			said = lost
		}
	})
}

// logger is the notifier that writes decisions into the log.
type logger struct{ *slog.Logger }

func (l logger) notify(d warden.Decision) { d.Log(l.Logger) }

func (l logger) lost(n uint64) {
	l.Warn("some bans and unbans are missing in this log, because there were too many; to see all bans: jailctl list", "to", "log", "lost", n)
}
