package watcher

import (
	"context"
	"errors"

	"github.com/fsnotify/fsnotify"
)

// Folders calls changed after something in one of the folders has changed, until ctx ends.
// It is a hint that comes at once and may be missed: events can be lost (inotify(7)). A
// caller that must not miss a change also checks from time to time. Of a folder that is not
// there, the nearest one above is watched: its changes are reported too. Folders returns nil
// if the kernel gives no events.
func Folders(ctx context.Context, folders []string, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil
	}
	defer w.Close()
	add := func() {
		for _, folder := range folders {
			_ = w.Add(nearest(folder)) // once more is no harm: it may be another folder now
		}
	}
	for add(); ; {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-w.Events:
			if !open {
				return errors.New("the kernel does not report changes of folders any more")
			}
			if event.Op != fsnotify.Write {
				add()
			}
			changed()
		case <-w.Errors:
			changed() // the queue overflowed: anything may have happened
		}
	}
}
