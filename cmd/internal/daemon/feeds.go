package daemon

import (
	"path/filepath"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/jails/feeds"
)

// namesTime is how long feeds that ban wait for the names of those to be spared.
const namesTime = 10 * time.Second

// openFeeds starts with the copies on disk, so that no network is needed. None of
// them bans before protectFeeds has said whom to spare.
func (d *Daemon) openFeeds() {
	enforcer, _ := d.enforcer.(feeds.Replacer) // nil when it holds no lists: each feed that bans says so
	d.feeds = feeds.New(feeds.Options{Dir: filepath.Join(filepath.Dir(d.main.Database), "feeds"), Enforcer: enforcer, Log: d.log})
	d.feeds.Set(d.main.Feeds)
}

func (d *Daemon) setFeeds() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.feeds.Set(d.main.Feeds)
}

// protectFeeds says whom no feed may ban. mu is held, or nothing runs yet.
func (d *Daemon) protectFeeds() {
	if d.guard.pending && time.Since(d.since) < namesTime {
		return // a trunk that is known by its name alone must not be dropped meanwhile
	}
	d.feeds.Protect(d.guard.prefixes())
}

// Feeds answers jailctl.
func (b *backend) Feeds() (list []control.Feed) {
	for _, s := range b.d.feeds.Status() {
		f := control.Feed{
			Name: s.Name, Source: s.Source, Use: s.Use, Factor: s.Factor, Enabled: s.Enabled,
			Fetched: control.Moment(s.Fetched), Checked: control.Moment(s.Checked), Next: control.Moment(s.Next),
			InKernel: s.Held, Protected: s.Taken,
		}
		if s.List != nil {
			f.Format, f.Entries, f.Masked, f.Dropped, f.Refused = s.List.Format, s.List.Entries, s.List.Masked, s.List.Dropped, s.List.Refused
			for _, n := range s.List.Notes {
				f.Notes = append(f.Notes, control.FeedNote(n))
			}
		}
		if s.Problem != nil {
			f.Problem, f.Hint = s.Problem.Error(), hintOf(s.Problem)
		}
		list = append(list, f)
	}
	return list
}

// feedProblems are those of the feeds, for status.
func (b *backend) feedProblems() (list []control.Problem) {
	for _, s := range b.d.feeds.Status() {
		if s.Problem != nil {
			list = append(list, control.Problem{What: "feed " + s.Name + ": " + s.Problem.Error(), Hint: hintOf(s.Problem)})
		}
	}
	return list
}
