package daemon

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/notify"
	"pbxjail/parsers/sensor"
)

// followers are those who watch the transactions on the wire. A slow one loses some, and
// delays nothing else. The zero value has none. All methods may be called from any goroutine.
type followers struct {
	many atomic.Int32 // how many there are: mostly none, and a transaction need not take the lock
	mu   sync.Mutex
	list map[*follower]bool // guarded by mu
}

// follower is one of them.
type follower struct {
	addr  netip.Addr // the address that it follows; zero: all
	queue *notify.Queue[control.Transaction]
}

const (
	maxFollowers = 4
	maxUnread    = 256 // transactions that wait for a follower
)

// tell hands a transaction to all who follow its address. It never waits.
func (l *followers) tell(t *sensor.Transaction) {
	if l.many.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for one := range l.list {
		if !one.addr.IsValid() || one.addr == t.Remote.Addr() {
			one.queue.Put(shown(t))
		}
	}
}

// shown is a transaction in the API's words.
func shown(t *sensor.Transaction) control.Transaction {
	return control.Transaction{
		Time: t.Time.UTC(), TookMS: float64(t.Took) / float64(time.Millisecond), Remote: t.Remote, Local: t.Local, Service: t.Service.String(),
		TCP: t.TCP, Out: t.Out, Method: t.Method, Account: t.Account.Quoted(), Number: t.Number.Quoted(), Agent: t.Agent.Quoted(),
		Status: int(t.Status), Answer: t.Answer,
	}
}

// follow sends transactions of an address, or of all, until ctx ends or sending fails.
func (l *followers) follow(ctx context.Context, addr netip.Addr, to control.Caller[control.Transaction]) error {
	one := &follower{addr, notify.NewQueue[control.Transaction](maxUnread)}
	if !l.add(one) {
		return control.Refuse(http.StatusConflict, "end one of them with ctrl-c", "jailctl wire runs %d times already, and no more are possible", maxFollowers)
	}
	defer l.remove(one)
	if err := to.Begin(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	reported := uint64(0)
	one.queue.Run(ctx, func(t control.Transaction) {
		if ctx.Err() != nil {
			return
		}
		dropped := one.queue.Dropped()
		t.Dropped, reported = dropped-reported, dropped
		if err := to.Send(t); err != nil {
			cancel(err)
		}
	})
	return context.Cause(ctx)
}

func (l *followers) add(one *follower) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) >= maxFollowers {
		return false
	}
	if l.list == nil {
		l.list = map[*follower]bool{}
	}
	l.list[one] = true
	l.many.Store(int32(len(l.list)))
	return true
}

func (l *followers) remove(one *follower) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.list, one)
	l.many.Store(int32(len(l.list)))
}
