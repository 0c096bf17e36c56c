package daemon

import (
	"context"
	"fmt"
	"log/slog"

	"pbxjail/configs/hint"
)

// parts are the goroutines of a daemon, by name. They start one after another, and
// stop in an order that the caller chooses. Its methods are for one goroutine.
type parts struct {
	log  *slog.Logger
	fail func(error) // is called when a part ends by itself with an error
	left *unfinished // has the names of those that run
	runs map[string]*part
}

type part struct {
	stop  context.CancelFunc
	ended chan struct{}
}

func newParts(log *slog.Logger, left *unfinished, fail func(error)) *parts {
	return &parts{log: log, fail: fail, left: left, runs: map[string]*part{}}
}

// start runs a part until it is stopped.
func (p *parts) start(name string, run func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	one := &part{stop, make(chan struct{})}
	p.runs[name] = one
	p.log.Debug("part started", "part", name)
	end := p.left.begin(name)
	go func() {
		defer close(one.ended)
		defer end()
		if err := run(ctx); err != nil && ctx.Err() == nil {
			p.fail(hint.Add(todo(err, "systemctl restart pbxjail"), fmt.Errorf("part %q of pbxjail ended with an error: %w", name, err)))
		}
	}()
}

// stop ends parts at the same time, and waits for them until ctx ends. Those that
// never started are passed over. It reports whether all have ended.
func (p *parts) stop(ctx context.Context, names ...string) (all bool) {
	all = true
	for _, name := range names {
		if one := p.runs[name]; one != nil {
			one.stop()
		}
	}
	for _, name := range names {
		one := p.runs[name]
		if one == nil {
			continue
		}
		select {
		case <-one.ended:
			p.log.Debug("part stopped", "part", name)
		case <-ctx.Done():
			select {
			case <-one.ended:
				p.log.Debug("part stopped", "part", name)
			default:
				p.log.Error(notInTime, "part", name)
				all = false
			}
		}
	}
	return all
}

// ended is closed when a part that was started has ended.
func (p *parts) ended(name string) <-chan struct{} { return p.runs[name].ended }

// finish runs a last part until it ends, or ctx does.
func (p *parts) finish(ctx context.Context, name string, run func()) {
	p.start(name, func(context.Context) error { run(); return nil })
	one := p.runs[name]
	select {
	case <-one.ended:
		p.log.Debug("part stopped", "part", name)
	case <-ctx.Done():
		p.log.Error(notInTime, "part", name)
	}
	one.stop()
}

// notInTime is true of the ledger, too: a transaction is in it whole, or not at all, and then
// the position behind its lines is not saved.
const notInTime = "a part of pbxjail did not end in time, so pbxjail ends without waiting for this part. Bans stay in force, and nothing needs to be done: the next start reads again what was not saved"
