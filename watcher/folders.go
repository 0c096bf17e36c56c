package watcher

import (
	"context"
	"errors"

	"github.com/fsnotify/fsnotify"
)

// Folders calls changed after something in one of the folders has changed, until ctx ends.
// It is a hint that comes at once and may be missed: a folder that is not there is not
// watched, events can be lost (inotify(7)). A caller that must not miss a change also
// checks from time to time. Folders returns nil if the kernel gives no events.
func Folders(ctx context.Context, folders []string, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil
	}
	defer w.Close()
	for _, folder := range folders {
		_ = w.Add(folder)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-w.Events:
			if !open {
				return errors.New("events of the kernel ended")
			}
			changed()
		case <-w.Errors:
			changed() // the queue overflowed: anything may have happened
		}
	}
}
