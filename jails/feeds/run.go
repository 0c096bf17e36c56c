package feeds

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gaissmai/bart"
)

const (
	atOnce   = 4               // feeds that are read at the same time
	lookFile = 2 * time.Second // between looks at a file
	retry    = time.Minute     // after the first failure, then twice as long each time, up to the interval
	spread   = 10              // each wait is up to a tenth longer: a thousand PBXs must not ask at one time
	idle     = time.Hour
)

// answer is what a look at a feed's source brought.
type answer struct {
	same  bool // as the tag that was asked with
	list  *List
	table *bart.Lite // of list
	tag   tag
}

// Run reads feeds when they are due, and hands to the enforcer what bans, until ctx
// ends. It returns nil when nothing is left under way.
func (f *Feeds) Run(ctx context.Context) error {
	var under sync.WaitGroup
	defer under.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		for {
			s, asked := f.due()
			if s == nil {
				break
			}
			under.Go(func() { f.look(ctx, s, asked) })
		}
		f.enforce()
		timer.Reset(f.pause())
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		case <-timer.C:
		}
	}
}

// due takes the feed that has waited longest, if its time has come, and says with
// which tag to ask.
func (f *Feeds) due() (found *feed, asked question) {
	f.mu.Lock()
	defer f.mu.Unlock()
	busy, now := 0, time.Now()
	for _, s := range f.feeds {
		if s.busy {
			busy++
		} else if s.Enabled && !s.next.After(now) && (found == nil || s.next.Before(found.next)) {
			found = s
		}
	}
	if busy >= atOnce || found == nil {
		return nil, asked
	}
	found.busy = true
	return found, question{feed: found.Feed, tag: found.tag, known: found.list != nil}
}

// pause is how long nothing is due.
func (f *Feeds) pause() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	wait, busy := f.kernel.pause(idle), 0
	for _, s := range f.feeds {
		if s.busy {
			busy++
		} else if s.Enabled {
			wait = min(wait, time.Until(s.next))
		}
	}
	if busy >= atOnce {
		return f.kernel.pause(idle) // who is read wakes us
	}
	return max(wait, 0)
}

// look asks a feed's source, and keeps what it says.
func (f *Feeds) look(ctx context.Context, s *feed, asked question) {
	got, err := f.ask(ctx, asked)
	if ctx.Err() != nil {
		return // we are stopped, and nothing was wrong with the feed
	}
	if err == nil && !got.same {
		got.table = tableOf(got.list.Prefixes)
	}
	switch fresh := f.keep(s, got, err); {
	case fresh:
		f.saved(s, f.save(asked.feed, got, time.Now()))
	case err == nil:
		f.touch(asked.feed, time.Now())
	}
	f.nudge()
}

// keep notes an answer, and says whether there is a new list.
func (f *Feeds) keep(s *feed, got answer, err error) (fresh bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(f.feeds, s) {
		return false // it is not wanted any more
	}
	s.busy = false
	before, now := s.err, time.Now()
	if err != nil {
		s.tag.file = got.tag.file // a file that is refused is read again when it changes
		s.fails++
		s.err, s.next = err, now.Add(s.wait(retry<<min(s.fails-1, 10)))
		f.reported(s, before, err)
		return false
	}
	s.next = now.Add(s.wait(s.Interval))
	if got.same && s.File != "" && s.err != nil {
		return false // what was wrong with it still is
	}
	s.err, s.fails, s.checked = nil, 0, now
	f.reported(s, before, nil)
	if got.same {
		return false
	}
	s.list, s.table, s.tag, s.fetched = got.list, got.table, got.tag, now
	f.publish()
	f.kernel.stale = f.kernel.stale || s.Bans()
	f.opts.Log.Info("a new list of a feed is in use", "feed", s.Name, "format", got.list.Format, "entries", got.list.Entries,
		"corrected", got.list.Masked, "left_out", got.list.Dropped, "refused", got.list.Refused)
	return true
}

// wait is how long to wait before the next look.
func (s *feed) wait(d time.Duration) time.Duration {
	if strings.HasPrefix(s.File, "/") { // what is shipped does not change
		return lookFile
	}
	d = min(d, s.Interval)
	return d + rand.N(d/spread+1)
}

func (f *Feeds) saved(s *feed, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && s.saveErr == nil {
		f.opts.Log.Warn("pbxjail cannot save its copy of a feed on the disk. The feed works now; after a restart it does nothing until pbxjail fetches it again", "feed", s.Name, "err", err, "hint", f.diskHint())
	}
	s.saveErr = err
}
