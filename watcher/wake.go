package watcher

import (
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// waker turns events of the kernel into wake-ups. Folders are watched, not
// files: a rotation replaces the file. The zero waker never wakes anybody.
type waker struct {
	fs     *fsnotify.Watcher
	notify func(string, error)
	failed map[string]bool // folders that could not be watched

	unheard map[string]bool        // folders on file systems that do not report everything
	names   map[string][]*follower // by real path, as events call them
	folders map[string][]*follower // by real path of the folder
	watched map[string]bool

	asking func() // for tests: called before the kernel is asked; nil: not
}

func newWaker(notify func(string, error)) *waker {
	k := &waker{notify: notify, failed: map[string]bool{}, unheard: map[string]bool{}, watched: map[string]bool{}}
	var err error
	// Unbuffered: what waits in the kernel is merged there.
	if k.fs, err = fsnotify.NewWatcher(); err != nil {
		notify("inotify", problemEvents("inotify", err))
	}
	return k
}

func (k *waker) close() {
	if k.fs != nil {
		k.fs.Close()
	}
}

func (k *waker) events() <-chan fsnotify.Event {
	if k.fs == nil {
		return nil
	}
	return k.fs.Events
}

// errors tells of an overflow of the kernel's queue.
func (k *waker) errors() <-chan error {
	if k.fs == nil {
		return nil
	}
	return k.fs.Errors
}

// index makes the followers findable by what events will be called.
func (k *waker) index(followers map[string]*follower, patterns []*pattern) {
	k.names, k.folders = map[string][]*follower{}, map[string][]*follower{}
	for _, f := range followers {
		f.folder = nearest(filepath.Dir(f.path))
		k.folders[f.folder] = append(k.folders[f.folder], f)
		name := realName(f.path)
		k.names[name] = append(k.names[name], f)
		if target := linkTarget(name); target != name {
			k.names[target] = append(k.names[target], f)
			folder := nearest(filepath.Dir(target))
			k.folders[folder] = append(k.folders[folder], f)
		}
	}
	for _, p := range patterns {
		if p.glob {
			p.near = nearest(p.folder())
			if _, ok := k.folders[p.near]; !ok {
				k.folders[p.near] = nil
			}
		}
	}
}

// watch asks the kernel for the events of the indexed folders, and of no others.
// It reports whether one went away before it could be asked for.
func (k *waker) watch() (gone bool) {
	clear(k.unheard)
	if k.asking != nil {
		k.asking()
	}
	for folder := range k.folders {
		if !heardAll(folder) {
			k.unheard[folder] = true
		}
		// Always asked: it costs one system call, and the folder may be another one
		// of the same name by now, and even of the same inode.
		err := k.fs.Add(folder)
		if missing(err) {
			gone = true
			continue
		}
		if err != nil && !k.failed[folder] {
			k.failed[folder] = true
			k.notify(folder, problemEvents(folder, err))
		}
		if err == nil && k.failed[folder] {
			delete(k.failed, folder)
			k.notify(folder, nil)
		}
		k.watched[folder] = true
	}
	for folder := range k.watched {
		if _, ok := k.folders[folder]; !ok {
			_ = k.fs.Remove(folder) // gone already where the folder is
			delete(k.watched, folder)
			delete(k.failed, folder)
		}
	}
	return gone
}

// maxRewatch is how often the folders are watched again in a row: deeper than folders of logs are.
const maxRewatch = 8

// rewatch watches the folders that matter now. A folder that is made while it does so
// matters too, and no event reports it: then it watches again, at once. The bound is for a
// program that makes and removes folders all the time: the clock helps then.
func (l *loop) rewatch() (err error) {
	if !l.stale || l.wake.fs == nil {
		return nil
	}
	for range maxRewatch {
		l.wake.index(l.followers, l.patterns)
		l.stale = l.wake.watch()
		err = l.lookAround() // for what happened before the watch was there
		if !l.stale || err != nil {
			break
		}
	}
	before := l.unheard
	if l.unheard = l.weigh(); l.unheard && !before {
		l.tick.Reset(l.pause(time.Now()))
	}
	return err
}

// nearest is the real path of folder, or of the nearest one above it that
// exists: what is missing will be made there.
func nearest(folder string) string {
	for {
		if real, err := realPath(folder); err == nil {
			if info, err := os.Stat(real); err == nil && info.IsDir() {
				return real
			}
		}
		up := filepath.Dir(folder)
		if up == folder {
			return up
		}
		folder = up
	}
}

// realName is path with no symbolic link in its folder.
func realName(path string) string {
	if folder, err := realPath(filepath.Dir(path)); err == nil {
		return filepath.Join(folder, filepath.Base(path))
	}
	return path
}

// linkTarget is the real path of what name leads to. A link may lead to nothing
// for as long as what it names is being rotated.
func linkTarget(name string) string {
	if target, err := realPath(name); err == nil {
		return target
	}
	target, err := os.Readlink(name)
	if err != nil {
		return name
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(name), target)
	}
	return realName(target)
}

func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}
