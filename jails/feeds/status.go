package feeds

import (
	"time"

	"pbxjail/configs"
	"pbxjail/configs/hint"
)

// Status is the state of a feed.
type Status struct {
	configs.Feed
	Source  string    // for people: see the function Source
	List    *List     // what it said last; nil: nothing yet. Not to be written into
	Fetched time.Time // when it said that; zero: never
	Checked time.Time // when its source last confirmed it
	Next    time.Time // when a url is asked again; zero: it is off, or a file
	Held    int       // prefixes in the kernel
	Taken   int       // prefixes that protection took out, or out of
	Problem error     // what is wrong, with a hint; nil: nothing
}

var errNoEnforcer = hint.Errorf("write enforcer: ipset into the main file; then: systemctl restart pbxjail. Or write use: factor below this feed; then: jailctl reload. Attempts of its addresses then get more points, and no packet is dropped", "this feed drops no packet, because the enforcer that is in use cannot hold feeds")

// Status returns the feeds in the order of the main file.
func (f *Feeds) Status() []Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Status, 0, len(f.feeds))
	for _, s := range f.feeds {
		st := Status{Feed: s.Feed, Source: Source(s.Feed), List: s.list, Fetched: s.fetched, Checked: s.checked}
		if s.Enabled {
			st.Problem = f.problem(s)
			if s.URL != "" {
				st.Next = s.next
			}
		}
		if h := f.kernel.held[s.Name]; h != nil {
			st.Held, st.Taken = h.count, h.taken
		}
		list = append(list, st)
	}
	return list
}

// diskHint is what to do when the copies of feeds cannot be written.
func (f *Feeds) diskHint() string {
	return "check the space on the disk: df -h " + f.opts.Dir + "; and the folder: ls -ld " + f.opts.Dir + ". pbxjail tries again when it fetches the feed again"
}

// problem is the worst that is wrong with a feed. mu is held.
func (f *Feeds) problem(s *feed) error {
	var held error
	if h := f.kernel.held[s.Name]; h != nil && h.err != nil {
		held = h.err
	}
	if s.Bans() && f.opts.Enforcer == nil {
		held = errNoEnforcer
	}
	var saved error
	if s.saveErr != nil {
		saved = hint.Errorf(f.diskHint(), "pbxjail cannot save its copy of the feed on the disk. The feed works now; after a restart it does nothing until pbxjail fetches it again: %w", s.saveErr)
	}
	for _, err := range []error{held, s.excess, s.err, saved} {
		if err != nil {
			return err
		}
	}
	return nil
}
