package feeds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"pbxjail/configs"
	"pbxjail/configs/hint"
)

// OffLine reads feeds as they are on this machine: the copies of a daemon in dir, and the
// files that are feeds. It fetches nothing, changes nothing and must not be Run. The error
// names the feeds of which nothing is known here; the others are good in spite of it.
func OffLine(dir string, list []configs.Feed) (*Feeds, error) {
	f := New(Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, c := range list {
		s := f.load(c)
		if c.URL == "" && c.Enabled {
			got, err := f.ask(context.Background(), question{feed: c})
			if err != nil {
				errs = append(errs, fmt.Errorf("feed %s: %w", c.Name, err))
			} else if got.list != nil {
				s.list, s.table = got.list, tableOf(got.list.Prefixes)
			}
		} else if c.Enabled && s.list == nil {
			errs = append(errs, fmt.Errorf("feed %s: %w", c.Name, hint.New("nothing to do: only the daemon fetches feeds; this command continues without the feed", "there is no copy of this feed on this machine yet")))
		}
		f.feeds = append(f.feeds, s)
	}
	f.publish()
	return f, errors.Join(errs...)
}
